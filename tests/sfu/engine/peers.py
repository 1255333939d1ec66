"""A venue's media side for engine tests: real UDP sockets and real SRTP on the loopback."""

import os
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aioice import stun
from pylibsrtp import Error, Policy, Session

from sfu.engine import native

DEADLINE = 5.0
PROFILE = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
KEY_SIZE = 28
VIDEO_PT = 96
AUDIO_PT = 111


def _session(key: bytes, inbound: bool) -> Session:
    policy = Policy(
        key=key,
        ssrc_type=Policy.SSRC_ANY_INBOUND if inbound else Policy.SSRC_ANY_OUTBOUND,
        srtp_profile=PROFILE,
    )
    policy.allow_repeat_tx = True
    policy.window_size = 512
    return Session(policy)


def rtp(  # the header of RFC 3550
    *,
    ssrc: int,
    seq: int,
    timestamp: int,
    payload: bytes,
    payload_type: int,
    marker: bool = False,
    extension: bytes = b"",
    padding: int = 0,
) -> bytes:
    first = 0x80 | (0x10 if extension else 0) | (0x20 if padding else 0)
    head = struct.pack(
        "!BBHII", first, (marker << 7) | payload_type, seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc
    )
    if extension:
        extension += bytes(-len(extension) % 4)
        head += struct.pack("!HH", 0xBEDE, len(extension) // 4) + extension
    return head + payload + (bytes(padding - 1) + bytes([padding]) if padding else b"")


def vp8(picture: int, tl0: int, *, key: bool = False, start: bool = True, size: int = 50) -> bytes:
    """A VP8 payload: descriptor with a 15-bit picture id and TL0PICIDX, then a frame tag."""
    descriptor = bytes([0x90 if start else 0x80, 0xC0])
    descriptor += struct.pack("!HB", 0x8000 | (picture & 0x7FFF), tl0 & 0xFF)
    frame = bytes([0x00 if key else 0x01, 0, 0])
    if key:
        frame += b"\x9d\x01\x2a" + struct.pack("<HH", 640, 360)
    return descriptor + frame + os.urandom(size)


@dataclass(frozen=True)
class Packet:
    """A received RTP packet, decrypted and read by the twin-independent minimum."""

    raw: bytes
    marker: bool
    payload_type: int
    seq: int
    timestamp: int
    ssrc: int
    extensions: dict[int, bytes]
    payload: bytes

    @classmethod
    def parse(cls, raw: bytes) -> "Packet":
        first, second, seq, timestamp, ssrc = struct.unpack_from("!BBHII", raw)
        at = 12 + 4 * (first & 15)
        extensions: dict[int, bytes] = {}
        if first & 0x10:
            profile, words = struct.unpack_from("!HH", raw, at)
            assert profile == 0xBEDE
            at += 4
            end = at + 4 * words
            while at < end:
                if raw[at] == 0:
                    at += 1
                    continue
                size = (raw[at] & 15) + 1
                extensions[raw[at] >> 4] = raw[at + 1 : at + 1 + size]
                at += 1 + size
        return cls(raw, bool(second >> 7), second & 127, seq, timestamp, ssrc, extensions, raw[at:])

    @property
    def picture(self) -> int:
        return int.from_bytes(self.payload[2:4]) & 0x7FFF

    @property
    def tl0(self) -> int:
        return self.payload[4]


@dataclass
class Peer:
    """One transport: our socket and keys, and its handle in the engine."""

    engine: native.PacketEngine
    server: tuple[str, int]
    transport: int
    ufrag: bytes
    pwd: bytes
    sock: socket.socket
    sends: Session
    sends_rtcp: Session
    receives: Session
    receives_rtcp: Session
    keys: tuple[bytes, bytes]
    rtcp: list[bytes] = field(default_factory=list)
    packets: list[Packet] = field(default_factory=list)
    encrypted: list[bytes] = field(default_factory=list)

    def check(
        self,
        *,
        pwd: bytes | None = None,
        ufrag: bytes | None = None,
        nominate: bool = False,
        sock: socket.socket | None = None,
    ) -> stun.Message:
        """Send a STUN Binding request and return it."""
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        message.attributes["USERNAME"] = f"{(ufrag or self.ufrag).decode()}:client"
        message.attributes["PRIORITY"] = 1
        message.attributes["ICE-CONTROLLING"] = 7
        if nominate:
            message.attributes["USE-CANDIDATE"] = None
        message.add_message_integrity(pwd or self.pwd)
        (sock or self.sock).sendto(bytes(message), self.server)
        return message

    def connect(self) -> None:
        self.check()
        readable, _, _ = select.select([self.sock], [], [], DEADLINE)
        assert readable, "the STUN check was not answered"
        answer = stun.parse_message(self.sock.recv(2048))
        assert answer.check_message_integrity(self.pwd)
        assert answer.attributes["XOR-MAPPED-ADDRESS"] == self.sock.getsockname()

    def set_srtp(self) -> None:
        up, down = self.keys
        self.engine.set_srtp(
            self.transport,
            _session(up, inbound=True),
            _session(up, inbound=True),
            _session(down, inbound=False),
            _session(down, inbound=False),
        )

    def lose_everything(self) -> None:
        """As if nothing had arrived so far: a repair is no replay then."""
        self.receives = _session(self.keys[1], inbound=True)

    def send(self, packet: bytes) -> None:
        self.sock.sendto(self.sends.protect(packet), self.server)

    def send_rtcp(self, packet: bytes) -> None:
        self.sock.sendto(self.sends_rtcp.protect_rtcp(packet), self.server)

    def poll(self) -> None:
        """Take what has arrived."""
        while True:
            try:
                data = self.sock.recv(2048)
            except BlockingIOError:
                return
            if data[0] < 4:
                continue
            if 192 <= data[1] <= 223:
                self.rtcp.append(self.receives_rtcp.unprotect_rtcp(data))
            else:
                self.encrypted.append(data)
                self.packets.append(Packet.parse(self.receives.unprotect(data)))

    def until(self, condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
        end = time.monotonic() + seconds
        while True:
            self.poll()
            if condition():
                return
            left = end - time.monotonic()
            assert left > 0, "the condition did not come true in time"
            select.select([self.sock], [], [], min(left, 0.02))

    def quiet(self, seconds: float = 0.15) -> bool:
        """Nothing but reports arrives for this long."""
        self.poll()
        before = len(self.packets)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            select.select([self.sock], [], [], left)
            self.poll()
        return len(self.packets) == before

    def feedback(self, packet_type: int, form: int) -> list[bytes]:
        """RTCP packets of this type and format among what came, compounds taken apart."""
        found = []
        for compound in self.rtcp:
            at = 0
            while at < len(compound):
                size = 4 * (int.from_bytes(compound[at + 2 : at + 4]) + 1)
                if compound[at + 1] == packet_type and compound[at] & 31 == form:
                    found.append(compound[at : at + size])
                at += size
        return found

    @property
    def plis(self) -> int:
        return len(self.feedback(206, 1))


@dataclass
class Room:
    """An engine with one socket, and its peers."""

    engine: native.PacketEngine
    server: tuple[str, int]
    sockets: list[socket.socket]
    events: list[native.Event] = field(default_factory=list)

    def peer(self, *, owner: int = 0, connect: bool = True, srtp: bool = True) -> Peer:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sockets.append(sock)
        ufrag, pwd = os.urandom(4).hex().encode(), os.urandom(12).hex().encode()
        transport = self.engine.open_transport(ufrag, pwd, owner=owner)
        up, down = os.urandom(KEY_SIZE), os.urandom(KEY_SIZE)
        peer = Peer(
            self.engine,
            self.server,
            transport,
            ufrag,
            pwd,
            sock,
            _session(up, inbound=False),
            _session(up, inbound=False),
            _session(down, inbound=True),
            _session(down, inbound=True),
            (up, down),
        )
        if srtp:
            peer.set_srtp()
        if connect:
            peer.connect()
        return peer

    def wait_event(self, kind: type, seconds: float = DEADLINE) -> native.Event:
        """The oldest event of this kind; it is taken, others are kept."""
        end = time.monotonic() + seconds
        while True:
            for event in self.events:
                if isinstance(event, kind):
                    self.events.remove(event)
                    return event
            left = end - time.monotonic()
            assert left > 0, f"no {kind.__name__} came; there are {self.events}"
            select.select([self.engine.event_fd], [], [], left)
            self.events += self.engine.drain()

    def wait_event_after(self, action: Callable[[], None], kind: type) -> native.Event:
        """Do something and wait for the event that it causes, not for an older one."""
        self.events += self.engine.drain()
        self.events = [event for event in self.events if not isinstance(event, kind)]
        action()
        return self.wait_event(kind)

    def until(self, condition: Callable[[], bool], seconds: float = DEADLINE) -> None:
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            assert left > 0, "the condition did not come true in time"
            select.select([self.engine.event_fd], [], [], min(left, 0.005))
            self.events += self.engine.drain()

    def video(self, peer: Peer, ssrc: int, tag: int = 1) -> int:
        return self.engine.add_stream(
            peer.transport,
            ssrc=ssrc,
            payload_type=VIDEO_PT,
            codec=native.VP8,
            clock_rate=90_000,
            tag=tag,
        )

    def audio(self, peer: Peer, ssrc: int, tag: int = 2) -> int:
        return self.engine.add_stream(
            peer.transport,
            ssrc=ssrc,
            payload_type=AUDIO_PT,
            codec=native.OPUS,
            clock_rate=48_000,
            tag=tag,
            audio_level_extension=1,
        )

    def consume(self, peer: Peer, bus: int, ssrc: int, *, video: bool) -> int:
        return self.engine.add_consumer(
            peer.transport,
            bus,
            ssrc=ssrc,
            payload_type=100 if video else 109,
            clock_rate=90_000 if video else 48_000,
            cname=b"slot-1",
            mid=b"7",
            mid_extension=4,
            abs_send_time_extension=3,
            audio_level_extension=0 if video else 5,
        )


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


@contextmanager
def room(
    *, gso: bool = True, consent_ms: int = 30_000, remb_bps: int = 0, event_capacity: int = 8192
) -> Iterator[Room]:
    """A started engine on a free loopback port; everything is closed at the end."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    server.setblocking(False)
    engine = native.PacketEngine(
        gso=gso, consent_ms=consent_ms, remb_bps=remb_bps, event_capacity=event_capacity
    )
    made = Room(engine, server.getsockname(), [server])
    try:
        engine.add_socket(server.fileno())
        engine.start()
        yield made
    finally:
        engine.stop()
        for sock in made.sockets:
            sock.close()


__all__ = [
    "AUDIO_PT",
    "VIDEO_PT",
    "Error",
    "Packet",
    "Peer",
    "Room",
    "room",
    "rtp",
    "send_audio",
    "send_frame",
    "vp8",
]
