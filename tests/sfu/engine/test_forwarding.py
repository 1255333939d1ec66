"""Audio and video through buses, over real sockets and real SRTP."""

from sfu.engine import native
from tests.sfu.engine.peers import AUDIO_PT, VIDEO_PT, Peer, Room, rtp, vp8


def send_audio(peer: Peer, ssrc: int, seq: int, *, level: int | None = 20) -> None:
    extension = b"" if level is None else bytes([0x10, level])
    peer.send(
        rtp(
            ssrc=ssrc,
            seq=seq,
            timestamp=seq * 960,
            payload=b"opus%d" % seq,
            payload_type=AUDIO_PT,
            extension=extension,
        )
    )


def send_frame(
    peer: Peer, ssrc: int, seq: int, picture: int, *, key: bool = False, timestamp: int = 0
) -> None:
    """A frame of one packet."""
    peer.send(
        rtp(
            ssrc=ssrc,
            seq=seq,
            timestamp=timestamp or picture * 3000,
            payload=vp8(picture, picture & 0xFF, key=key),
            payload_type=VIDEO_PT,
            marker=True,
        )
    )


def test_audio_goes_to_every_consumer_with_the_receivers_numbers(media: Room) -> None:
    speaker, first, second = media.peer(), media.peer(), media.peer()
    stream = media.audio(speaker, 10)
    bus = media.engine.add_bus(video=False, tag=9)
    consumers = [
        media.consume(first, bus, 501, video=False),
        media.consume(second, bus, 502, video=False),
    ]
    media.engine.set_bus_source(bus, stream)
    for seq in range(65_530, 65_550):
        send_audio(speaker, 10, seq)
    for peer, ssrc in ((first, 501), (second, 502)):
        peer.until(lambda peer=peer: len(peer.packets) == 20)  # type: ignore[misc]  # bound now
        assert {p.ssrc for p in peer.packets} == {ssrc}
        assert {p.payload_type for p in peer.packets} == {109}
        assert [p.payload for p in peer.packets] == [b"opus%d" % n for n in range(65_530, 65_550)]
        start = peer.packets[0]
        assert [(p.seq - start.seq) & 0xFFFF for p in peer.packets] == list(range(20))
        assert [p.marker for p in peer.packets] == [True] + [False] * 19
        assert start.extensions[4] == b"7"
        assert len(start.extensions[3]) == 3
        assert start.extensions[5] == bytes([20])
        assert set(start.extensions) == {3, 4, 5}
    switched = media.wait_event(native.BusSwitched)
    assert isinstance(switched, native.BusSwitched)
    assert (switched.bus, switched.stream) == (bus, stream)
    assert switched.rtp_timestamp == 65_530 * 960
    counters = media.engine.stream_counters(stream)
    assert (counters.packets, counters.lost, counters.audio_level) == (20, 0, 20)
    assert media.engine.consumer_counters(consumers[0]).packets == 20


def test_video_begins_at_a_key_frame_only(media: Room) -> None:
    sender, viewer = media.peer(), media.peer()
    stream = media.video(sender, 20)
    bus = media.engine.add_bus(video=True)
    media.engine.set_bus_source(bus, stream)
    consumer = media.consume(viewer, bus, 600, video=True)
    for n in range(3):
        send_frame(sender, 20, n, n)
    sender.until(lambda: sender.plis >= 1)
    assert viewer.quiet()
    send_frame(sender, 20, 3, 3, key=True)
    send_frame(sender, 20, 4, 4)
    viewer.until(lambda: len(viewer.packets) == 2)
    counters = media.engine.stream_counters(stream)
    assert (counters.width, counters.height, counters.key_frames) == (640, 360, 1)
    assert counters.frames == 5
    assert media.engine.consumer_counters(consumer).current_stream == stream


def test_a_bus_switches_at_the_next_key_frame_without_a_seam(media: Room) -> None:
    one, two, viewer = media.peer(), media.peer(), media.peer()
    a, b = media.video(one, 20, tag=1), media.video(two, 30, tag=2)
    bus = media.engine.add_bus(video=True, tag=1)
    media.engine.set_bus_source(bus, a)
    media.consume(viewer, bus, 600, video=True)
    send_frame(one, 20, 100, 7, key=True)
    send_frame(one, 20, 101, 8)
    viewer.until(lambda: len(viewer.packets) == 2)
    media.engine.set_bus_source(bus, b)
    two.until(lambda: two.plis == 1)
    send_frame(two, 30, 9000, 4000)
    send_frame(one, 20, 102, 9)
    viewer.until(lambda: len(viewer.packets) == 3)
    send_frame(two, 30, 9001, 4001, key=True, timestamp=77)
    send_frame(two, 30, 9002, 4002, timestamp=3077)
    viewer.until(lambda: len(viewer.packets) == 5)
    send_frame(one, 20, 103, 10)
    assert viewer.quiet()
    packets = viewer.packets
    assert [(p.seq - packets[0].seq) & 0xFFFF for p in packets] == list(range(5))
    assert [(p.picture - packets[0].picture) & 0x7FFF for p in packets] == list(range(5))
    assert [(p.tl0 - packets[0].tl0) & 0xFF for p in packets] == list(range(5))
    steps = [
        (q.timestamp - p.timestamp) & 0xFFFFFFFF for p, q in zip(packets, packets[1:], strict=False)
    ]
    assert steps[:2] == [3000, 3000]
    assert 1 <= steps[2] < 90_000 * 5
    assert steps[3] == 3000
    first, second = media.wait_event(native.BusSwitched), media.wait_event(native.BusSwitched)
    assert isinstance(first, native.BusSwitched)
    assert isinstance(second, native.BusSwitched)
    assert (first.stream, second.stream, second.rtp_timestamp) == (a, b, 77)
