"""Receiving the stage without decoding it: counts per slot and bus, and receiver reports."""

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import Any

from peers.signalling import SignallingClient
from peers.transport import PeerTransport

REPORT_INTERVAL = 1.0


@dataclass(slots=True)
class Received:
    """One incoming stream (RFC 3550 appendix A): what arrived, and what should have."""

    ssrc: int
    kind: str
    clock_rate: int
    packets: int = 0
    octets: int = 0
    last_at: float = 0.0
    base: int = -1
    highest: int = 0
    jitter: float = 0.0
    transit: float | None = None
    reported_expected: int = 0
    reported_packets: int = 0
    last_report: int = 0
    last_report_at: float = 0.0

    def take(self, packet: bytes, now: float) -> None:
        """Count a packet that arrived at `now` (monotonic seconds)."""
        sequence = int.from_bytes(packet[2:4], "big")
        if self.base < 0:
            self.base = self.highest = sequence
        step = (sequence - self.highest) & 0xFFFF
        if 0 < step < 0x8000:
            self.highest += step
        self.packets += 1
        self.octets += len(packet)
        self.last_at = now
        transit = now * self.clock_rate - int.from_bytes(packet[4:8], "big")
        if self.transit is not None:
            change = abs(transit - self.transit)
            # A switch of source moves the timestamps: that is no jitter.
            if change < self.clock_rate:
                self.jitter += (change - self.jitter) / 16
        self.transit = transit

    def take_sender_report(self, ntp: int, now: float) -> None:
        """Remember the middle 32 bits of its NTP time, for LSR and DLSR."""
        self.last_report = ntp >> 16 & 0xFFFFFFFF
        self.last_report_at = now

    def report_block(self, now: float) -> bytes:
        """RFC 3550 section 6.4.1."""
        expected = self.highest - self.base + 1
        lost = max(0, expected - self.packets)
        interval = expected - self.reported_expected
        interval_lost = max(0, interval - (self.packets - self.reported_packets))
        self.reported_expected, self.reported_packets = expected, self.packets
        fraction = min(255, interval_lost * 256 // interval) if interval > 0 else 0
        return (
            self.ssrc.to_bytes(4, "big")
            + bytes([fraction])
            + min(lost, 0x7FFFFF).to_bytes(3, "big")
            + (self.highest & 0xFFFFFFFF).to_bytes(4, "big")
            + (round(self.jitter) & 0xFFFFFFFF).to_bytes(4, "big")
            + self.last_report.to_bytes(4, "big")
            + self._delay_since_report(now).to_bytes(4, "big")
        )

    def _delay_since_report(self, now: float) -> int:
        """DLSR in units of 1/65536 s; 0 before the first sender report."""
        return round((now - self.last_report_at) * 65536) if self.last_report else 0


class StageReceiver:
    """One receiving transport with every slot and audio bus. `open` once, `close` at the end.

    `streams`: by target, `slot-1-video`, `slot-1-audio`, `audio_bus-1`, …
    """

    def __init__(self) -> None:
        self.streams: dict[str, Received] = {}
        self._by_ssrc: dict[int, Received] = {}
        self._transport: PeerTransport | None = None
        self._reports: asyncio.Task[None] | None = None

    async def open(self, signalling: SignallingClient) -> str:
        """Negotiate and connect; returns the transport's id. Raises PeerError."""
        call = signalling.call
        capabilities = await call("media.capabilities", {})
        parameters = await call(
            "media.transport.create",
            {"generation": signalling.generation, "direction": "recv"},
        )
        transport = PeerTransport(parameters, on_rtp=self._take, on_rtcp=self._take_rtcp)
        self._transport = transport
        transport_id = parameters["transport_id"]
        await call(
            "media.transport.connect",
            {"transport_id": transport_id, "dtls_parameters": transport.dtls_parameters},
        )
        await transport.connect()
        consumed = await call(
            "media.consume",
            {
                "transport_id": transport_id,
                "rtp_capabilities": capabilities["rtp_capabilities"],
            },
        )
        for consumer in consumed["consumers"]:
            rtp = consumer["rtp_parameters"]
            stream = Received(
                rtp["encodings"][0]["ssrc"], consumer["kind"], rtp["codecs"][0]["clockRate"]
            )
            self.streams[target_name(consumer["target"])] = stream
            self._by_ssrc[stream.ssrc] = stream
        self._reports = asyncio.create_task(self._report())
        return str(transport_id)

    async def close(self) -> None:
        """Idempotent."""
        if self._reports is not None:
            self._reports.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reports
        if self._transport is not None:
            await self._transport.close()

    def _take(self, packet: bytes) -> None:
        stream = self._by_ssrc.get(int.from_bytes(packet[8:12], "big"))
        if stream is not None:
            stream.take(packet, time.monotonic())

    def _take_rtcp(self, packet: bytes) -> None:
        """Sender reports (200) of a compound packet."""
        at = 0
        while at + 16 <= len(packet):
            if packet[at + 1] == 200:
                stream = self._by_ssrc.get(int.from_bytes(packet[at + 4 : at + 8], "big"))
                if stream is not None:
                    ntp = int.from_bytes(packet[at + 8 : at + 16], "big")
                    stream.take_sender_report(ntp, time.monotonic())
            at += 4 * (int.from_bytes(packet[at + 2 : at + 4], "big") + 1)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_INTERVAL)
            heard = [s for s in self.streams.values() if s.packets][:31]
            if not heard or self._transport is None:
                continue
            now = time.monotonic()
            blocks = b"".join(s.report_block(now) for s in heard)
            head = bytes([0x80 | len(heard), 201]) + (1 + len(blocks) // 4).to_bytes(2, "big")
            self._transport.send_rtcp(head + (1).to_bytes(4, "big") + blocks)


def target_name(target: dict[str, Any]) -> str:
    """`slot-1-video`, `slot-1-audio`, `audio_bus-3`, `wall-7`."""
    if target["type"] == "slot":
        return f"slot-{target['slot']}-{target['kind']}"
    return f"{target['type']}-{target.get('bus', target.get('tile'))}"
