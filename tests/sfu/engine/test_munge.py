"""The munger: what a receiver sees is one stream, whatever happens behind it."""

from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfu.engine import pure, twin

BOTH = pytest.mark.parametrize("form", [pure, twin], ids=["native", "twin"])
MS = 1_000_000
S = 1000 * MS


@BOTH
def test_the_first_packet_gets_the_first_numbers(form: ModuleType) -> None:
    m = form.Munger(90_000, 1000, 5)
    assert m.find(999) is None
    m.switch(1, 70_000, 123, 5 * S, 40, 9)
    assert m.packet(70_000, 123, 5 * S, 40, 9) == (0x10000 + 1000, 5, 1, 1)
    assert m.packet(70_001, 3123, 5 * S, 41, 9) == (0x10000 + 1001, 3005, 2, 1)


@BOTH
def test_a_switch_continues_every_number(form: ModuleType) -> None:
    m = form.Munger(90_000, 1, 0)
    m.switch(1, 70_000, 0, 0, 0x7FFE, 255)
    m.packet(70_000, 0, 0, 0x7FFE, 255)
    last = m.packet(70_005, 15_000, 100 * MS, 0x7FFF, 0)
    m.switch(2, 90_000, 0xFFFFFFF0, 300 * MS, 5, 5)
    first = m.packet(90_000, 0xFFFFFFF0, 300 * MS, 5, 5)
    assert first.seq == last.seq + 1
    assert first.timestamp == last.timestamp + 18_000  # 200 ms
    assert (first.picture, first.tl0) == (last.picture + 1, last.tl0 + 1)


@BOTH
def test_time_never_stands_still_over_a_switch(form: ModuleType) -> None:
    m = form.Munger(48_000, 1, 0)
    m.switch(1, 70_000, 960, S)
    last = m.packet(70_000, 960, S)
    m.switch(2, 80_000, 50, S - 1)
    assert m.packet(80_000, 50, S - 1).timestamp == last.timestamp + 1


@BOTH
def test_late_packets_keep_their_place_and_those_from_before_the_switch_have_none(
    form: ModuleType,
) -> None:
    m = form.Munger(90_000, 1, 0)
    m.switch(1, 70_000, 0, 0)
    m.packet(70_000, 0, 0)
    third = m.packet(70_002, 6000, 2 * MS)
    second = m.packet(70_001, 3000, 3 * MS)
    assert second.seq == third.seq - 1
    assert m.packet(69_999, 0, 4 * MS) is None


@BOTH
def test_a_nack_finds_its_source_after_switches(form: ModuleType) -> None:
    m = form.Munger(90_000, 0xFFF0 - 0x8000, 0)
    sent = []
    for source in (1, 2, 3):
        base = 70_000 * source
        m.switch(source, base, 0, source * S)
        for n in range(5):
            out = m.packet(base + n, n * 3000, source * S)
            sent.append((out.seq & 0xFFFF, source, base + n))
    for seq, source, number in sent:
        assert m.find(seq) == (source, number)
    assert m.find((sent[-1][0] + 1) & 0xFFFF) is None
    assert m.find((sent[0][0] - 1) & 0xFFFF) is None
    m.forget(2)
    assert m.find(sent[5][0]) is None
    assert m.find(sent[0][0]) == (1, 70_000)
    m.forget(3)
    assert m.find(sent[-1][0]) is None


@BOTH
def test_only_the_newest_ranges_are_remembered(form: ModuleType) -> None:
    m = form.Munger(90_000, 1, 0)
    for source in range(1, 12):
        m.switch(source, 70_000, 0, source * S)
        m.packet(70_000, 0, source * S)
    assert [m.find(seq) is not None for seq in range(1, 12)] == [False] * 2 + [True] * 9


steps = st.lists(
    st.one_of(
        st.tuples(st.just("packet"), st.integers(-20, 20), st.integers(0, 50)),
        st.tuples(st.just("jump"), st.integers(20, 3000), st.integers(0, 5000)),
        st.tuples(st.just("switch"), st.integers(1, 5), st.integers(0, 90_000)),
        st.tuples(st.just("find"), st.integers(0, 0xFFFF), st.just(0)),
        st.tuples(st.just("forget"), st.integers(1, 5), st.just(0)),
    ),
    max_size=80,
)


@given(
    st.sampled_from([48_000, 90_000, 8000]),
    st.integers(0, 0x7FFF),
    st.integers(0, 0xFFFFFFFF),
    steps,
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=300)
def test_native_and_twin_agree_on_random_traffic(
    rate: int, seq: int, timestamp: int, traffic: list[tuple[str, int, int]], ids: bool, tl: bool
) -> None:
    native, python = pure.Munger(rate, seq, timestamp), twin.Munger(rate, seq, timestamp)
    at, now, source = 100_000, 0, 1
    numbers: set[int] = set()

    def arguments() -> tuple[int, int, int, int | None, int | None]:
        picture = at * 7 & 0x7FFF if ids else None
        return at, at * 3000 & 0xFFFFFFFF, now, picture, at & 0xFF if tl else None

    for form in (native, python):
        form.switch(source, *arguments())
    for what, value, milliseconds in traffic:
        now += milliseconds * MS
        if what in {"packet", "jump"}:
            at += value
            out = native.packet(*arguments())
            assert out == python.packet(*arguments())
            if out is not None:
                numbers.add(out.seq)
        elif what == "switch":
            at, source = 50_000 * value, value
            for form in (native, python):
                form.switch(source, *arguments())
            assert native.packet(*arguments()) == python.packet(*arguments())
        elif what == "find":
            assert native.find(value) == python.find(value)
            for number in sorted(numbers)[-20:]:
                assert native.find(number & 0xFFFF) == python.find(number & 0xFFFF)
        else:
            native.forget(value)
            python.forget(value)
