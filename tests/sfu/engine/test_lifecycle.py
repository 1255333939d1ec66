"""Things come and go while media flows: seeded chaos, and in the end everything is given back."""

import gc
import random
import socket
import weakref

import pytest
from pylibsrtp import Session

from sfu.control.tap import TapRecord
from sfu.engine import native
from tests.sfu.engine.peers import Peer, Room, room, send_audio, send_frame


class Chaos:
    """Random control operations with whatever exists at the moment."""

    def __init__(self, media: Room, seed: int) -> None:
        self.media = media
        self.random = random.Random(seed)
        self.peers: list[Peer] = []
        self.streams: dict[int, tuple[Peer, int, bool]] = {}
        self.buses: dict[int, bool] = {}
        self.consumers: dict[int, Peer] = {}
        self.taps: dict[int, tuple[socket.socket, socket.socket]] = {}
        self.ssrc = 1000
        self.seq = 0

    def step(self) -> None:
        actions = [
            self.open_peer,
            self.close_peer,
            self.add_stream,
            self.remove_stream,
            self.add_bus,
            self.remove_bus,
            self.set_source,
            self.set_source,
            self.add_consumer,
            self.remove_consumer,
            self.open_tap,
            self.tap,
            self.close_tap,
            self.send,
            self.send,
            self.send,
        ]
        self.random.choice(actions)()

    def open_peer(self) -> None:
        if len(self.peers) < 8:
            self.peers.append(self.media.peer(owner=self.random.randrange(3)))

    def close_peer(self) -> None:
        if self.peers and self.random.random() < 0.3:
            peer = self.peers.pop(self.random.randrange(len(self.peers)))
            self.media.engine.close_transport(peer.transport)
            self.streams = {s: v for s, v in self.streams.items() if v[0] is not peer}
            self.consumers = {c: p for c, p in self.consumers.items() if p is not peer}

    def add_stream(self) -> None:
        if self.peers and len(self.streams) < 10:
            peer = self.random.choice(self.peers)
            self.ssrc += 1
            video = self.random.random() < 0.5
            add = self.media.video if video else self.media.audio
            self.streams[add(peer, self.ssrc, self.ssrc)] = (peer, self.ssrc, video)

    def remove_stream(self) -> None:
        if self.streams and self.random.random() < 0.3:
            stream = self.random.choice(list(self.streams))
            del self.streams[stream]
            self.media.engine.remove_stream(stream)

    def add_bus(self) -> None:
        if len(self.buses) < 5:
            video = self.random.random() < 0.5
            self.buses[self.media.engine.add_bus(video=video, tag=1)] = video

    def remove_bus(self) -> None:
        if self.buses and self.random.random() < 0.1:
            bus = self.random.choice(list(self.buses))
            del self.buses[bus]
            self.media.engine.remove_bus(bus)

    def set_source(self) -> None:
        if self.buses:
            bus = self.random.choice(list(self.buses))
            fitting = [s for s, v in self.streams.items() if v[2] == self.buses[bus]] + [0]
            self.media.engine.set_bus_source(
                bus, self.random.choice(fitting), self.random.choice(fitting)
            )

    def add_consumer(self) -> None:
        if self.peers and self.buses and len(self.consumers) < 30:
            peer = self.random.choice(self.peers)
            bus = self.random.choice(list(self.buses))
            self.ssrc += 1
            consumer = self.media.consume(peer, bus, self.ssrc, video=self.buses[bus])
            self.consumers[consumer] = peer

    def remove_consumer(self) -> None:
        if self.consumers and self.random.random() < 0.3:
            consumer = self.random.choice(list(self.consumers))
            del self.consumers[consumer]
            self.media.engine.remove_consumer(consumer)

    def open_tap(self) -> None:
        if len(self.taps) < 3:
            pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
            self.media.sockets += pair
            pair[0].setblocking(False)
            self.taps[self.media.engine.open_tap(pair[0].fileno(), capacity=300_000)] = pair

    def tap(self) -> None:
        if not self.taps:
            return
        tap = self.random.choice(list(self.taps))
        try:
            self.media.engine.tap_write(tap, TapRecord.STREAM, 1, b"{}")
            if self.streams:
                stream = self.random.choice(list(self.streams))
                self.media.engine.tap_stream(tap, stream)
                if self.random.random() < 0.3:
                    self.media.engine.untap_stream(tap, stream)
            if self.buses:
                bus = self.random.choice(list(self.buses))
                self.media.engine.tap_bus(tap, bus, 1, self.buses[bus])
        except LookupError:  # its reader had gone away
            del self.taps[tap]

    def close_tap(self) -> None:
        if self.taps and self.random.random() < 0.3:
            tap = self.random.choice(list(self.taps))
            _, theirs = self.taps[tap]
            if self.random.random() < 0.5:
                theirs.close()
            else:
                del self.taps[tap]
                self.media.engine.close_tap(tap)

    def send(self) -> None:
        for peer, ssrc, video in self.streams.values():
            self.seq += 1
            if video:
                key = self.random.random() < 0.3
                send_frame(peer, ssrc, self.seq, self.seq, key=key)
            else:
                send_audio(peer, ssrc, self.seq)


@pytest.mark.parametrize("seed", range(4))
def test_random_comings_and_goings(seed: int) -> None:
    with room() as media:
        chaos = Chaos(media, seed)
        opened = closed = 0
        for n in range(3000):
            chaos.step()
            if n % 7 == 0:
                media.events += media.engine.drain()
        opened = media.engine.counters().packets_in
        for peer in chaos.peers:
            media.engine.close_transport(peer.transport)
        for _ in chaos.peers:
            media.wait_event(native.TransportClosed)
            closed += 1
        assert closed == len(chaos.peers)
        assert opened > 0
        assert media.engine.counters().dropped_events == 0


def test_sessions_live_until_the_transport_is_closed_and_not_longer(media: Room) -> None:
    class Watched(Session):
        """A session that can be referred to weakly."""

    transport = media.engine.open_transport(b"ufrag", b"p" * 24)
    sessions = [Watched() for _ in range(4)]
    references = [weakref.ref(session) for session in sessions]
    media.engine.set_srtp(transport, *sessions)
    del sessions
    gc.collect()
    assert all(reference() is not None for reference in references)
    media.engine.close_transport(transport)
    media.wait_event(native.TransportClosed)
    gc.collect()
    assert all(reference() is None for reference in references)


def test_stop_is_idempotent_and_control_still_works_afterwards() -> None:
    engine = native.PacketEngine()
    engine.start()
    transport = engine.open_transport(b"ufrag", b"p" * 24)
    engine.stop()
    engine.stop()
    engine.close_transport(transport)
    assert engine.drain() == [native.TransportClosed(transport)]
    assert engine.counters().cpu_ns > 0


@pytest.mark.parametrize(
    ("ufrag", "pwd"), [(b"", b"p" * 24), (b"u" * 65, b"p" * 24), (b"u", b""), (b"u", b"p" * 129)]
)
def test_impossible_credentials_are_refused(media: Room, ufrag: bytes, pwd: bytes) -> None:
    with pytest.raises(ValueError, match="out of range"):
        media.engine.open_transport(ufrag, pwd)


def test_more_commands_than_the_ring_holds(media: Room) -> None:
    sender = media.peer()
    stream = media.video(sender, 20)
    bus = media.engine.add_bus(video=True)
    for _ in range(20_000):
        media.engine.set_bus_source(bus, stream)
    media.engine.close_transport(sender.transport)
    media.wait_event(native.TransportClosed)
