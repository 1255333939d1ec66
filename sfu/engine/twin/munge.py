"""One consumer's unbroken RTP stream, whatever source feeds it."""

from dataclasses import dataclass

from sfu.engine.shapes import Numbers

REMEMBERED_RANGES = 8


@dataclass
class _Range:
    """From `first` on, outgoing numbers are the source's plus these offsets."""

    source: int
    first: int
    seq: int
    timestamp: int
    picture: int
    tl0: int


class Munger:
    """Numbers of what a receiver is sent. Sources are positive; a forgotten one answers no NACK."""

    def __init__(self, clock_rate: int, first_seq: int, first_timestamp: int) -> None:
        self._clock_rate = clock_rate
        self._highest = 0x10000 + first_seq - 1
        self._highest_ns = 0
        self._timestamp = first_timestamp
        self._picture = 0
        self._tl0 = 0
        self._ranges: list[_Range] = []

    def _next_timestamp(self, now_ns: int) -> int:
        if not self._ranges:
            return self._timestamp
        elapsed = max(0, now_ns - self._highest_ns)
        return self._timestamp + max(1, elapsed * self._clock_rate // 10**9)

    def switch(
        self,
        source: int,
        seq: int,
        timestamp: int,
        now_ns: int,
        picture: int | None = None,
        tl0: int | None = None,
    ) -> None:
        """From this packet on `source` feeds the stream."""
        first = self._highest + 1
        self._ranges.append(
            _Range(
                source,
                first,
                first - seq,
                self._next_timestamp(now_ns) - timestamp,
                self._picture + 1 - (picture or 0),
                self._tl0 + 1 - (tl0 or 0),
            )
        )
        del self._ranges[: -REMEMBERED_RANGES - 1]

    def packet(
        self,
        seq: int,
        timestamp: int,
        now_ns: int,
        picture: int | None = None,
        tl0: int | None = None,
    ) -> Numbers | None:
        """Return the numbers to send; None for a packet from before the switch."""
        current = self._ranges[-1]
        out = Numbers(
            seq + current.seq,
            (timestamp + current.timestamp) & 0xFFFFFFFF,
            ((picture or 0) + current.picture) & 0x7FFF,
            ((tl0 or 0) + current.tl0) & 0xFF,
        )
        if out.seq < current.first:
            return None
        if out.seq > self._highest:
            self._highest = out.seq
            self._highest_ns = now_ns
            self._timestamp = out.timestamp
            self._picture = self._picture if picture is None else out.picture
            self._tl0 = self._tl0 if tl0 is None else out.tl0
        return out

    def find(self, seq: int) -> tuple[int, int] | None:
        """Return (source, its number) of what was sent as `seq` (16 bits), or None."""
        number = self._highest + (((seq - self._highest) + 0x8000) & 0xFFFF) - 0x8000
        for past in reversed(self._ranges):
            if number > self._highest:
                return None
            if number >= past.first:
                return (past.source, number - past.seq) if past.source else None
        return None

    def forget(self, source: int) -> None:
        """The source goes away."""
        for past in self._ranges:
            if past.source == source:
                past.source = 0
