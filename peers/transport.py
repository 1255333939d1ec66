"""One media path to an ICE-lite server: a UDP socket, STUN checks, DTLS, SRTP.

The server is ICE-lite (RFC 8445 section 2.5), so a controlling peer needs no candidates of its
own: it checks the server's candidate from one socket and nominates it.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from typing import Any

import pylibsrtp
from aioice import stun
from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AES128_CM_SHA1_80,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
)

from peers.errors import Disconnected

CHECK_INTERVAL = 2.5
CONNECT_TIMEOUT = 15.0


class _IcePath:
    """What aiortc's DTLS transport needs of an ICE transport."""

    def __init__(self, transport: "PeerTransport") -> None:
        self.role = "controlling"
        self.state = "completed"
        self._transport = transport
        self.received: asyncio.Queue[bytes | None] = asyncio.Queue(64)

    async def _recv(self) -> bytes:
        data = await self.received.get()
        if data is None:
            raise ConnectionError
        return data

    async def _send(self, data: bytes) -> None:
        self._transport.send_datagram(data)

    def _set_transport(self, _transport: object) -> None:
        """aiortc tells its ICE transport who uses it; we need not know."""


class PeerTransport(asyncio.DatagramProtocol):
    """`connect` once, then `send_rtp` / `send_rtcp`; received packets go to the callbacks."""

    def __init__(
        self,
        parameters: dict[str, Any],
        *,
        on_rtp: Callable[[bytes], None] | None = None,
        on_rtcp: Callable[[bytes], None] | None = None,
    ) -> None:
        self._ice = parameters["ice_parameters"]
        self._candidate = next(c for c in parameters["ice_candidates"] if c["protocol"] == "udp")
        self._server_dtls = parameters["dtls_parameters"]
        self._on_rtp = on_rtp
        self._on_rtcp = on_rtcp
        self._ufrag = secrets.token_hex(4)
        self._path = _IcePath(self)
        self._dtls = RTCDtlsTransport(
            self._path,  # type: ignore[arg-type]  # the part of it that aiortc uses
            [RTCCertificate.generateCertificate()],
        )
        self._dtls._srtp_profiles = [SRTP_AEAD_AES_128_GCM, SRTP_AES128_CM_SHA1_80]
        self._dtls._set_role("client")
        self._answered = asyncio.Event()
        self._socket: asyncio.DatagramTransport | None = None
        self._checks: asyncio.Task[None] | None = None

    @property
    def dtls_parameters(self) -> dict[str, Any]:
        """What `media.transport.connect` takes."""
        local = self._dtls.getLocalParameters()
        return {
            "role": "client",
            "fingerprints": [
                {"algorithm": f.algorithm, "value": f.value} for f in local.fingerprints
            ],
        }

    async def connect(self) -> None:
        """ICE, then DTLS. Raises Disconnected when the server does not answer in time."""
        loop = asyncio.get_running_loop()
        self._socket, _ = await loop.create_datagram_endpoint(
            lambda: self, remote_addr=(self._candidate["address"], self._candidate["port"])
        )
        self._checks = asyncio.create_task(self._check())
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self._answered.wait()
                await self._dtls.start(
                    RTCDtlsParameters(
                        fingerprints=[
                            RTCDtlsFingerprint(f["algorithm"], f["value"])
                            for f in self._server_dtls["fingerprints"]
                        ],
                        role="server",
                    )
                )
        except TimeoutError as error:
            raise Disconnected("the media path to the server did not open") from error
        if self._dtls.state != "connected":
            raise Disconnected(f"DTLS is {self._dtls.state}")

    def send_rtp(self, packet: bytes) -> None:
        """Protect and send one RTP packet."""
        self.send_datagram(self._dtls._tx_srtp.protect(packet))

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send one RTCP packet."""
        self.send_datagram(self._dtls._tx_srtp.protect_rtcp(packet))

    def send_datagram(self, data: bytes) -> None:
        if self._socket is not None and not self._socket.is_closing():
            self._socket.sendto(data)

    async def close(self) -> None:
        """End the path; idempotent."""
        if self._checks is not None:
            self._checks.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._checks
        with contextlib.suppress(asyncio.QueueFull):
            self._path.received.put_nowait(None)
        await self._dtls.stop()
        if self._socket is not None:
            self._socket.close()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Demultiplex by the first byte (RFC 7983)."""
        if not data:
            return
        if data[0] < 4:
            self._answered.set()
        elif 20 <= data[0] < 64:
            with contextlib.suppress(asyncio.QueueFull):
                self._path.received.put_nowait(data)
        elif 128 <= data[0] < 192 and len(data) > 12 and self._dtls.state == "connected":
            self._take_srtp(data)

    def error_received(self, exc: Exception) -> None:
        """The server's port is closed for a moment while it restarts: the checks go on."""

    def _take_srtp(self, data: bytes) -> None:
        rtcp = 192 <= data[1] <= 223
        callback = self._on_rtcp if rtcp else self._on_rtp
        if callback is None:
            return
        unprotect = self._dtls._rx_srtp.unprotect_rtcp if rtcp else self._dtls._rx_srtp.unprotect
        try:
            callback(unprotect(data))
        except pylibsrtp.Error:
            return  # late or replayed: nothing that this end could mend

    async def _check(self) -> None:
        """Connectivity checks, then consent (RFC 7675)."""
        while True:
            request = stun.Message(
                message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST
            )
            request.attributes["USERNAME"] = f"{self._ice['usernameFragment']}:{self._ufrag}"
            request.attributes["PRIORITY"] = 2130706431
            request.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
            request.attributes["USE-CANDIDATE"] = None
            request.add_message_integrity(self._ice["password"].encode())
            self.send_datagram(bytes(request))
            await asyncio.sleep(CHECK_INTERVAL if self._answered.is_set() else 0.1)
