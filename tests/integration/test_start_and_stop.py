"""`plenary up` as people meet it: it starts, ends whole, and says in one line why it cannot."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from orchestrator.runtime import runtime_paths
from orchestrator.store.database import open_database
from peers.errors import Refused
from peers.signalling import SignallingClient
from tests.e2e.product import PASSWORD, Product, free_port, running
from tests.e2e.waiting import eventually
from tests.integration.installation import (
    ROOT,
    Refusal,
    fill,
    gone,
    refused,
    remount_read_only,
    small_disk,
    started,
    tree,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

DEATH_SECONDS = 5.0
"""After SIGKILL of the supervisor nothing of it runs for longer."""


@pytest.fixture(autouse=True)
def _sockets_in_tmp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")


async def up_refused(data: Path, *arguments: str, **environment: str) -> Refusal:
    """On free ports unless given."""
    if "--port" not in arguments:
        arguments = ("--port", str(free_port()), *arguments)
    if "--media-port" not in arguments:
        arguments = ("--media-port", "0", *arguments)
    return await refused(data.with_suffix(".log"), "--data", str(data), *arguments, **environment)


# --- start and end ------------------------------------------------------------------------------


async def test_ctrl_c_ends_everything_and_a_second_start_is_refused_until_then(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    async with running(data) as product:
        assert product.setup_token, "the first start prints a one-time link"
        before = tree(product.process.pid)
        assert {"worker", "recorder", "orchestrator", "valkey"} == {
            name
            for name in ("worker", "recorder", "orchestrator", "valkey")
            if product.child(name) in before
        }
        second = await up_refused(data)
        second.check("already_running", str(product.process.pid), "--data")
        assert tree(product.process.pid) == before, "the first one was disturbed"
        await product.get("/readyz")
        assert await product.stop() == 0
        await gone(before, 0.5)
    assert "Traceback" not in product.output.read_text()
    assert not runtime_paths(data).folder.exists()
    async with running(data) as again:
        assert again.child("orchestrator").is_running()


async def test_sigkill_of_the_supervisor_leaves_nothing_and_the_next_start_works(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    async with running(data) as product:
        everything = tree(product.process.pid)
        product.process.kill()
        await product.process.wait()
        await gone(everything, DEATH_SECONDS)
    async with running(data) as again:
        again.process.send_signal(signal.SIGTERM)
        assert await again.stop() == 0


async def test_ctrl_c_in_the_middle_of_a_start(tmp_path: Path) -> None:
    data, output = tmp_path / "data", tmp_path / "output"
    ports = ("--port", str(free_port()), "--media-port", "0")
    async with started(output, "--data", str(data), *ports) as process:
        await eventually(lambda: _printed(output), lambda text: "process_started" in text)
        everything = tree(process.pid)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 40) == 0
        await gone(everything, 0.5)
    assert "Traceback" not in output.read_text()


async def _printed(output: Path) -> str:
    return output.read_text()


# --- what keeps it from starting ----------------------------------------------------------------


async def test_the_port_of_the_pages_is_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = await up_refused(tmp_path / "data", "--port", port)
    told.check("port_in_use", f"TCP port {port}", "--port")


async def test_the_port_of_the_media_is_in_use(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = str(taken.getsockname()[1])
        told = await up_refused(tmp_path / "data", "--media-port", port)
    told.check("port_in_use", f"UDP port {port}", "--media-port")


async def test_an_address_that_is_not_of_this_machine(tmp_path: Path) -> None:
    # 192.0.2.0/24 belongs to nobody (RFC 5737).
    told = await up_refused(tmp_path / "data", "--host", "192.0.2.1")
    told.check("config_invalid", "192.0.2.1", "--host")
    told = await up_refused(tmp_path / "data", PLENARY_MEDIA__ADDRESSES="127.0.0.1,192.0.2.1")
    told.check("config_invalid", "192.0.2.1", "media.addresses")


async def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.write_text("somebody's notes")
    (await up_refused(data)).check("read_only", str(data), "--data")
    assert data.read_text() == "somebody's notes"


async def test_a_data_folder_on_a_disk_that_cannot_be_written(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", 1) as disk:
        remount_read_only(disk)
        (await up_refused(disk)).check("read_only", str(disk), "--data")


async def test_a_disk_with_too_little_room(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", 8) as disk:
        (await up_refused(disk)).check("disk_full", "minimum_free_mb")
        assert not list(disk.rglob("*.sqlite3"))


async def test_a_disk_with_no_room_at_all(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data", 1) as disk:
        fill(disk)
        told = await up_refused(disk, PLENARY_DATA__MINIMUM_FREE_MB="0")
        told.check("disk_full", str(disk))


async def test_room_for_the_folder_but_not_for_the_database(tmp_path: Path) -> None:
    """The orchestrator is the one who finds out: it is not started again and again."""
    with small_disk(tmp_path / "data", 1) as disk:
        ballast = fill(disk)
        os.truncate(ballast, ballast.stat().st_size - (64 << 10))
        told = await up_refused(disk, PLENARY_DATA__MINIMUM_FREE_MB="0")
        told.check("disk_full", str(disk / "plenary.sqlite3"))
        assert told.output.count("name=orchestrator") == 1, told.output


@pytest.mark.parametrize("where", ["header", "middle"])
async def test_a_damaged_database_is_reported_and_not_touched(tmp_path: Path, where: str) -> None:
    data = tmp_path / "data"
    file = data / "plenary.sqlite3"
    database = await open_database(f"sqlite:///{file}")
    await database.close()
    content = bytearray(file.read_bytes())
    at = 0 if where == "header" else 4096
    content[at : at + 4096] = b"\xa5" * 4096
    file.write_bytes(content)
    told = await up_refused(data)
    told.check("database_damaged", str(file), "backup")
    assert told.output.count("name=orchestrator") == 1, told.output
    assert file.read_bytes() == content


async def test_a_damaged_key_of_the_join_links_is_not_replaced(tmp_path: Path) -> None:
    key = tmp_path / "data" / "secrets" / "link.key"
    key.parent.mkdir(parents=True)
    key.write_text("not a key")
    (await up_refused(tmp_path / "data")).check("config_invalid", str(key), "backup")
    assert key.read_text() == "not a key"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[server]\nprot = 8080\n", ("server.prot", "'port'")),
        (b"[sever]\nport = 8080\n", ("[sever]", "'server'")),
        (b"[data]\nminimum_free_mb = -1\n", ("data.minimum_free_mb", "greater")),
        (b"[server\n", ("settings.toml", "damaged")),
        (b"\xff\xfe\x00", ("settings.toml", "damaged")),
        (b"server = 1\n", ("server",)),
    ],
    ids=["unknown key", "unknown section", "bad value", "no TOML", "no text", "no section"],
)
async def test_bad_settings_name_what_is_wrong(
    tmp_path: Path, content: bytes, words: tuple[str, ...]
) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    told = await up_refused(tmp_path / "data", "--config", str(file))
    told.check("config_invalid", *words)
    assert not (tmp_path / "data").exists()


async def test_an_unknown_setting_in_the_environment(tmp_path: Path) -> None:
    told = await up_refused(tmp_path / "data", PLENARY_SERVER__HOTS="127.0.0.1")
    told.check("config_invalid", "server.hots", "'host'")


def test_the_version_is_that_of_the_project() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "orchestrator.cli", "--version"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert told.stdout.strip() == project["version"]


async def test_wrong_arguments(tmp_path: Path) -> None:
    told = await up_refused(tmp_path / "data", "--prot", "8080")
    told.check("config_invalid", "--prot", "--port")
    told = await up_refused(tmp_path / "data", "--port", "abc")
    told.check("config_invalid", "--port", "abc")
    assert told.status == 2


# --- a disk that fills while a session runs -----------------------------------------------------


AFTER = {"session.start": "live", "session.pause": "paused", "session.resume": "live"}
"""The phase that a command leads to."""


async def test_commands_on_a_full_disk_are_refused_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLENARY_DATA__MINIMUM_FREE_MB", "0")
    with small_disk(tmp_path / "data", 16) as disk:
        async with running(disk) as product:
            await product.sign_in()
            made = await product.post("/api/sessions", _session("Before"))
            url = f"{product.url.replace('http', 'ws', 1)}/signal"
            url = f"{url}?session={made['session']['session_id']}"
            orchestrator = product.child("orchestrator")
            async with SignallingClient(product.http, url) as chair:
                await chair.join(publish=False)
                await chair.command("session.open")
                ballast = fill(disk)
                kept = {"Before", *await _create_until_refused(product)}
                phase = await _command_until_refused(chair)
                ballast.unlink()
                assert chair.view["session"]["phase"] == phase, "the connection went on"
            assert await _titles(product) == kept
            async with SignallingClient(product.http, url) as chair:
                assert (await chair.join(publish=False))["view"]["session"]["phase"] == phase
                await chair.command("session.end")
            assert product.child("orchestrator") == orchestrator, "it was started again"
            product.process.kill()
            await product.process.wait()
        async with running(disk) as again:
            await again.post("/api/login", {"username": "admin", "password": PASSWORD})
            assert await _titles(again) == kept


def _session(title: str) -> dict[str, object]:
    return {"title": title, "venues": [{"name": "Main", "kind": "main"}]}


async def _titles(product: Product) -> set[str]:
    return {item["title"] for item in (await product.get("/api/sessions"))["sessions"]}


async def _create_until_refused(product: Product) -> set[str]:
    """Titles of those that were still taken: the write-ahead log may have had room for them."""
    taken: set[str] = set()
    for number in range(20):
        title = f"While it filled {number}"
        async with product.http.post(
            f"{product.url}/api/sessions", json=_session(title), headers={"Origin": product.url}
        ) as response:
            answer = await response.json()
        if response.status != 201:
            assert (response.status, answer["error"]["code"]) == (507, "disk_full"), answer
            assert "free" in answer["error"]["message"]
            return taken
        taken.add(title)
    raise AssertionError("a full disk took everything")


async def _command_until_refused(chair: SignallingClient) -> str:
    """The phase after the last command that was taken."""
    phase = "open"
    for method in ("session.start", *("session.pause", "session.resume") * 100):
        try:
            await chair.command(method)
        except Refused as refusal:
            if refusal.reason != "disk_full":
                raise
            return phase
        phase = AFTER[method]
    raise AssertionError("a full disk took everything")
