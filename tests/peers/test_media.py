"""What a synthetic venue puts on the wire, read back by other hands than those that wrote it."""

from pathlib import Path

from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtp import RtcpPacket, RtcpSdesPacket, RtcpSrPacket, RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from peers.clip import FRAMES_PER_SECOND, SECONDS, clip
from peers.media import Stream, VenueMedia
from peers.signalling import merge_patch


class Wire:
    """Takes the place of a transport: keeps the packets."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def send_rtp(self, packet: bytes) -> None:
        self.packets.append(packet)


def test_a_clip_is_whole_frames_with_a_key_frame_each_second(tmp_path: Path) -> None:
    made = clip("East 东", 1, tmp_path)
    assert len(made.video) == FRAMES_PER_SECOND * SECONDS
    assert [f.key for f in made.video][::FRAMES_PER_SECOND] == [True] * SECONDS
    assert clip("East 东", 1, tmp_path) == made  # from the cache


def test_frames_are_put_together_again_from_packets(tmp_path: Path) -> None:
    made = clip("East 东", 1, tmp_path)
    media, wire = VenueMedia(made), Wire()
    stream = Stream(96, 90_000)
    for position in range(3):
        media._send_frame(wire, stream, position, position)  # type: ignore[arg-type]  # keeps them
    frames: list[bytes] = [b""]
    for data in wire.packets:
        packet = RtpPacket.parse(data)
        descriptor, payload = VpxPayloadDescriptor.parse(packet.payload)
        assert descriptor.partition_start == (frames[-1] == b"")
        assert descriptor.picture_id == len(frames) - 1
        frames[-1] += payload
        if packet.marker:
            frames.append(b"")
    assert frames[:3] == [f.data for f in made.video[:3]]


def test_sender_reports_are_compound_and_carry_a_cname() -> None:
    stream = Stream(96, 90_000)
    stream.packet(1.0, b"12345", marker=True)
    report, description = RtcpPacket.parse(stream.sender_report(2.0, ntp=0x0102030405060708))
    assert isinstance(report, RtcpSrPacket)
    assert (report.sender_info.packet_count, report.sender_info.octet_count) == (1, 5)
    assert report.sender_info.ntp_timestamp == 0x0102030405060708
    assert isinstance(description, RtcpSdesPacket)
    assert description.chunks[0].items == [(1, b"peer")]


documents = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(documents, documents)
def test_a_merge_patch_of_a_whole_document_adds_and_keeps(old: object, new: object) -> None:
    merged = merge_patch(old, new)
    assert merge_patch(merged, new) == merged
    if not isinstance(new, dict):
        assert merged == new


def test_null_removes() -> None:
    assert merge_patch({"a": 1, "b": {"c": 2, "d": 3}}, {"a": None, "b": {"c": None}}) == {
        "b": {"d": 3}
    }
