"""DTLS-SRTP (RFC 5764), server side, without sockets: datagrams in, datagrams and keys out.

OpenSSL does the handshake over memory buffers; nothing awaits, so closing cannot leave a task
behind. AEAD_AES_128_GCM is preferred: it costs a third of AES128_CM_SHA1_80.
"""

import asyncio
import datetime
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from sfu.control.rtp import DtlsFingerprint, DtlsParameters
from sfu.transport import DtlsFailure

DTLS_1_2 = 0xFEFD
"""The newest version that DTLS-SRTP key export and all browsers share."""

DATAGRAM_BYTES = 1200
"""Payload of a handshake datagram: below every path's MTU."""

HANDSHAKE_SECONDS = 30.0
CERTIFICATE_DAYS = 30
REPLAY_WINDOW = 1024
RESEND_WINDOW = 1024
"""Packets back that may be sent again: what the engine's history of a video holds. libsrtp shifts
the whole window for every packet it sends: 8192 tripled the cost of encryption (measured)."""

_RECORD_HEADER = 13  # RFC 6347 section 4.1
_CIPHERS = (
    b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
    b"ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-CHACHA20-POLY1305:"
    b"ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA"
)
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "sha-256": hashes.SHA256(),
    "sha-384": hashes.SHA384(),
    "sha-512": hashes.SHA512(),
}


@dataclass(frozen=True)
class SrtpProfile:
    """A protection profile: RFC 5764 section 4.1.2, RFC 7714 section 14.2."""

    name: str
    openssl: bytes
    libsrtp: int
    key: int
    salt: int


SRTP_PROFILES = (
    SrtpProfile(
        "AEAD_AES_128_GCM",
        b"SRTP_AEAD_AES_128_GCM",
        Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
        16,
        12,
    ),
    SrtpProfile(
        "AES128_CM_HMAC_SHA1_80",
        b"SRTP_AES128_CM_SHA1_80",
        Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
        16,
        14,
    ),
)


@dataclass(frozen=True)
class SrtpSessions:
    """Four sessions on the negotiated keys, so that each has exactly one user."""

    profile: str
    rtp_in: Session
    rtcp_in: Session
    rtp_out: Session
    rtcp_out: Session


class DtlsCertificate:
    """The worker's self-signed certificate and the OpenSSL context made from it."""

    def __init__(self) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, secrets.token_hex(8))])
        now = datetime.datetime.now(tz=datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            # A day back: clients' clocks are often wrong.
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=CERTIFICATE_DAYS))
            .sign(key, hashes.SHA256())
        )
        self.context = _context(certificate, key)
        self.fingerprint = DtlsFingerprint(
            algorithm="sha-256", value=fingerprint(certificate, "sha-256")
        )

    def parameters(self) -> DtlsParameters:
        """Role `auto`: the client then becomes the DTLS client, as we need. One fingerprint,
        because clients pick only one of several."""
        return DtlsParameters(role="auto", fingerprints=(self.fingerprint,))


def _context(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> SSL.Context:
    context = SSL.Context(SSL.DTLS_METHOD)
    context.set_min_proto_version(DTLS_1_2)
    context.set_max_proto_version(DTLS_1_2)
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION)
    # Certificates are self-signed on both sides: what counts is the fingerprint (RFC 8122).
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *_arguments: True)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    context.set_cipher_list(_CIPHERS)
    context.set_tlsext_use_srtp(b":".join(profile.openssl for profile in SRTP_PROFILES))
    return context


def fingerprint(certificate: x509.Certificate, algorithm: str) -> str:
    """As in SDP (RFC 8122): upper-case hexadecimal pairs with colons."""
    return certificate.fingerprint(_DIGESTS[algorithm]).hex(":").upper()


class DtlsServer:
    """One handshake and what follows it.

    Give it datagrams with `receive`; it calls `send` with datagrams, `established` once with the
    sessions, `ended` once with a reason: a failure's text, or empty after the peer's close_notify.
    `close()` says close_notify and calls nothing any more.
    """

    def __init__(
        self,
        certificate: DtlsCertificate,
        fingerprints: Sequence[DtlsFingerprint],
        *,
        send: Callable[[bytes], None],
        established: Callable[[SrtpSessions], None],
        ended: Callable[[str], None],
        handshake_seconds: float = HANDSHAKE_SECONDS,
    ) -> None:
        self._fingerprints = tuple(fingerprints)
        self._send = send
        self._established = established
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._connected = False
        self._closed = False
        self._retransmit: asyncio.TimerHandle | None = None
        self._limit = self._loop.call_later(
            handshake_seconds,
            self._end,
            f"no DTLS handshake within {handshake_seconds:g} s",
        )
        self._ssl = SSL.Connection(certificate.context)
        self._ssl.set_ciphertext_mtu(DATAGRAM_BYTES)
        self._ssl.set_accept_state()

    def receive(self, datagram: bytes) -> None:
        """Take one datagram; junk is ignored, as DTLS asks (RFC 6347 section 4.1.2.7)."""
        if self._closed or not datagram:
            return
        self._ssl.bio_write(datagram)
        if self._connected:
            self._read()
        else:
            self._handshake()

    def close(self) -> None:
        """Say close_notify when connected; idempotent."""
        if self._closed:
            return
        try:
            if self._connected:
                self._ssl.shutdown()
                self._flush()
        except SSL.Error:
            pass  # the peer is gone already: there is nobody to say goodbye to
        self._stop()

    def _handshake(self) -> None:
        try:
            self._ssl.do_handshake()
        except SSL.WantReadError:
            self._flush()
            self._arm()
            return
        except SSL.Error as error:
            self._flush()  # the alert
            self._end(f"the DTLS handshake failed: {_reason(error)}")
            return
        self._flush()
        try:
            self._verify_peer()
            sessions = self._srtp_sessions()
        except DtlsFailure as failure:
            self._end(str(failure))
            return
        self._connected = True
        self._limit.cancel()
        self._disarm()
        self._established(sessions)

    def _read(self) -> None:
        """After the handshake only close_notify and repeated flights are of interest."""
        try:
            self._ssl.recv(1500)
        except SSL.ZeroReturnError:
            self._flush()
            self._end("")
            return
        except SSL.WantReadError:
            pass
        except SSL.Error as error:
            self._end(f"the DTLS association broke: {_reason(error)}")
            return
        self._flush()

    def _verify_peer(self) -> None:
        """Every announced fingerprint of a known digest must match (RFC 8122 section 5.1)."""
        certificate = self._ssl.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            raise DtlsFailure("the client sent no certificate")
        known = [f for f in self._fingerprints if f.algorithm.lower() in _DIGESTS]
        if not known:
            raise DtlsFailure("the client announced no fingerprint of a known digest")
        for announced in known:
            if announced.value.upper() != fingerprint(certificate, announced.algorithm.lower()):
                raise DtlsFailure("the client's certificate is not the one it announced")

    def _srtp_sessions(self) -> SrtpSessions:
        chosen = self._ssl.get_selected_srtp_profile()
        profile = next((p for p in SRTP_PROFILES if p.openssl == chosen), None)
        if profile is None:
            raise DtlsFailure("the client offers no SRTP profile that we know")
        keys = self._ssl.export_keying_material(
            b"EXTRACTOR-dtls_srtp", 2 * (profile.key + profile.salt)
        )
        # RFC 5764 section 4.2: client key, server key, client salt, server salt.
        client = keys[: profile.key] + keys[2 * profile.key : 2 * profile.key + profile.salt]
        server = keys[profile.key : 2 * profile.key] + keys[2 * profile.key + profile.salt :]
        return SrtpSessions(
            profile=profile.name,
            rtp_in=_session(profile, client, outbound=False),
            rtcp_in=_session(profile, client, outbound=False),
            rtp_out=_session(profile, server, outbound=True),
            rtcp_out=_session(profile, server, outbound=True),
        )

    def _flush(self) -> None:
        """Send what OpenSSL wrote, whole records to a datagram."""
        pending = bytearray()
        while True:
            try:
                pending += self._ssl.bio_read(65_536)
            except SSL.WantReadError:
                break
        for datagram in pack_records(bytes(pending)):
            self._send(datagram)

    def _arm(self) -> None:
        self._disarm()
        timeout = self._ssl.DTLSv1_get_timeout()
        if timeout is not None:
            self._retransmit = self._loop.call_later(timeout, self._timed_out)

    def _disarm(self) -> None:
        if self._retransmit is not None:
            self._retransmit.cancel()
            self._retransmit = None

    def _timed_out(self) -> None:
        try:
            self._ssl.DTLSv1_handle_timeout()
        except SSL.Error as error:
            self._end(f"the DTLS handshake failed: {_reason(error)}")
            return
        self._flush()
        self._arm()

    def _end(self, reason: str) -> None:
        if not self._closed:
            self._stop()
            self._ended(reason)

    def _stop(self) -> None:
        self._closed = True
        self._limit.cancel()
        self._disarm()


def pack_records(stream: bytes) -> list[bytes]:
    """Cut OpenSSL's output at record boundaries and fill datagrams of `DATAGRAM_BYTES`.

    A memory buffer forgets where a datagram ended, and a record must not be cut in two.
    """
    datagrams: list[bytes] = []
    start = position = 0
    while position + _RECORD_HEADER <= len(stream):
        length = int.from_bytes(stream[position + 11 : position + 13], "big")
        end = position + _RECORD_HEADER + length
        if position > start and end - start > DATAGRAM_BYTES:
            datagrams.append(stream[start:position])
            start = position
        position = end
    if start < len(stream):
        datagrams.append(stream[start:])
    return datagrams


def _session(profile: SrtpProfile, key: bytes, *, outbound: bool) -> Session:
    policy = Policy(
        key=key,
        ssrc_type=Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND,
        srtp_profile=profile.libsrtp,
    )
    policy.window_size = RESEND_WINDOW if outbound else REPLAY_WINDOW
    # Lost packets are repaired by sending the same packet again on the same SSRC.
    policy.allow_repeat_tx = outbound
    return Session(policy)


def _reason(error: SSL.Error) -> str:
    """OpenSSL's words, without its library and function columns."""
    details = error.args[0] if error.args else None
    if isinstance(details, list) and details:
        return str(details[-1][-1])
    return type(error).__name__
