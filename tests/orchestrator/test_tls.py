"""The local root stays, the leaf follows the machine's names and its own end."""

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from orchestrator.tls import TlsError, local_certificates, server_context

NOW = datetime.datetime(2026, 11, 21, tzinfo=datetime.UTC)
NAMES = ("localhost", "127.0.0.1", "venue.example")


def leaf_of(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_leaf_names_the_machine_and_chains_to_the_root(tmp_path: Path) -> None:
    made = local_certificates(tmp_path, NAMES, NOW)
    leaf = leaf_of(made.certificate)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "venue.example"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert made.root is not None
    leaf.verify_directly_issued_by(leaf_of(made.root))
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= datetime.timedelta(days=398)


def test_nothing_is_made_again_without_need(tmp_path: Path) -> None:
    first = local_certificates(tmp_path, NAMES, NOW)
    before = first.certificate.read_bytes()
    second = local_certificates(tmp_path, tuple(reversed(NAMES)), NOW + datetime.timedelta(days=1))
    assert second.certificate.read_bytes() == before


@pytest.mark.parametrize(
    ("names", "days"),
    [((*NAMES, "10.0.0.7"), 0), (NAMES, 380)],
    ids=["new address", "near its end"],
)
def test_a_leaf_that_no_longer_fits_is_renewed_under_the_same_root(
    tmp_path: Path, names: tuple[str, ...], days: int
) -> None:
    first = local_certificates(tmp_path, NAMES, NOW)
    assert first.root is not None
    root, leaf = first.root.read_bytes(), first.certificate.read_bytes()
    local_certificates(tmp_path, names, NOW + datetime.timedelta(days=days))
    assert first.root.read_bytes() == root
    assert first.certificate.read_bytes() != leaf


def test_keys_are_private(tmp_path: Path) -> None:
    made = local_certificates(tmp_path, NAMES, NOW)
    assert made.key.stat().st_mode & 0o077 == 0
    assert isinstance(server_context(made), ssl.SSLContext)


def test_a_damaged_root_says_what_to_do(tmp_path: Path) -> None:
    local_certificates(tmp_path, NAMES, NOW)
    (tmp_path / "root.crt").write_text("not a certificate")
    with pytest.raises(TlsError, match="remove both"):
        local_certificates(tmp_path, NAMES, NOW)
