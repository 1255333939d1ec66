"""Join links and cookies: only ours, whole, and in time."""

import base64
import json
import stat
import threading
from pathlib import Path

import pytest

from orchestrator.identity.errors import LinkExpired, LinkInvalid
from orchestrator.identity.link_key import LinkKeyError, load_or_create
from orchestrator.identity.links import LinkClaims, LinkSigner
from orchestrator.identity.passwords import Passwords
from orchestrator.identity.tokens import new_token, token_hash

NOW = 1_800_000_000.0
CLAIMS = LinkClaims("s1", "v1", "venue", "l1", NOW + 60)


@pytest.fixture
def signer() -> LinkSigner:
    return LinkSigner(b"k" * 32, clock=lambda: NOW)


def test_a_link_says_what_was_signed_and_is_always_the_same(signer: LinkSigner) -> None:
    token = signer.link(CLAIMS)
    assert signer.read_link(token) == CLAIMS
    assert signer.link(CLAIMS) == token
    assert signer.read_cookie(signer.cookie(CLAIMS)) == CLAIMS


def test_expired_at_its_moment() -> None:
    token = LinkSigner(b"k" * 32).link(CLAIMS)
    with pytest.raises(LinkExpired, match="ask the host"):
        LinkSigner(b"k" * 32, clock=lambda: NOW + 60).read_link(token)
    assert LinkSigner(b"k" * 32, clock=lambda: NOW + 59).read_link(token) == CLAIMS


def _b64(data: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


def _forged(name: str, signer: LinkSigner) -> str:
    token = signer.link(CLAIMS)
    head, body, signature = token.split(".")
    other = LinkSigner(b"o" * 32, clock=lambda: NOW)
    forged = {
        "empty": "",
        "word": "join",
        "dots": "...",
        "cut": token[:-3],
        "longer": token + "AAAA",
        "swapped body": f"{head}.{_b64({'aud': 'plenary-link', 'sid': 's2'})}.{signature}",
        "no algorithm": f"{_b64({'alg': 'none'})}.{body}.",
        "foreign key": other.link(CLAIMS),
        "a cookie is no link": signer.cookie(CLAIMS),
        "not ASCII": "主会场.主会场.主会场",
        "surrogate": "\ud800.a.b",
        "huge": "a" * 5000,
        "list as body": f"{head}.{_b64([1])}.{signature}",
        "other role": signer.link(LinkClaims("s1", "v1", "host", "l1", NOW + 60)),  # type: ignore[arg-type]  # what a bug elsewhere might sign
        "empty session": signer.link(LinkClaims("", "v1", "venue", "l1", NOW + 60)),
    }
    return forged[name]


@pytest.mark.parametrize(
    "name",
    [
        "empty",
        "word",
        "dots",
        "cut",
        "longer",
        "swapped body",
        "no algorithm",
        "foreign key",
        "a cookie is no link",
        "not ASCII",
        "surrogate",
        "huge",
        "list as body",
        "other role",
        "empty session",
    ],
)
def test_forged_links_are_invalid(name: str, signer: LinkSigner) -> None:
    with pytest.raises(LinkInvalid):
        signer.read_link(_forged(name, signer))


def test_a_link_is_no_cookie(signer: LinkSigner) -> None:
    with pytest.raises(LinkInvalid):
        signer.read_cookie(signer.link(CLAIMS))


def test_the_key_is_made_once_and_only_ours_to_read(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "link.key"
    key = load_or_create(path)
    assert len(key) == 32
    assert load_or_create(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir()] == ["link.key"]
    path.chmod(0o644)
    assert load_or_create(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "abc", "zz" * 32, "\x00" * 64])
def test_a_damaged_key_is_never_replaced(tmp_path: Path, content: str) -> None:
    path = tmp_path / "link.key"
    path.write_text(content)
    with pytest.raises(LinkKeyError, match="damaged"):
        load_or_create(path)
    assert path.read_text() == content


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LinkKeyError, match="writable"):
        load_or_create(tmp_path / "file" / "link.key")


def test_several_first_starts_agree_on_one_key(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    keys: list[bytes] = []
    # Draft files are named by process: threads stand for processes one after the other.
    lock = threading.Lock()

    def start() -> None:
        with lock:
            keys.append(load_or_create(path))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1


async def test_passwords() -> None:
    passwords = Passwords()
    encoded = await passwords.hash("correct horse 电池")
    assert encoded.startswith("$argon2id$")
    assert await passwords.verify(encoded, "correct horse 电池")
    assert not await passwords.verify(encoded, "wrong")
    assert not await passwords.verify(None, "anything")
    assert not await passwords.verify("no hash at all", "anything")


def test_tokens_are_stored_as_hashes_only() -> None:
    token = new_token()
    assert len(token) >= 43
    assert token != new_token()
    assert token not in token_hash(token)
    assert token_hash("\ud800")
