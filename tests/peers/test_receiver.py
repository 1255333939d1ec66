"""Counting what arrives (RFC 3550 appendix A)."""

import pytest

from peers.receiver import Received, target_name


def packet(sequence: int, timestamp: int) -> bytes:
    head = bytes([0x80, 96]) + (sequence & 0xFFFF).to_bytes(2, "big")
    return head + timestamp.to_bytes(4, "big") + (7).to_bytes(4, "big") + b"media"


def fraction_and_lost(block: bytes) -> tuple[int, int]:
    return block[4], int.from_bytes(block[5:8], "big")


def test_losses_are_counted_over_the_wrap_of_the_sequence_number() -> None:
    stream = Received(7, "video", 90_000)
    for sequence in (65_534, 65_535, 0, 2, 3):  # 1 is lost
        stream.take(packet(sequence, 0), now=1.0)
    assert fraction_and_lost(stream.report_block(now=1.0)) == (256 // 6, 1)
    assert fraction_and_lost(stream.report_block(now=2.0)) == (0, 1)


def test_a_late_packet_is_no_loss() -> None:
    stream = Received(7, "video", 90_000)
    for sequence in (1, 3, 2):
        stream.take(packet(sequence, 0), now=1.0)
    assert fraction_and_lost(stream.report_block(now=1.0)) == (0, 0)


def test_delay_since_the_sender_report_is_in_65536ths() -> None:
    stream = Received(7, "video", 90_000)
    stream.take(packet(1, 0), now=1.0)
    assert stream.report_block(now=1.0)[16:] == bytes(8)
    stream.take_sender_report(0x1111_2222_3333_4444, now=1.0)
    block = stream.report_block(now=1.5)
    assert int.from_bytes(block[16:20], "big") == 0x2222_3333
    assert int.from_bytes(block[20:24], "big") == 32_768


def test_a_switch_of_source_is_no_jitter() -> None:
    stream = Received(7, "video", 90_000)
    for number in range(20):
        stream.take(packet(number, number * 3000), now=number / 30)
    steady = stream.jitter
    stream.take(packet(20, 900_000_000), now=20 / 30)
    assert stream.jitter == pytest.approx(steady)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ({"type": "slot", "slot": 1, "kind": "video"}, "slot-1-video"),
        ({"type": "audio_bus", "bus": 3}, "audio_bus-3"),
        ({"type": "wall", "tile": 7}, "wall-7"),
    ],
)
def test_targets_have_names(target: dict[str, object], name: str) -> None:
    assert target_name(target) == name
