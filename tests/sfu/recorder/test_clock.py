"""RTP time on the worker's clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfu.control.tap import SENDER_REPORT
from sfu.recorder.clock import NTP_UNIX_OFFSET_NS, BootClock, StreamClock

SECOND = 1_000_000_000
MS = 1_000_000


def report(captured_ns: int, timestamp: int, *, delay: int = 0, epoch: int = 0) -> bytes:
    """A sender whose NTP time is the worker's plus a million seconds."""
    ahead = 1_000_000 * SECOND
    ntp_ns = captured_ns + ahead
    ntp = (ntp_ns // SECOND << 32) | ((ntp_ns % SECOND << 32) // SECOND)
    return SENDER_REPORT.pack(delay - ahead + epoch, timestamp, ntp)


def test_before_a_report_the_least_delay_counts() -> None:
    clock = StreamClock(90_000)
    for index, delay in enumerate((50, 20, 80)):
        clock.arrived(1000 + index * 9000, (index * 100 + delay) * MS)
    assert clock.monotonic(1000) == 20 * MS
    assert clock.monotonic(1000 + 90_000) == SECOND + 20 * MS


@pytest.mark.parametrize("epoch", [0, NTP_UNIX_OFFSET_NS])
def test_a_report_decides_whatever_epoch_its_offset_is_of(epoch: int) -> None:
    clock = StreamClock(48_000)
    clock.arrived(96_000, 2 * SECOND + 300 * MS)
    assert clock.reported(report(2 * SECOND, 96_000, delay=10 * MS, epoch=epoch), 2400 * MS)
    assert clock.monotonic(96_000) == pytest.approx(2010 * MS, abs=2)


def test_nonsense_is_not_believed() -> None:
    clock = StreamClock(48_000)
    clock.arrived(0, SECOND)
    assert not clock.reported(b"short", SECOND)
    assert not clock.reported(report(100 * SECOND, 0), SECOND)
    assert not clock.reported(report(SECOND, 48_000 * 60), SECOND)
    assert clock.monotonic(0) == SECOND


@given(st.integers(0, 0xFFFFFFFF), st.lists(st.integers(-900_000, 900_000), max_size=30))
def test_timestamps_are_unwrapped_by_the_nearest_way(start: int, steps: list[int]) -> None:
    clock = StreamClock(90_000)
    truth = newest = clock.arrived(start, 0)
    for index, step in enumerate(steps, 1):
        truth = newest + step
        assert clock.arrived(truth & 0xFFFFFFFF, index * MS) == truth
        newest = max(newest, truth)


def test_a_worker_s_clock_on_the_record_s_time() -> None:
    boot = BootClock("b", 5 * SECOND, 1005 * SECOND, 1000 * SECOND)
    assert boot.at(6 * SECOND) == 6 * SECOND
    assert boot.wall(6 * SECOND) == 1006 * SECOND
