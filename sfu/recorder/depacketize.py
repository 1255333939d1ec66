"""Whole VP8 frames and Opus packets from RTP packets that are in order (RFC 7741, RFC 7587)."""

from typing import NamedTuple

from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import RtpPacket

OPUS_CLOCK = 48_000


class Frame(NamedTuple):
    """One picture or one packet of sound. `size` (width, height) only with a key frame."""

    data: bytes
    rtp_timestamp: int
    key: bool
    size: tuple[int, int] | None
    duration_ns: int


class Damaged(NamedTuple):
    """A packet that could not be understood or a frame with a hole: later frames depend on it."""


class Vp8Assembler:
    """After a loss nothing is given out until a key frame comes whole."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._timestamp = 0
        self._usable = False

    def lost(self) -> None:
        """Packets are missing here."""
        self._parts = []
        self._usable = False

    def push(self, packet: RtpPacket) -> Frame | Damaged | None:
        """Take the next packet; return a frame when this one completes it."""
        if not packet.payload:
            return None  # padding alone: bandwidth probes
        try:
            descriptor, payload = VpxPayloadDescriptor.parse(packet.payload)
        except ValueError:
            self.lost()
            return Damaged()
        begins = descriptor.partition_start == 1 and descriptor.partition_id == 0
        if begins and payload:
            holed = bool(self._parts)
            self._parts = []
            if holed:
                self._usable = False
            self._begin(packet.timestamp, payload)
            if holed and not self._parts:
                return Damaged()
        elif self._parts and packet.timestamp == self._timestamp:
            self._parts.append(payload)
        else:
            damaged = self._usable
            self.lost()
            return Damaged() if damaged else None
        return self._finish() if packet.marker and self._parts else None

    def _begin(self, timestamp: int, payload: bytes) -> None:
        key = payload[0] & 1 == 0
        self._usable = self._usable or key
        if self._usable:
            self._parts = [payload]
            self._timestamp = timestamp

    def _finish(self) -> Frame | Damaged:
        data = b"".join(self._parts)
        self._parts = []
        key = data[0] & 1 == 0
        size = key_frame_size(data) if key else None
        if key and size is None:
            self._usable = False
            return Damaged()
        return Frame(data, self._timestamp, key, size, 0)


def key_frame_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of a VP8 key frame (RFC 6386, 9.1), or None when it is none."""
    if len(data) < 10 or data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        return None
    width = int.from_bytes(data[6:8], "little") & 0x3FFF
    height = int.from_bytes(data[8:10], "little") & 0x3FFF
    return (width, height) if width and height else None


def opus_duration_ns(data: bytes) -> int:
    """Duration of an Opus packet from its first bytes (RFC 6716, 3.1); 0 when it is no packet."""
    if not data:
        return 0
    config, count_code = data[0] >> 3, data[0] & 3
    if config < 12:
        samples = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:
        samples = (480, 960)[config & 1]
    else:
        samples = (120, 240, 480, 960)[config & 3]
    if count_code == 3:
        count = data[1] & 0x3F if len(data) > 1 else 0
    else:
        count = 1 if count_code == 0 else 2
    return samples * count * 1_000_000_000 // OPUS_CLOCK


def opus_frame(packet: RtpPacket) -> Frame | Damaged | None:
    """An Opus packet as it is; each can be decoded on its own."""
    if not packet.payload:
        return None
    duration = opus_duration_ns(packet.payload)
    if not 0 < duration <= 120_000_000:
        return Damaged()
    return Frame(packet.payload, packet.timestamp, True, None, duration)
