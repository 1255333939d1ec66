"""Audio and video through buses, over real sockets and real SRTP."""

from itertools import pairwise

import pytest

from sfu.engine import native
from tests.sfu.engine.peers import AUDIO_PT, Room, rtp, send_audio, send_frame


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
    steps = [(q.timestamp - p.timestamp) & 0xFFFFFFFF for p, q in pairwise(packets)]
    assert steps[:2] == [3000, 3000]
    assert 1 <= steps[2] < 90_000 * 5
    assert steps[3] == 3000
    first, second = media.wait_event(native.BusSwitched), media.wait_event(native.BusSwitched)
    assert isinstance(first, native.BusSwitched)
    assert isinstance(second, native.BusSwitched)
    assert (first.stream, second.stream, second.rtp_timestamp) == (a, b, 77)


def test_a_voice_that_is_taken_away_stops_at_once(media: Room) -> None:
    speaker, listener = media.peer(), media.peer()
    stream = media.audio(speaker, 10)
    bus = media.engine.add_bus(video=False, tag=1)
    media.consume(listener, bus, 501, video=False)
    media.engine.set_bus_source(bus, stream)
    send_audio(speaker, 10, 1)
    listener.until(lambda: len(listener.packets) == 1)
    media.engine.set_bus_source(bus, 0)
    first, second = media.wait_event(native.BusSwitched), media.wait_event(native.BusSwitched)
    assert isinstance(first, native.BusSwitched)
    assert isinstance(second, native.BusSwitched)
    assert (first.stream, second.stream) == (stream, 0)
    send_audio(speaker, 10, 2)
    assert listener.quiet()
    media.engine.set_bus_source(bus, stream)
    media.wait_event_after(lambda: send_audio(speaker, 10, 3), native.BusSwitched)
    listener.until(lambda: len(listener.packets) == 2)
    before, after = listener.packets
    assert (after.seq - before.seq) & 0xFFFF == 1
    assert after.marker
    assert 48 < (after.timestamp - before.timestamp) & 0xFFFFFFFF < 48_000 * 5


def test_a_venue_is_not_given_its_own_stream(media: Room) -> None:
    """Neither picture nor voice; the alternate takes the picture's place."""
    camera, other = media.peer(owner=5), media.peer(owner=6)
    screen, guest = media.peer(owner=5), media.peer(owner=7)
    own, main = media.video(camera, 20), media.video(other, 30)
    voice = media.audio(camera, 21)
    stage, sound = media.engine.add_bus(video=True), media.engine.add_bus(video=False)
    mine = media.consume(screen, stage, 600, video=True)
    media.consume(screen, sound, 601, video=False)
    theirs = media.consume(guest, stage, 700, video=True)
    media.consume(guest, sound, 701, video=False)
    media.engine.set_bus_source(stage, own, main)
    media.engine.set_bus_source(sound, voice)
    other.until(lambda: other.plis == 1)
    camera.until(lambda: camera.plis == 1)
    send_frame(camera, 20, 1, 1, key=True)
    send_frame(other, 30, 1, 1, key=True)
    send_audio(camera, 21, 1)
    screen.until(lambda: len(screen.packets) == 1)
    guest.until(lambda: len(guest.packets) == 2)
    assert screen.quiet()
    assert media.engine.consumer_counters(mine).current_stream == main
    assert media.engine.consumer_counters(theirs).current_stream == own
    media.engine.set_bus_source(stage, main)
    send_frame(other, 30, 2, 2)
    screen.until(lambda: len(screen.packets) == 2)


def test_a_consumer_that_joins_late_asks_for_a_key_frame(media: Room) -> None:
    sender, first = media.peer(), media.peer()
    bus = media.engine.add_bus(video=True)
    media.engine.set_bus_source(bus, media.video(sender, 20))
    media.consume(first, bus, 600, video=True)
    sender.until(lambda: sender.plis == 1)
    send_frame(sender, 20, 1, 1, key=True)
    first.until(lambda: len(first.packets) == 1)
    late = media.peer()
    media.consume(late, bus, 601, video=True)
    sender.until(lambda: sender.plis == 2)
    send_frame(sender, 20, 2, 2)
    send_frame(sender, 20, 3, 3, key=True)
    late.until(lambda: len(late.packets) == 1)
    first.until(lambda: len(first.packets) == 3)


def test_a_consumer_without_keys_waits_for_a_key_frame_that_it_can_be_sent(media: Room) -> None:
    sender, viewer = media.peer(), media.peer(srtp=False)
    bus = media.engine.add_bus(video=True)
    media.engine.set_bus_source(bus, media.video(sender, 20))
    media.consume(viewer, bus, 600, video=True)
    sender.until(lambda: sender.plis == 1)
    send_frame(sender, 20, 1, 1, key=True)
    viewer.set_srtp()
    sender.until(lambda: sender.plis == 2)
    send_frame(sender, 20, 2, 2, key=True)
    viewer.until(lambda: len(viewer.packets) == 1)
    assert viewer.packets[0].picture


def test_a_stream_without_ssrc_is_learned_from_its_mid(media: Room) -> None:
    sender, viewer = media.peer(), media.peer()
    stream = media.engine.add_stream(
        sender.transport,
        ssrc=0,
        payload_type=AUDIO_PT,
        codec=native.OPUS,
        clock_rate=48_000,
        tag=1,
        mid=b"a1",
        mid_extension=9,
    )
    bus = media.engine.add_bus(video=False)
    media.consume(viewer, bus, 501, video=False)
    media.engine.set_bus_source(bus, stream)
    for ssrc, mid in ((1, b"zz"), (2, b"a1")):
        sender.send(
            rtp(
                ssrc=ssrc,
                seq=1,
                timestamp=1,
                payload=mid,
                payload_type=AUDIO_PT,
                extension=bytes([0x91]) + mid,
            )
        )
    sender.send(rtp(ssrc=2, seq=2, timestamp=1, payload=b"again", payload_type=AUDIO_PT))
    viewer.until(lambda: len(viewer.packets) == 2)
    assert [p.payload for p in viewer.packets] == [b"a1", b"again"]
    assert media.engine.counters().invalid_datagrams == 1


def test_padding_and_contributing_sources_are_left_out(media: Room) -> None:
    sender, viewer = media.peer(), media.peer()
    bus = media.engine.add_bus(video=False)
    media.consume(viewer, bus, 501, video=False)
    media.engine.set_bus_source(bus, media.audio(sender, 10))
    plain = rtp(ssrc=10, seq=1, timestamp=1, payload=b"abc", payload_type=AUDIO_PT, padding=5)
    with_csrc = bytes([plain[0] | 2]) + plain[1:12] + bytes(8) + plain[12:]
    sender.send(with_csrc)
    viewer.until(lambda: len(viewer.packets) == 1)
    assert viewer.packets[0].raw[0] & 0x2F == 0
    assert viewer.packets[0].payload == b"abc"
    assert set(viewer.packets[0].extensions) == {3, 4}


def test_a_removed_stream_leaves_its_bus_and_its_consumers(media: Room) -> None:
    sender, viewer = media.peer(), media.peer()
    stream = media.video(sender, 20)
    bus = media.engine.add_bus(video=True, tag=1)
    consumer = media.consume(viewer, bus, 600, video=True)
    media.engine.set_bus_source(bus, stream)
    send_frame(sender, 20, 1, 1, key=True)
    viewer.until(lambda: len(viewer.packets) == 1)
    media.wait_event(native.BusSwitched)
    media.engine.remove_stream(stream)
    gone = media.wait_event(native.BusSwitched)
    assert isinstance(gone, native.BusSwitched)
    assert gone.stream == 0
    assert media.engine.consumer_counters(consumer).current_stream == 0
    with pytest.raises(LookupError):
        media.engine.stream_counters(stream)
    media.engine.remove_stream(stream)


def test_a_closed_transport_takes_everything_with_it(media: Room) -> None:
    sender, viewer = media.peer(), media.peer()
    stream = media.audio(sender, 10)
    bus = media.engine.add_bus(video=False)
    consumer = media.consume(viewer, bus, 501, video=False)
    media.engine.set_bus_source(bus, stream)
    send_audio(sender, 10, 1)
    viewer.until(lambda: len(viewer.packets) == 1)
    media.engine.close_transport(viewer.transport)
    media.engine.close_transport(viewer.transport)
    closed = media.wait_event(native.TransportClosed)
    assert closed == native.TransportClosed(viewer.transport)
    send_audio(sender, 10, 2)
    assert viewer.quiet()
    with pytest.raises(LookupError):
        media.engine.consumer_counters(consumer)
    media.engine.close_transport(sender.transport)
    assert media.wait_event(native.TransportClosed) == native.TransportClosed(sender.transport)
    before = media.engine.counters().invalid_datagrams
    send_audio(sender, 10, 3)
    media.until(lambda: media.engine.counters().invalid_datagrams == before + 1)


def test_media_of_a_wrong_kind_is_refused(media: Room) -> None:
    sender = media.peer()
    bus = media.engine.add_bus(video=True)
    with pytest.raises(ValueError, match="not of one kind"):
        media.engine.set_bus_source(bus, media.audio(sender, 10))
    with pytest.raises(LookupError, match="not a live stream"):
        media.engine.set_bus_source(bus, 12_345)
