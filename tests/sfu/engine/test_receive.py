"""RFC 3550 statistics and gaps of an incoming stream, with a clock that the test moves."""

from sfu.engine.pure import Receiver

MS = 1_000_000


def test_in_order_over_the_wrap() -> None:
    r = Receiver(48_000)
    for n in range(10):
        result, extended = r.packet((65_531 + n) & 0xFFFF, n * 960, n * 20 * MS)
        assert (result, extended) == ("new", 0x10000 + 65_531 + n)
    report = r.report()
    assert (report.fraction_lost, report.lost, report.jitter) == (0, 0, 0)
    assert report.highest_seq == 0x10000 + 4
    assert r.due(10**9) == []


def test_a_gap_is_asked_for_then_retried_by_its_measured_round_trip() -> None:
    r = Receiver(48_000)
    r.packet(10, 0, 0)
    r.packet(13, 0, 0)
    assert r.due(0) == [11, 12]
    assert r.due(10 * MS) == []
    assert r.packet(11, 0, 30 * MS)[0] == "recovered"
    assert r.round_trip_ns < 50 * MS
    assert r.due(70 * MS) == [12]
    assert r.packet(12, 0, 80 * MS)[0] == "recovered"
    assert r.due(10**9) == []
    assert r.report().lost == 0


def test_a_gap_is_given_up_after_ten_tries() -> None:
    r = Receiver(48_000)
    r.packet(10, 0, 0)
    r.packet(12, 0, 0)
    asked = [r.due(n * 250 * MS) for n in range(20)]
    assert asked == [[11]] * 10 + [[]] * 10
    assert r.packet(11, 0, 10**10)[0] == "late"


def test_loss_since_the_last_report_and_in_all() -> None:
    r = Receiver(90_000)
    for n in range(100):
        if n % 4:
            r.packet(n, 0, 0)
    first, second = r.report(), r.report()
    assert first.lost == 24  # of 99: number 0 was never expected
    assert first.fraction_lost == 24 * 256 // 99
    assert (second.lost, second.fraction_lost) == (24, 0)


def test_a_gap_too_long_to_repair_is_not_asked_for() -> None:
    r = Receiver(90_000)
    r.packet(1, 0, 0)
    assert r.packet(1000, 0, 0)[0] == "lost_much"
    assert r.due(0) == []


def test_jitter_follows_rfc_3550() -> None:
    r = Receiver(90_000)
    late = [0, 5, 0, 5, 0, 5]
    jitter, before = 0.0, 0
    for n, extra in enumerate(late):
        r.packet(n, n * 1800, (n * 20 + extra) * MS)
        change = abs(extra - before) * 90
        jitter += (change - jitter) / 16 if n else 0
        before = extra
    assert abs(r.report().jitter - jitter) <= 1
