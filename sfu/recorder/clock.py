"""Where RTP time stands on the worker's clock, and that on the record's time. Pure."""

from typing import Literal, NamedTuple

from sfu.control.tap import SENDER_REPORT

NTP_UNIX_OFFSET_NS = 2_208_988_800 * 1_000_000_000
IMPLAUSIBLE_NS = 2_000_000_000
"""A sender report that puts media this far from its arrival is not believed."""
WINDOW_NS = 5_000_000_000
"""Before a sender report: the least delay within one to two of these windows counts."""
NOTED_CHANGE_NS = 1_000_000
NOTED_EVERY_NS = 10_000_000_000


class BootClock(NamedTuple):
    """One life of a worker: its monotonic clock against wall time, as it said when first met."""

    boot_id: str
    monotonic_ns: int
    wall_ns: int
    origin_wall_ns: int

    def at(self, monotonic_ns: int) -> int:
        """Return the moment on the record's time (ns since its origin)."""
        return monotonic_ns - self.monotonic_ns + self.wall_ns - self.origin_wall_ns

    def wall(self, monotonic_ns: int) -> int:
        """Return the moment as Unix ns."""
        return monotonic_ns - self.monotonic_ns + self.wall_ns


class Mapping(NamedTuple):
    """RTP time `rtp` (unwrapped) is `monotonic_ns` on the worker's clock."""

    source: Literal["arrival", "sender_report"]
    rtp: int
    monotonic_ns: int


class StreamClock:
    """Maps one stream's RTP timestamps to the worker's clock.

    Until a sender report comes: the least arrival delay seen lately. Then: the sender's own clock
    with the publisher's minimum-delay offset, the same for its sound and its picture.
    """

    def __init__(self, clock_rate: int) -> None:
        self._rate = clock_rate
        self._last_rtp: int | None = None
        self._mapping: Mapping | None = None
        self._best: tuple[int, int] | None = None
        self._previous_best: int | None = None
        self._window_end = 0
        self._noted: Mapping | None = None

    @property
    def mapping(self) -> Mapping | None:
        return self._mapping

    def unwrap(self, timestamp: int) -> int:
        """Return the 32-bit timestamp continued from the last one given to `arrived`."""
        if self._last_rtp is None:
            return timestamp
        return self._last_rtp + ((timestamp - self._last_rtp + (1 << 31)) & 0xFFFFFFFF) - (1 << 31)

    def arrived(self, timestamp: int, monotonic_ns: int) -> int:
        """A packet came; return its unwrapped timestamp."""
        rtp = self.unwrap(timestamp)
        self._last_rtp = rtp if self._last_rtp is None else max(rtp, self._last_rtp)
        delay = monotonic_ns - self._duration(rtp)
        if self._best is None or monotonic_ns > self._window_end:
            self._previous_best = self._best[0] if self._best else None
            self._best = (delay, monotonic_ns)
            self._window_end = monotonic_ns + WINDOW_NS
        elif delay < self._best[0]:
            self._best = (delay, monotonic_ns)
        if self._mapping is None or self._mapping.source == "arrival":
            least = min(d for d in (self._best[0], self._previous_best) if d is not None)
            self._mapping = Mapping("arrival", rtp, least + self._duration(rtp))
        return rtp

    def reported(self, payload: bytes, arrived_ns: int) -> bool:
        """Take a SENDER_REPORT record. Return False when it is not believed."""
        if len(payload) != SENDER_REPORT.size:
            return False
        offset_ns, timestamp, ntp = SENDER_REPORT.unpack(payload)
        ntp_ns = (ntp >> 32) * 1_000_000_000 + ((ntp & 0xFFFFFFFF) * 1_000_000_000 >> 32)
        moment = ntp_ns + offset_ns
        if abs(moment - arrived_ns) > abs(moment - NTP_UNIX_OFFSET_NS - arrived_ns):
            # The offset may be taken against Unix time as well as against 1900 (RFC 5905).
            moment -= NTP_UNIX_OFFSET_NS
        rtp = self.unwrap(timestamp)
        if abs(moment - arrived_ns) > IMPLAUSIBLE_NS or not self._fits(rtp, moment):
            return False
        self._mapping = Mapping("sender_report", rtp, moment)
        return True

    def _fits(self, rtp: int, moment: int) -> bool:
        if self._best is None:
            return True
        return abs(moment - self._duration(rtp) - self._best[0]) <= IMPLAUSIBLE_NS

    def monotonic(self, rtp: int) -> int:
        """Return the worker's time of an unwrapped timestamp. Needs one `arrived` before."""
        if self._mapping is None:
            raise LookupError("no packet of this stream has arrived yet")
        return self._mapping.monotonic_ns + self._duration(rtp - self._mapping.rtp)

    def forget_noted(self) -> None:
        """A new file begins: its sidecar wants the mapping from the start."""
        self._noted = None

    def worth_noting(self) -> Mapping | None:
        """Return the mapping when it has changed enough since it was last returned here."""
        now, then = self._mapping, self._noted
        if now is None:
            return None
        if then is not None and then.source == now.source:
            expected = then.monotonic_ns + self._duration(now.rtp - then.rtp)
            small = abs(now.monotonic_ns - expected) < NOTED_CHANGE_NS
            if now.source == "arrival" or small:
                recent = now.monotonic_ns - then.monotonic_ns < NOTED_EVERY_NS
                if recent:
                    return None
        self._noted = now
        return now

    def _duration(self, rtp: int) -> int:
        return rtp * 1_000_000_000 // self._rate
