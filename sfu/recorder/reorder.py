"""Puts the packets of one RTP stream back in order, waiting a while for retransmissions.

Time is the worker's clock as the tap tells it: nothing here reads a clock.
"""

from collections.abc import Iterator
from typing import Generic, NamedTuple, TypeVar

HOLD_NS = 500_000_000
"""How long a missing packet is waited for."""
RESTART_JUMP = 3000
"""A sequence number this far from the expected one is a new beginning, not a loss."""

T = TypeVar("T")


class Lost(NamedTuple):
    """So many packets never came. 0: the sender began anew, nobody knows how many."""

    packets: int


class Reorder(Generic[T]):
    """Feed with `push`, then take from `pop` all that is in order."""

    def __init__(self, hold_ns: int = HOLD_NS) -> None:
        self._hold_ns = hold_ns
        self._next: int | None = None
        self._held: dict[int, tuple[int, T]] = {}
        self._restarted = False

    def push(self, sequence: int, now_ns: int, item: T) -> None:
        """Take the packet with this 16-bit sequence number; late and repeated ones are dropped."""
        if self._next is None:
            self._next = sequence
        distance = ((sequence - self._next + 0x8000) & 0xFFFF) - 0x8000
        if abs(distance) > RESTART_JUMP:
            self._restarted = True
            self._held.clear()
            self._next = sequence
            distance = 0
        if distance >= 0:
            self._held.setdefault(self._next + distance, (now_ns, item))

    def pop(self, now_ns: int) -> Iterator[T | Lost]:
        """Yield what is in order now, and `Lost` where waiting was in vain."""
        if self._restarted:
            self._restarted = False
            yield Lost(0)
        while self._held and self._next is not None:
            ready = self._held.pop(self._next, None)
            if ready is not None:
                self._next += 1
                yield ready[1]
                continue
            first = min(self._held)
            if now_ns - self._held[first][0] < self._hold_ns:
                return
            yield Lost(first - self._next)
            self._next = first

    def flush(self) -> Iterator[T | Lost]:
        """Yield all that is left: nothing more will come."""
        return self.pop(1 << 63)
