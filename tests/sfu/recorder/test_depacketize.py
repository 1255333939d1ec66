"""VP8 frames and Opus packets from RTP payloads, good and bad."""

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from sfu.recorder.depacketize import (
    Damaged,
    Frame,
    Vp8Assembler,
    key_frame_size,
    opus_duration_ns,
    opus_frame,
)

KEY = bytes([0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xB4, 0x00]) + bytes(20)
DELTA = bytes([0x11]) + bytes(20)
BEGIN, GO_ON = b"\x10", b"\x00"


def packet(payload: bytes, timestamp: int = 1, *, last: bool = True) -> RtpPacket:
    return RtpPacket(payload_type=96, marker=int(last), timestamp=timestamp, payload=payload)


def test_a_frame_is_put_together_from_its_packets() -> None:
    assembler = Vp8Assembler()
    assert assembler.push(packet(BEGIN + KEY[:12], last=False)) is None
    frame = assembler.push(packet(GO_ON + KEY[12:]))
    assert frame == Frame(KEY, 1, True, (320, 180), 0)
    assert assembler.push(packet(BEGIN + DELTA, 2)) == Frame(DELTA, 2, False, None, 0)


def test_nothing_comes_before_a_key_frame_or_after_a_loss() -> None:
    assembler = Vp8Assembler()
    assert assembler.push(packet(BEGIN + DELTA)) is None
    assert isinstance(assembler.push(packet(BEGIN + KEY, 2)), Frame)
    assembler.lost()
    assert assembler.push(packet(BEGIN + DELTA, 3)) is None
    assert isinstance(assembler.push(packet(BEGIN + KEY, 4)), Frame)


def test_a_frame_without_its_end_breaks_the_chain() -> None:
    assembler = Vp8Assembler()
    assembler.push(packet(BEGIN + KEY, 1))
    assert assembler.push(packet(BEGIN + DELTA, 2, last=False)) is None
    assert isinstance(assembler.push(packet(BEGIN + DELTA, 3)), Damaged)
    assert assembler.push(packet(BEGIN + DELTA, 4)) is None
    assert isinstance(assembler.push(packet(BEGIN + KEY, 5)), Frame)


def test_padding_is_not_a_frame() -> None:
    assembler = Vp8Assembler()
    assembler.push(packet(BEGIN + KEY, 1))
    assert assembler.push(packet(b"", 1)) is None
    assert isinstance(assembler.push(packet(BEGIN + DELTA, 2)), Frame)


@given(st.lists(st.tuples(st.binary(max_size=40), st.booleans()), max_size=30))
def test_no_bytes_break_it(payloads: list[tuple[bytes, bool]]) -> None:
    assembler = Vp8Assembler()
    for index, (payload, last) in enumerate(payloads):
        assembler.push(packet(payload, index // 3, last=last))
        opus_frame(packet(payload))


@pytest.mark.parametrize(
    ("data", "milliseconds"),
    [
        (b"\x78\x00", 20),
        (b"\xf8\x00", 20),
        (b"\xe0\x00", 2.5),
        (b"\x08\x00", 20),
        (b"\x18\x00", 60),
        (b"\xf9\x00", 40),
        (b"\xfb\x03", 60),
        (b"\xfb", 0),
        (b"", 0),
    ],
)
def test_opus_says_how_long_it_is(data: bytes, milliseconds: float) -> None:
    assert opus_duration_ns(data) == milliseconds * 1_000_000


@pytest.mark.parametrize("data", [b"", DELTA, KEY[:9], b"\x10" + bytes(20), KEY[:6] + bytes(8)])
def test_what_is_no_key_frame_has_no_size(data: bytes) -> None:
    assert key_frame_size(data) is None
