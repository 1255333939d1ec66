"""Order, loss and waiting of RTP packets, over many arrivals."""

from hypothesis import given
from hypothesis import strategies as st

from sfu.recorder.reorder import HOLD_NS, Lost, Reorder

MS = 1_000_000


@given(
    start=st.integers(0, 0xFFFF),
    delays=st.lists(st.integers(0, 400), min_size=1, max_size=80),
    lost=st.sets(st.integers(1, 79)),
    twice=st.sets(st.integers(0, 79)),
)
def test_whatever_the_way_does_the_order_is_right(
    start: int, delays: list[int], lost: set[int], twice: set[int]
) -> None:
    """Packets 20 ms apart, each delayed by less than the hold: all that came is given out."""
    arrivals = [(i * 20 + d, i) for i, d in enumerate(delays) if i not in lost]
    arrivals += [(at + 30, i) for at, i in arrivals if i in twice]
    first = min(arrivals)[1]
    reorder: Reorder[int] = Reorder()
    out: list[int | Lost] = []
    for at, index in sorted(arrivals):
        reorder.push((start + index) & 0xFFFF, at * MS, index)
        out += reorder.pop(at * MS)
    out += reorder.flush()
    packets = [x for x in out if not isinstance(x, Lost)]
    assert packets == sorted(set(packets))
    # What was sent before the first to arrive is not waited for; all else is there or lost.
    assert set(packets) == {i for _, i in arrivals if i >= first}
    missing = sum(x.packets for x in out if isinstance(x, Lost))
    assert missing == packets[-1] - packets[0] + 1 - len(packets)


def test_a_missing_packet_is_waited_for_and_no_longer() -> None:
    reorder: Reorder[str] = Reorder()
    reorder.push(10, 0, "a")
    reorder.push(12, 5, "c")
    assert list(reorder.pop(5)) == ["a"]
    assert list(reorder.pop(5 + HOLD_NS - 1)) == []
    assert list(reorder.pop(5 + HOLD_NS)) == [Lost(1), "c"]
    reorder.push(11, 6 + HOLD_NS, "b")
    assert list(reorder.pop(6 + HOLD_NS)) == []


def test_a_sender_that_begins_anew_is_followed_at_once() -> None:
    reorder: Reorder[str] = Reorder()
    reorder.push(10, 0, "a")
    assert list(reorder.pop(0)) == ["a"]
    reorder.push(40_000, 1, "b")
    assert list(reorder.pop(1)) == [Lost(0), "b"]
