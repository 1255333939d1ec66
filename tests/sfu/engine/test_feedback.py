"""Repairs, key-frame requests and reports, answered by the thread."""

import struct
import time

import pytest

from sfu.engine import native
from tests.sfu.engine.peers import Peer, Room, room, rtp, send_audio, send_frame, vp8

NTP_UNIX = 2_208_988_800


def nack(media_ssrc: int, seq: int, mask: int = 0) -> bytes:
    return struct.pack("!BBHIIHH", 0x81, 205, 3, 1, media_ssrc, seq & 0xFFFF, mask)


def pli(media_ssrc: int) -> bytes:
    return struct.pack("!BBHII", 0x81, 206, 2, 1, media_ssrc)


def fir(media_ssrc: int) -> bytes:
    return struct.pack("!BBHIIIBBH", 0x84, 206, 4, 1, 0, media_ssrc, 1, 0, 0)


def sender_report(ssrc: int, ntp: float, timestamp: int) -> bytes:
    stamp = int((ntp + NTP_UNIX) * 2**32) & 0xFFFFFFFFFFFFFFFF
    return struct.pack("!BBHIQIII", 0x80, 200, 6, ssrc, stamp, timestamp & 0xFFFFFFFF, 1, 1)


def receiver_report(
    ssrc: int, *, lost: int = 3, fraction: int = 64, jitter: int = 90, lsr: int = 0, delay: int = 0
) -> bytes:
    block = struct.pack("!IIIIII", ssrc, (fraction << 24) | lost, 1, jitter, lsr, delay)
    return struct.pack("!BBHI", 0x81, 201, 7, 1) + block


def watched(media: Room) -> tuple[Peer, Peer, int, int, int]:
    """A sender whose video a viewer already sees."""
    sender, viewer = media.peer(), media.peer()
    stream = media.video(sender, 20)
    bus = media.engine.add_bus(video=True)
    media.engine.set_bus_source(bus, stream)
    consumer = media.consume(viewer, bus, 600, video=True)
    sender.until(lambda: sender.plis == 1)
    send_frame(sender, 20, 1, 1, key=True)
    viewer.until(lambda: len(viewer.packets) == 1)
    return sender, viewer, stream, bus, consumer


def test_a_nack_is_answered_from_history_after_a_switch(media: Room) -> None:
    sender, viewer, _, bus, consumer = watched(media)
    send_frame(sender, 20, 2, 2)
    other = media.peer()
    media.engine.set_bus_source(bus, media.video(other, 30))
    other.until(lambda: other.plis == 1)
    send_frame(other, 30, 7000, 300, key=True)
    send_frame(other, 30, 7001, 301)
    viewer.until(lambda: len(viewer.packets) == 4)
    sent = list(viewer.packets)
    first = sent[0].seq
    viewer.lose_everything()
    viewer.send_rtcp(nack(600, first, 0b111) + nack(600, first + 50))
    viewer.until(lambda: len(viewer.packets) == 8)
    again = viewer.packets[4:]
    assert [p.seq for p in again] == [p.seq for p in sent]
    assert [(p.timestamp, p.payload) for p in again] == [(p.timestamp, p.payload) for p in sent]
    counters = media.engine.consumer_counters(consumer)
    assert (counters.retransmitted, counters.nacks_received) == (4, 5)


def test_a_resend_repeats_every_bit(media: Room) -> None:
    """AES-GCM: one nonce must never protect two different packets (RFC 7714 section 9.1)."""
    sender, viewer = media.peer(), media.peer()
    stage, sound = media.engine.add_bus(video=True), media.engine.add_bus(video=False)
    media.consume(viewer, stage, 600, video=True)
    media.consume(viewer, sound, 601, video=False)
    media.engine.set_bus_source(stage, media.video(sender, 20))
    media.engine.set_bus_source(sound, media.audio(sender, 21))
    send_frame(sender, 20, 1, 1, key=True)
    send_audio(sender, 21, 1)
    send_audio(sender, 21, 2, level=None)
    viewer.until(lambda: len(viewer.packets) == 3)
    first = list(viewer.encrypted)
    viewer.lose_everything()
    for packet in viewer.packets:
        viewer.send_rtcp(nack(packet.ssrc, packet.seq))
    viewer.until(lambda: len(viewer.packets) == 6)
    assert sorted(viewer.encrypted[3:]) == sorted(first)


def test_an_ssrc_never_begins_again_on_one_transport(media: Room) -> None:
    viewer = media.peer()
    bus = media.engine.add_bus(video=False)
    media.engine.remove_consumer(media.consume(viewer, bus, 601, video=False))
    with pytest.raises(ValueError, match="was used on this transport before"):
        media.consume(viewer, bus, 601, video=False)


def test_one_packet_is_not_resent_twice_in_a_moment(media: Room) -> None:
    _, viewer, _, _, consumer = watched(media)
    seq = viewer.packets[0].seq
    viewer.send_rtcp(nack(600, seq) * 5)
    media.until(lambda: media.engine.consumer_counters(consumer).nacks_received == 5)
    assert media.engine.consumer_counters(consumer).retransmitted == 1


def test_a_gap_is_asked_for_until_it_is_filled_also_without_viewers(media: Room) -> None:
    sender = media.peer()
    stream = media.audio(sender, 10)
    send_audio(sender, 10, 1)
    send_audio(sender, 10, 5)
    sender.until(lambda: len(sender.feedback(205, 1)) >= 2)
    for request in sender.feedback(205, 1):
        assert struct.unpack("!IHH", request[8:16]) == (10, 2, 0b11)
    send_audio(sender, 10, 3)
    sender.until(lambda: sender.feedback(205, 1)[-1][12:16] == struct.pack("!HH", 2, 0b10))
    send_audio(sender, 10, 2)
    send_audio(sender, 10, 4)
    media.until(lambda: media.engine.stream_counters(stream).recovered == 3)
    counters = media.engine.stream_counters(stream)
    assert (counters.packets, counters.expected, counters.lost) == (5, 5, 0)
    sender.rtcp.clear()
    sender.quiet(0.1)
    assert not sender.feedback(205, 1)


def test_a_gap_that_nobody_fills_is_given_up(media: Room) -> None:
    sender = media.peer()
    stream = media.audio(sender, 10)
    send_audio(sender, 10, 1)
    send_audio(sender, 10, 3)
    media.until(lambda: media.engine.stream_counters(stream).nacks_sent == 10)
    sender.quiet(0.25)
    counters = media.engine.stream_counters(stream)
    assert (counters.nacks_sent, counters.lost) == (10, 1)


def test_key_frame_requests_are_merged(media: Room) -> None:
    sender, viewer, stream, _, consumer = watched(media)
    for _ in range(10):
        viewer.send_rtcp(pli(600))
        viewer.send_rtcp(fir(600))
        media.engine.request_key_frame(stream)
    media.until(lambda: media.engine.consumer_counters(consumer).plis_received == 20)
    began = time.monotonic()
    sender.until(lambda: sender.plis == 2)
    sender.quiet(max(0.0, 0.45 - (time.monotonic() - began)))
    assert sender.plis == 2
    assert media.engine.stream_counters(stream).plis_sent == 2


def test_a_long_gap_in_video_asks_for_a_key_frame(media: Room) -> None:
    sender = media.peer()
    stream = media.video(sender, 20)
    send_frame(sender, 20, 1, 1, key=True)
    send_frame(sender, 20, 600, 2)
    sender.until(lambda: sender.plis == 1)
    assert media.engine.stream_counters(stream).nacks_sent == 0


def test_duplicates_are_counted_and_dropped(media: Room) -> None:
    sender, viewer, stream, _, _ = watched(media)
    packet = rtp(ssrc=20, seq=2, timestamp=9, payload=vp8(2, 2), payload_type=96, marker=True)
    datagram = sender.sends.protect(packet)
    for _ in range(3):
        sender.sock.sendto(datagram, media.server)
    viewer.until(lambda: len(viewer.packets) == 2)
    media.until(lambda: media.engine.stream_counters(stream).duplicates == 2)
    assert viewer.quiet(0.05)


def test_publishers_get_receiver_reports_and_remb() -> None:
    with room(remb_bps=5_000_000) as media:
        sender = media.peer()
        media.video(sender, 20)
        began = time.time()
        for seq in (1, 2, 3, 5):
            send_frame(sender, 20, seq, seq, key=seq == 1)
        sender.send_rtcp(sender_report(20, began, 12_345))
        sender.until(lambda: any(r[24:28] != bytes(4) for r in sender.feedback(201, 1)), seconds=3)
        report = sender.feedback(201, 1)[-1]
        ssrc, loss, highest, _jitter, lsr, delay = struct.unpack("!6I", report[8:32])
        assert ssrc == 20
        assert loss & 0xFFFFFF == 1
        assert highest == 5
        assert lsr == (int((began + NTP_UNIX) * 2**32) >> 16) & 0xFFFFFFFF
        assert delay / 65_536 < 1.5
        remb = sender.feedback(206, 15)[-1]
        assert remb[12:16] == b"REMB"
        exponent, mantissa = remb[17] >> 2, ((remb[17] & 3) << 16) | (remb[18] << 8) | remb[19]
        assert mantissa << exponent == 5_000_000
        assert struct.unpack("!I", remb[20:24])[0] == 20


def sender_reports(peer: Peer, ssrc: int) -> list[tuple[float, int]]:
    """(NTP in Unix seconds, RTP timestamp) of our reports."""
    found = []
    for report in peer.feedback(200, 0):
        who, ntp, timestamp = struct.unpack("!IQI", report[4:20])
        if who == ssrc:
            found.append((ntp / 2**32 - NTP_UNIX, timestamp))
    return found


def test_sender_reports_keep_lip_sync_over_a_switch(media: Room) -> None:
    """Two publishers with absurd clocks: for the viewer both streams stay on one clock."""
    viewer = media.peer()
    stage, sound = media.engine.add_bus(video=True), media.engine.add_bus(video=False)
    media.consume(viewer, stage, 600, video=True)
    media.consume(viewer, sound, 601, video=False)
    for n, wall in enumerate((1_000_000.0, 3_000_000_000.0)):
        sender = media.peer()
        video, audio = media.video(sender, 20), media.audio(sender, 21)
        media.engine.set_bus_source(stage, video)
        media.engine.set_bus_source(sound, audio)
        sender.until(lambda sender=sender: sender.plis >= 1)  # type: ignore[misc]  # bound now
        viewer.rtcp.clear()
        count = len(viewer.packets)
        # the picture with timestamp 900,000 and the sound with 480,000 were taken together
        send_frame(sender, 20, 1 + n, 1, key=True, timestamp=900_000)
        sender.send(
            rtp(ssrc=21, seq=1, timestamp=480_000, payload=b"x", payload_type=111, marker=True)
        )
        viewer.until(lambda count=count: len(viewer.packets) == count + 2)  # type: ignore[misc]
        sender.send_rtcp(sender_report(20, wall, 900_000))
        sender.send_rtcp(sender_report(21, wall + 1, 480_000 + 48_000))
        viewer.until(
            lambda: bool(sender_reports(viewer, 600)) and bool(sender_reports(viewer, 601))
        )
        picture = next(p for p in reversed(viewer.packets) if p.ssrc == 600)
        voice = next(p for p in reversed(viewer.packets) if p.ssrc == 601)
        # the offset filter moves by what the second report travelled faster: well under 5 ms
        taken = []
        for packet, rate in ((picture, 90_000), (voice, 48_000)):
            ntp, timestamp = sender_reports(viewer, packet.ssrc)[-1]
            assert abs(ntp - time.time()) < 5
            behind = (timestamp - packet.timestamp) & 0xFFFFFFFF
            taken.append(ntp - (behind - (1 << 32) * (behind >> 31)) / rate)
        assert abs(taken[0] - taken[1]) < 1.005 + 0.02
        assert b"slot-1" in viewer.feedback(202, 1)[0]


def test_receiver_reports_become_counters(media: Room) -> None:
    sender, viewer, _, _, consumer = watched(media)
    sender.send_rtcp(sender_report(20, time.time(), 3000))
    viewer.until(lambda: bool(sender_reports(viewer, 600)))
    report = viewer.feedback(200, 0)[-1]
    lsr = int.from_bytes(report[10:14])
    viewer.send_rtcp(receiver_report(600, lsr=lsr, delay=0))
    media.until(lambda: media.engine.consumer_counters(consumer).round_trip_us > 0)
    counters = media.engine.consumer_counters(consumer)
    assert (counters.fraction_lost, counters.lost, counters.jitter) == (0.25, 3, 90)
    assert counters.round_trip_us < 2_000_000


def test_malformed_rtcp_harms_nobody(media: Room) -> None:
    sender, viewer, _, _, consumer = watched(media)
    for broken in (
        b"\x81\xcd\xff\xff" + bytes(8),
        b"\x81\xcd\x00\x01" + bytes(4),
        b"\x9f\xc9\x00\x01" + bytes(4),
        b"\xa1\xce\x00\x02" + bytes(7) + b"\xff",
        b"\x80\xc8\x00\x01" + bytes(4),
        b"\x84\xce\x00\x03" + bytes(12),
        b"\x81\xde\x00\x02" + bytes(8),
    ):
        viewer.send_rtcp(broken)
        sender.send_rtcp(broken)
    viewer.lose_everything()
    viewer.send_rtcp(nack(600, viewer.packets[0].seq))
    viewer.until(lambda: len(viewer.packets) == 2)
    assert media.engine.consumer_counters(consumer).retransmitted == 1


def test_gso_and_plain_sends_deliver_the_same() -> None:
    for gso in (True, False):
        with room(gso=gso) as media:
            sender, viewer, _, _, _ = watched(media)
            burst = [
                sender.sends.protect(
                    rtp(
                        ssrc=20,
                        seq=n,
                        timestamp=9,
                        payload=vp8(2, 2, start=n == 2, size=1000 if n % 5 else 400),
                        payload_type=96,
                    )
                )
                for n in range(2, 102)
            ]
            for datagram in burst:
                sender.sock.sendto(datagram, media.server)
            viewer.until(lambda viewer=viewer: len(viewer.packets) == 101)  # type: ignore[misc]
            start = viewer.packets[0].seq
            assert [(p.seq - start) & 0xFFFF for p in viewer.packets] == list(range(101))
            counters: native.EngineCounters = media.engine.counters()
            assert (counters.gso_messages > 0) == gso
            assert counters.send_errors == 0
