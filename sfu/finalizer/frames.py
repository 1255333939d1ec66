"""Forward-only reading of a picture track, and the decoding and encoding of what is not copied."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple

import av

from sfu.finalizer.material import Track, packet_ns, packets

MILLISECOND = Fraction(1, 1000)
GOP_BYTES = 256 << 20
"""A picture without key frames for longer than this cannot be entered in the middle."""
FRAMES_PER_SECOND = 25
KEY_FRAME_EVERY = 125


class Coded(NamedTuple):
    """One VP8 frame at its moment of the program."""

    at_ns: int
    key: bool
    data: bytes


class PictureReader:
    """The frames of a track, in order, over all its parts. Only goes forward."""

    def __init__(self, track: Track, shift_ns: int) -> None:
        self._frames = _frames(track, shift_ns)
        self._ahead: Coded | None = next(self._frames, None)
        self._bytes = 0
        self.since_key: list[Coded] = []
        """Frames before the position, from the last key frame on: what a decoder must be given."""

    def peek(self) -> Coded | None:
        """The next frame, without taking it."""
        return self._ahead

    def take(self) -> Coded | None:
        """The next frame."""
        frame = self._ahead
        if frame is None:
            return None
        self._ahead = next(self._frames, None)
        if frame.key:
            self.since_key = []
            self._bytes = 0
        self._bytes += len(frame.data)
        if self._bytes <= GOP_BYTES:
            self.since_key.append(frame)
        else:
            self.since_key = []
        return frame

    def forward(self, at_ns: int) -> None:
        """Pass over every frame before a moment."""
        while self._ahead is not None and self._ahead.at_ns < at_ns:
            self.take()


def _frames(track: Track, shift_ns: int) -> Iterator[Coded]:
    for path in track.files:
        try:
            for packet in packets(path):
                yield Coded(packet_ns(packet) - shift_ns, packet.is_keyframe, bytes(packet))
        except av.FFmpegError:
            continue  # it could be read when it was indexed: what is left of it is not worth all


class Decoder:
    """VP8 frames to pictures; a frame that cannot be decoded is passed over."""

    def __init__(self) -> None:
        self._codec: Any = av.CodecContext.create("vp8", "r")
        self._codec.thread_count = 1

    def decode(self, frame: Coded) -> av.VideoFrame | None:
        """Return the picture of this frame."""
        packet = av.Packet(frame.data)
        packet.pts = packet.dts = frame.at_ns // 1_000_000
        try:
            pictures = self._codec.decode(packet)
        except av.FFmpegError:
            return None
        return pictures[-1] if pictures else None


class Encoder:
    """Pictures of one size to VP8; begins with a key frame."""

    def __init__(self, width: int, height: int) -> None:
        codec: Any = av.CodecContext.create("libvpx", "w")
        codec.width, codec.height = width, height
        codec.pix_fmt = "yuv420p"
        codec.time_base = MILLISECOND
        codec.framerate = Fraction(FRAMES_PER_SECOND)
        codec.bit_rate = max(300_000, width * height * 2)
        codec.gop_size = KEY_FRAME_EVERY
        codec.thread_count = 1  # libvpx's threads wait by spinning: dear on a busy machine
        codec.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
        self._codec = codec
        self._last_ms = -1

    def encode(self, picture: av.VideoFrame, at_ns: int) -> Iterator[Coded]:
        """Yield what the picture becomes."""
        picture.pts = self._last_ms = max(at_ns // 1_000_000, self._last_ms + 1)
        picture.time_base = MILLISECOND
        yield from self._coded(self._codec.encode(picture))

    def finish(self) -> Iterator[Coded]:
        """Yield what is left."""
        yield from self._coded(self._codec.encode(None))

    def _coded(self, found: list[Any]) -> Iterator[Coded]:
        for packet in found:
            yield Coded(packet.pts * 1_000_000, packet.is_keyframe, bytes(packet))
