"""Our DTLS server against aiortc's client: another author's handshake and SRTP keys."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
from aiortc import RTCIceTransport
from aiortc import rtcdtlstransport as aiortc_dtls

from sfu.control.rtp import DtlsFingerprint
from sfu.transport.dtls import (
    DATAGRAM_BYTES,
    DtlsCertificate,
    DtlsServer,
    SrtpSessions,
    pack_records,
)

RTP = bytes.fromhex("80e4000100000001000000aa") + b"payload"
RTCP = bytes.fromhex("80c90001000000aa")


@dataclass
class ClientPath:
    """What aiortc takes for its ICE transport: a lossless pair of queues."""

    deliver: Callable[[bytes], None]
    role: str = "controlling"
    inbox: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    async def _recv(self) -> bytes:
        datagram = await self.inbox.get()
        if datagram is None:
            raise ConnectionError
        return datagram

    async def _send(self, datagram: bytes) -> None:
        self.deliver(datagram)


@dataclass
class Pair:
    server: DtlsServer
    client: aiortc_dtls.RTCDtlsTransport
    path: ClientPath
    certificate: DtlsCertificate
    established: list[SrtpSessions] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)

    async def handshake(self) -> None:
        await asyncio.wait_for(
            self.client.start(
                aiortc_dtls.RTCDtlsParameters(
                    [
                        aiortc_dtls.RTCDtlsFingerprint(
                            self.certificate.fingerprint.algorithm,
                            self.certificate.fingerprint.value,
                        )
                    ]
                )
            ),
            timeout=10,
        )


def connect(
    *,
    profiles: list[aiortc_dtls.SRTPProtectionProfile] | None = None,
    fingerprints: list[DtlsFingerprint] | None = None,
    drop: Callable[[bytes], bool] = lambda _datagram: False,
    handshake_seconds: float = 10,
) -> Pair:
    certificate = DtlsCertificate()
    client_certificate = aiortc_dtls.RTCCertificate.generateCertificate()
    path = ClientPath(lambda datagram: None if drop(datagram) else pair.server.receive(datagram))
    client = aiortc_dtls.RTCDtlsTransport(cast(RTCIceTransport, path), [client_certificate])
    client._set_role("client")
    if profiles is not None:
        client._srtp_profiles = profiles
    announced = fingerprints or [
        DtlsFingerprint(algorithm=f.algorithm, value=f.value)
        for f in client_certificate.getFingerprints()
    ]
    established: list[SrtpSessions] = []
    ended: list[str] = []
    server = DtlsServer(
        certificate,
        announced,
        send=path.inbox.put_nowait,
        established=established.append,
        ended=ended.append,
        handshake_seconds=handshake_seconds,
    )
    pair = Pair(server, client, path, certificate, established, ended)
    return pair


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.fixture
async def cleanup() -> Callable[[Pair], Awaitable[None]]:
    async def close(pair: Pair) -> None:
        pair.server.close()
        task = pair.client._task
        await pair.client.stop()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)

    return close


async def test_handshake_prefers_gcm_128_and_keys_match_both_ways(
    cleanup: Callable[[Pair], Awaitable[None]],
) -> None:
    pair = connect()
    await pair.handshake()
    (sessions,) = pair.established
    assert sessions.profile == "AEAD_AES_128_GCM"
    assert sessions.rtp_in.unprotect(pair.client._tx_srtp.protect(RTP)) == RTP
    assert sessions.rtcp_in.unprotect_rtcp(pair.client._tx_srtp.protect_rtcp(RTCP)) == RTCP
    assert pair.client._rx_srtp.unprotect(sessions.rtp_out.protect(RTP)) == RTP
    assert pair.client._rx_srtp.unprotect_rtcp(sessions.rtcp_out.protect_rtcp(RTCP)) == RTCP
    await cleanup(pair)


async def test_client_without_gcm_gets_sha1_80(
    cleanup: Callable[[Pair], Awaitable[None]],
) -> None:
    pair = connect(profiles=[aiortc_dtls.SRTP_AES128_CM_SHA1_80])
    await pair.handshake()
    assert pair.established[0].profile == "AES128_CM_HMAC_SHA1_80"
    assert pair.client._rx_srtp.unprotect(pair.established[0].rtp_out.protect(RTP)) == RTP
    await cleanup(pair)


async def test_outbound_rtp_may_be_sent_again_long_after(
    cleanup: Callable[[Pair], Awaitable[None]],
) -> None:
    pair = connect()
    await pair.handshake()
    outbound = pair.established[0].rtp_out
    # The engine keeps 1,024 video packets to send again: the window holds as many.
    for sequence in range(1000):
        outbound.protect(RTP[:2] + sequence.to_bytes(2, "big") + RTP[4:])
    assert outbound.protect(RTP)
    await cleanup(pair)


async def test_wrong_fingerprint_is_refused(cleanup: Callable[[Pair], Awaitable[None]]) -> None:
    pair = connect(fingerprints=[DtlsFingerprint(algorithm="sha-256", value="AA:BB")])
    await pair.handshake()
    assert pair.established == []
    assert pair.ended == ["the client's certificate is not the one it announced"]
    await cleanup(pair)


async def test_unknown_digest_only_is_refused(cleanup: Callable[[Pair], Awaitable[None]]) -> None:
    pair = connect(fingerprints=[DtlsFingerprint(algorithm="md5", value="AA:BB")])
    await pair.handshake()
    assert pair.established == []
    assert "no fingerprint of a known digest" in pair.ended[0]
    await cleanup(pair)


async def test_lost_flight_is_repaired(cleanup: Callable[[Pair], Awaitable[None]]) -> None:
    seen = 0

    def drop(_datagram: bytes) -> bool:
        nonlocal seen
        seen += 1
        return seen == 2

    pair = connect(drop=drop)
    await pair.handshake()
    assert len(pair.established) == 1
    await cleanup(pair)


async def test_silence_ends_with_a_reason(cleanup: Callable[[Pair], Awaitable[None]]) -> None:
    pair = connect(handshake_seconds=0.02)
    await until(lambda: bool(pair.ended))
    assert pair.ended == ["no DTLS handshake within 0.02 s"]
    await cleanup(pair)


async def test_close_notify_of_the_client_is_seen_at_once() -> None:
    pair = connect()
    await pair.handshake()
    task = pair.client._task
    await pair.client.stop()
    assert task is not None
    await asyncio.gather(task, return_exceptions=True)
    assert pair.ended == [""]


async def test_our_close_ends_the_client() -> None:
    pair = connect()
    await pair.handshake()
    pair.server.close()
    pair.server.close()
    await until(lambda: pair.client.state == "closed")
    assert pair.ended == []


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\x16",
        b"\x16\xfe\xfd" + bytes(10),
        b"\x16\xfe\xff" + b"\xff" * 60,
        bytes([20]) + b"\x00" * 1400,
        b"\x3f" * 1500,
    ],
)
async def test_junk_before_the_handshake_does_no_harm(
    junk: bytes, cleanup: Callable[[Pair], Awaitable[None]]
) -> None:
    pair = connect()
    pair.server.receive(junk)
    await pair.handshake()
    assert len(pair.established) == 1
    pair.server.receive(junk)
    assert pair.ended == []
    await cleanup(pair)


def test_records_are_never_cut() -> None:
    def record(size: int) -> bytes:
        return b"\x16\xfe\xfd" + bytes(8) + size.to_bytes(2, "big") + bytes(size)

    stream = record(700) + record(400) + record(600) + record(20)
    packed = pack_records(stream)
    assert [len(datagram) for datagram in packed] == [713 + 413, 613 + 33]
    assert all(len(datagram) <= DATAGRAM_BYTES for datagram in packed)
    assert b"".join(packed) == stream
    assert pack_records(b"") == []
