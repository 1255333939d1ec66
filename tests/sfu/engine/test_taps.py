"""Taps: what a recorder reads from its Unix socket."""

import json
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from sfu.control import tap as wire
from sfu.control.tap import TapRecord
from sfu.engine import native
from tests.sfu.engine.peers import DEADLINE, Room, rtp, send_audio, send_frame, vp8
from tests.sfu.engine.test_feedback import NTP_UNIX, sender_report

Record = tuple[TapRecord, int, int, bytes]


class Reader:
    """The recorder's end of a tap."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._data = b""

    def records(self) -> Iterator[Record]:
        while True:
            try:
                part = self.sock.recv(1 << 20)
            except BlockingIOError:
                break
            if not part:
                break
            self._data += part
        at = 0
        while len(self._data) - at >= wire.HEADER.size:
            size, kind, _, _, tag, _, ns = wire.HEADER.unpack_from(self._data, at)
            if len(self._data) - at - wire.HEADER.size < size:
                break
            at += wire.HEADER.size
            yield TapRecord(kind), tag, ns, self._data[at : at + size]
            at += size
        self._data = self._data[at:]

    def until(self, condition: Callable[[list[Record]], bool]) -> list[Record]:
        found: list[Record] = []
        end = time.monotonic() + DEADLINE
        while not condition(found):
            left = end - time.monotonic()
            assert left > 0, f"the records did not come: {found[-5:]}"
            select.select([self.sock], [], [], min(left, 0.02))
            found += self.records()
        return found


class TapPair:
    def __init__(self, media: Room, capacity: int = 16 << 20) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        theirs.setblocking(False)
        media.sockets += [ours, theirs]
        self.ours = ours
        self.reader = Reader(theirs)
        self.tap = media.engine.open_tap(ours.fileno(), capacity=capacity)


def test_a_tap_gets_packets_reports_and_switches_in_order(media: Room) -> None:
    sender, viewer = media.peer(), media.peer()
    camera, voice = media.video(sender, 20, tag=11), media.audio(sender, 21, tag=12)
    bus = media.engine.add_bus(video=True, tag=1)
    pair = TapPair(media)
    media.engine.tap_write(pair.tap, TapRecord.HELLO, 0, json.dumps({"hello": 1}).encode())
    media.engine.tap_bus(pair.tap, bus, 1, True)
    for tag, stream in ((11, camera), (12, voice)):
        media.engine.tap_write(pair.tap, TapRecord.STREAM, tag, b"{}")
        media.engine.tap_stream(pair.tap, stream)
    media.consume(viewer, bus, 600, video=True)
    media.engine.set_bus_source(bus, camera)
    sender.until(lambda: sender.plis >= 1)
    key = rtp(ssrc=20, seq=5, timestamp=777, payload=vp8(1, 1, key=True), payload_type=96)
    before = time.monotonic_ns()
    sender.send(key)
    sender.send_rtcp(sender_report(20, 1000.0, 777))
    send_audio(sender, 21, 1)
    records = pair.reader.until(
        lambda found: any(r[0] == TapRecord.RTP and r[1] == 12 for r in found)
    )
    kinds = [(kind, tag) for kind, tag, _, _ in records]
    assert kinds == [
        (TapRecord.HELLO, 0),
        (TapRecord.SWITCH, 0),
        (TapRecord.STREAM, 11),
        (TapRecord.STREAM, 12),
        (TapRecord.RTP, 11),
        (TapRecord.SWITCH, 0),
        (TapRecord.SENDER_REPORT, 11),
        (TapRecord.RTP, 12),
    ] or kinds[4:6] == [(TapRecord.SWITCH, 0), (TapRecord.RTP, 11)]
    assert json.loads(records[0][3]) == {"hello": 1}
    assert wire.SWITCH.unpack(records[1][3]) == (1, 1, 0, 0)
    packet = next(r for r in records if r[0] == TapRecord.RTP)
    assert packet[3] == key
    assert before <= packet[2] <= time.monotonic_ns()
    switch = [r for r in records if r[0] == TapRecord.SWITCH][-1]
    assert wire.SWITCH.unpack(switch[3]) == (1, 1, 11, 777)
    offset, timestamp, ntp = wire.SENDER_REPORT.unpack(
        next(r for r in records if r[0] == TapRecord.SENDER_REPORT)[3]
    )
    assert timestamp == 777
    seconds = ntp / 2**32
    assert seconds == 1000 + NTP_UNIX
    assert before <= seconds * 10**9 + offset <= time.monotonic_ns()
    media.engine.untap_stream(pair.tap, voice)
    send_audio(sender, 21, 2)
    media.engine.tap_write(pair.tap, TapRecord.STREAM_END, 12, b"")
    rest = pair.reader.until(lambda found: any(r[0] == TapRecord.STREAM_END for r in found))
    assert all(r[0] != TapRecord.RTP for r in rest)


def test_a_tapped_camera_is_asked_for_a_key_frame_at_once(media: Room) -> None:
    sender = media.peer()
    stream = media.video(sender, 20)
    send_frame(sender, 20, 1, 1)
    pair = TapPair(media)
    media.engine.tap_stream(pair.tap, stream)
    sender.until(lambda: sender.plis == 1)


def test_a_slow_reader_costs_records_not_media_and_the_gap_says_how_many(media: Room) -> None:
    sender, viewer = media.peer(), media.peer()
    stream = media.audio(sender, 10, tag=3)
    bus = media.engine.add_bus(video=False)
    media.consume(viewer, bus, 501, video=False)
    media.engine.set_bus_source(bus, stream)
    pair = TapPair(media, capacity=1 << 18)
    media.engine.tap_stream(pair.tap, stream)
    total = 1500
    for n in range(total):
        sender.send(
            rtp(
                ssrc=10,
                seq=n,
                timestamp=n,
                payload=bytes(400 - 4) + struct.pack("!I", n),
                payload_type=111,
            )
        )
        if n % 100 == 99:
            viewer.until(lambda n=n: len(viewer.packets) == n + 1)  # type: ignore[misc]

    def complete(found: list[Record]) -> bool:
        packets = sum(r[0] == TapRecord.RTP for r in found)
        dropped = sum(wire.GAP.unpack(r[3])[0] for r in found if r[0] == TapRecord.GAP)
        return int(packets + dropped) == total

    found = pair.reader.until(complete)
    assert any(r[0] == TapRecord.GAP for r in found)
    numbers = [struct.unpack("!I", r[3][-4:])[0] for r in found if r[0] == TapRecord.RTP]
    assert numbers == sorted(numbers)
    send_audio(sender, 10, total)
    last = pair.reader.until(lambda records: any(r[0] == TapRecord.RTP for r in records))
    assert last[-1][3].endswith(b"opus1500")


def test_a_reader_that_goes_away_closes_the_tap_and_nothing_else(media: Room) -> None:
    sender, viewer = media.peer(), media.peer()
    stream = media.audio(sender, 10)
    bus = media.engine.add_bus(video=False)
    media.consume(viewer, bus, 501, video=False)
    media.engine.set_bus_source(bus, stream)
    pair = TapPair(media)
    media.engine.tap_stream(pair.tap, stream)
    pair.reader.sock.close()
    assert media.wait_event(native.TapClosed) == native.TapClosed(pair.tap)
    pair.ours.close()
    with pytest.raises(LookupError):
        media.engine.tap_stream(pair.tap, stream)
    media.engine.untap_stream(pair.tap, stream)
    media.engine.close_tap(pair.tap)
    send_audio(sender, 10, 1)
    viewer.until(lambda: len(viewer.packets) == 1)
    media.events += media.engine.drain()
    assert not [event for event in media.events if isinstance(event, native.TapClosed)]


def test_closing_a_tap_writes_what_is_there_and_reports_once(media: Room) -> None:
    pair = TapPair(media)
    media.engine.tap_write(pair.tap, TapRecord.HELLO, 0, b"{}")
    media.engine.close_tap(pair.tap)
    assert media.wait_event(native.TapClosed) == native.TapClosed(pair.tap)
    assert [r[0] for r in pair.reader.records()] == [TapRecord.HELLO]
