"""Certificates off loopback: a local root and a leaf made on first start, or given ones.

The root stays for ten years so that people install it once; the leaf names the machine's host
names and addresses and is made again when they change or 30 days before it ends.
"""

import datetime
import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

ROOT_LIFE = datetime.timedelta(days=3650)
# Browsers refuse longer leaves (CA/Browser Forum Baseline Requirements 6.3.2).
LEAF_LIFE = datetime.timedelta(days=397)
RENEW_BEFORE = datetime.timedelta(days=30)


class TlsError(Exception):
    """A certificate cannot be used; the message says which file and what to do."""

    code = "config_invalid"


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of what the server presents; `root` only when we made it."""

    certificate: Path
    key: Path
    root: Path | None


def machine_names() -> tuple[str, ...]:
    """Host names of this machine."""
    return tuple(dict.fromkeys(("localhost", socket.gethostname(), socket.getfqdn())))


def local_certificates(folder: Path, names: Sequence[str], now: datetime.datetime) -> Certificates:
    """Make or renew the local root and leaf in `folder`. `names`: host names and addresses."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    root_file, root_key_file = folder / "root.crt", folder / "root.key"
    leaf_file, leaf_key_file = folder / "leaf.crt", folder / "leaf.key"
    if not (root_file.exists() and root_key_file.exists()):
        _make_root(root_file, root_key_file, now)
    root, root_key = _read(root_file, root_key_file)
    wanted = _alternative_names(names)
    if not _leaf_is_good(leaf_file, leaf_key_file, root, wanted, now):
        _make_leaf(leaf_file, leaf_key_file, root, root_key, wanted, now)
    return Certificates(leaf_file, leaf_key_file, root_file)


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """TLS 1.2 or later. Raises TlsError for files that do not fit together."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificates.certificate, certificates.key)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(
            f"the certificate {certificates.certificate} and key {certificates.key} "
            f"cannot be used together: {error}"
        ) from error
    return context


def _alternative_names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name.encode("idna").decode()))
    return found


def _make_root(certificate_file: Path, key_file: Path, now: datetime.datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Plenary"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"Plenary local root {socket.gethostname()}"),
        ]
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + ROOT_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(certificate_file, certificate, key_file, key)


def _make_leaf(
    certificate_file: Path,
    key_file: Path,
    root: x509.Certificate,
    root_key: ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    now: datetime.datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Plenary")]))
        .issuer_name(root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(min(now + LEAF_LIFE, root.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()),
            critical=False,
        )
        .sign(root_key, hashes.SHA256())
    )
    _write(certificate_file, certificate, key_file, key)


def _key_usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _leaf_is_good(
    certificate_file: Path,
    key_file: Path,
    root: x509.Certificate,
    wanted: list[x509.GeneralName],
    now: datetime.datetime,
) -> bool:
    if not (certificate_file.exists() and key_file.exists()):
        return False
    leaf, _ = _read(certificate_file, key_file)
    present = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        leaf.issuer == root.subject
        and set(present) == set(wanted)
        and leaf.not_valid_after_utc - RENEW_BEFORE > now
    )


def _read(
    certificate_file: Path, key_file: Path
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    try:
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    except (OSError, ValueError) as error:
        raise TlsError(
            f"{certificate_file} or {key_file} is damaged ({error}): remove both, "
            "they are made again; installed roots must then be installed again"
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TlsError(f"{key_file} is not the key that was made here: remove it")
    return certificate, key


def _write(
    certificate_file: Path,
    certificate: x509.Certificate,
    key_file: Path,
    key: ec.EllipticCurvePrivateKey,
) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # Written aside and renamed: a crash never leaves half a key in place.
    for target, content in (
        (key_file, pem),
        (certificate_file, certificate.public_bytes(serialization.Encoding.PEM)),
    ):
        aside = target.with_suffix(".new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        aside.replace(target)
