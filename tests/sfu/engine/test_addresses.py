"""STUN checks, demultiplexing by proven address, consent; all answered by the thread."""

import ctypes
import os
import random
import select
import socket
import subprocess
import sys
import time

import pytest
from aioice import stun

from sfu.engine import native
from tests.sfu.engine.peers import DEADLINE, Peer, Room, room, rtp, send_audio

CLIENT_HELLO = b"\x16\xfe\xfd" + bytes(10) + b"hello"


def another_socket(media: Room) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    media.sockets.append(sock)
    return sock


def answers(sock: socket.socket, seconds: float) -> list[bytes]:
    found = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([sock], [], [], left)[0]:
            found.append(sock.recv(2048))
    return found


def answer(sock: socket.socket) -> bytes:
    assert select.select([sock], [], [], DEADLINE)[0], "no answer"
    return sock.recv(2048)


def test_a_good_check_is_answered_and_selects_the_address(media: Room) -> None:
    peer = media.peer(connect=False)
    request = peer.check()
    reply = stun.parse_message(answer(peer.sock))
    assert reply.check_message_integrity(peer.pwd)
    assert reply.transaction_id == request.transaction_id
    assert (reply.message_method, reply.message_class) == (
        stun.Method.BINDING,
        stun.Class.RESPONSE,
    )
    assert reply.attributes["XOR-MAPPED-ADDRESS"] == peer.sock.getsockname()
    assert "FINGERPRINT" in reply.attributes
    selected = media.wait_event(native.TransportSelected)
    assert selected == native.TransportSelected(
        peer.transport, native.SocketAddress(*peer.sock.getsockname())
    )


def test_a_check_without_fingerprint_is_fine_and_a_wrong_one_is_not(media: Room) -> None:
    peer = media.peer(connect=False)
    with_fingerprint = bytes(peer.check())
    assert answer(peer.sock)
    message = stun.parse_message(with_fingerprint)
    assert "FINGERPRINT" in message.attributes
    without = with_fingerprint[:-8]
    without = without[:2] + (len(without) - 20).to_bytes(2) + without[4:]
    peer.sock.sendto(without, peer.server)
    assert answer(peer.sock)
    peer.sock.sendto(with_fingerprint[:-1] + bytes([with_fingerprint[-1] ^ 1]), peer.server)
    assert not answers(peer.sock, 0.1)


@pytest.mark.parametrize("wrong", ["pwd", "ufrag", "truncated", "no_integrity", "response"])
def test_a_bad_check_gets_silence(media: Room, wrong: str) -> None:
    peer = media.peer(connect=False)
    if wrong == "pwd":
        peer.check(pwd=b"x" * 24)
    elif wrong == "ufrag":
        peer.check(ufrag=b"nobody")
    else:
        message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        if wrong == "response":
            message.message_class = stun.Class.RESPONSE
        message.attributes["USERNAME"] = f"{peer.ufrag.decode()}:client"
        if wrong != "no_integrity":
            message.add_message_integrity(peer.pwd)
        data = bytes(message)
        peer.sock.sendto(data[:-5] if wrong == "truncated" else data, peer.server)
    media.until(lambda: media.engine.counters().invalid_datagrams == 1)
    assert not answers(peer.sock, 0.1)
    assert media.engine.counters().packets_out == 0


def test_the_address_moves_only_when_nominated(media: Room) -> None:
    peer = media.peer()
    media.wait_event(native.TransportSelected)
    other = another_socket(media)
    peer.check(sock=other)
    assert answer(other)
    media.engine.send_datagram(peer.transport, b"\x16first")
    assert answer(peer.sock) == b"\x16first"
    peer.check(sock=other, nominate=True)
    assert answer(other)
    moved = media.wait_event(native.TransportSelected)
    assert isinstance(moved, native.TransportSelected)
    assert moved.address == native.SocketAddress(*other.getsockname())
    media.engine.send_datagram(peer.transport, b"\x16second")
    assert answer(other) == b"\x16second"


def test_new_credentials_replace_the_old_ones(media: Room) -> None:
    peer = media.peer()
    media.wait_event(native.TransportSelected)
    media.engine.set_ice(peer.transport, b"fresh", b"p" * 24)
    other = another_socket(media)
    peer.check(sock=other, ufrag=b"fresh", pwd=b"p" * 24)
    assert answer(other)
    moved = media.wait_event(native.TransportSelected)
    assert isinstance(moved, native.TransportSelected)
    assert moved.address == native.SocketAddress(*other.getsockname())
    peer.check()
    assert not answers(peer.sock, 0.1)


def test_dtls_right_after_the_first_check_is_not_lost(media: Room) -> None:
    peer = media.peer(connect=False)
    peer.check()
    peer.sock.sendto(CLIENT_HELLO, peer.server)
    hello = media.wait_event(native.DtlsDatagram)
    assert hello == native.DtlsDatagram(peer.transport, CLIENT_HELLO)


def test_dtls_and_media_from_elsewhere_are_dropped(media: Room) -> None:
    peer = media.peer()
    media.audio(peer, 10)
    stranger = another_socket(media)
    stranger.sendto(CLIENT_HELLO, media.server)
    packet = rtp(ssrc=10, seq=1, timestamp=1, payload=b"x", payload_type=111)
    stranger.sendto(peer.sends.protect(packet), media.server)
    media.until(lambda: media.engine.counters().invalid_datagrams == 2)
    assert not [event for event in media.events if isinstance(event, native.DtlsDatagram)]


def test_consent_expires_and_comes_back() -> None:
    with room(consent_ms=200) as media:
        speaker, listener = media.peer(), media.peer()
        bus = media.engine.add_bus(video=False)
        media.consume(listener, bus, 501, video=False)
        media.engine.set_bus_source(bus, media.audio(speaker, 10))
        expired = {media.wait_event(native.TransportConsentExpired) for _ in range(2)}
        assert expired == {
            native.TransportConsentExpired(speaker.transport),
            native.TransportConsentExpired(listener.transport),
        }
        speaker.check()
        assert answer(speaker.sock)
        send_audio(speaker, 10, 1)
        assert listener.quiet(0.05)
        listener.check()
        assert answer(listener.sock)
        speaker.check()
        send_audio(speaker, 10, 2)
        listener.until(lambda: len(listener.packets) == 1)


def mutated(peer: Peer, source: random.Random) -> bytes:
    """A datagram that is nearly right."""
    kinds = (
        bytes(peer_check(peer)),
        CLIENT_HELLO,
        peer.sends.protect(rtp(ssrc=10, seq=1, timestamp=1, payload=b"x" * 9, payload_type=111)),
        b"\x80\xc8\x00\x06" + bytes(40),
    )
    data = bytearray(source.choice(kinds))
    for _ in range(source.randrange(1, 6)):
        data[source.randrange(len(data))] = source.randrange(256)
    return bytes(data[: source.randrange(1, len(data) + 1)])


def peer_check(peer: Peer) -> stun.Message:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    message.attributes["USERNAME"] = f"{peer.ufrag.decode()}:client"
    message.add_message_integrity(b"not the password")
    return message


def test_a_storm_of_malformed_datagrams_gets_no_answer_and_harms_nobody(media: Room) -> None:
    speaker, listener = media.peer(), media.peer()
    stream = media.audio(speaker, 10)
    bus = media.engine.add_bus(video=False)
    media.consume(listener, bus, 501, video=False)
    media.engine.set_bus_source(bus, stream)
    stranger = another_socket(media)
    source = random.Random(7)
    for n in range(3000):
        sock = stranger if n % 2 else speaker.sock
        junk = mutated(speaker, source) if n % 3 else os.urandom(source.randrange(1, 1600))
        sock.sendto(junk, media.server)
        if n % 100 == 0:
            media.engine.drain()
    stranger.sendto(bytes(5000), media.server)
    speaker.sock.sendto(b"", media.server)
    send_audio(speaker, 10, 2000)
    listener.until(lambda: any(p.payload == b"opus2000" for p in listener.packets))
    assert not answers(stranger, 0.05)


# Sends the datagrams of its standard input, one hexadecimal line each, 2 ms apart.
PACED_SENDER = """
import socket, sys, time
host, port, own = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sock = socket.socket(fileno=own)
for line in sys.stdin:
    sock.sendto(bytes.fromhex(line), (host, port))
    time.sleep(0.002)
"""


@pytest.mark.integration
def test_nothing_is_lost_while_the_interpreter_stands_still(media: Room) -> None:
    """One second without the GIL: another process sends, the thread forwards and answers."""
    speaker, listener = media.peer(), media.peer()
    bus = media.engine.add_bus(video=False)
    media.consume(listener, bus, 501, video=False)
    media.engine.set_bus_source(bus, media.audio(speaker, 10))
    datagrams = []
    for seq in range(400):
        packet = rtp(ssrc=10, seq=seq, timestamp=seq * 960, payload=b"x", payload_type=111)
        datagrams.append(speaker.sends.protect(packet))
    check = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
    check.attributes["USERNAME"] = f"{speaker.ufrag.decode()}:client"
    check.add_message_integrity(speaker.pwd)
    datagrams.insert(200, bytes(check))
    with subprocess.Popen(
        [sys.executable, "-c", PACED_SENDER, *map(str, media.server), str(speaker.sock.fileno())],
        stdin=subprocess.PIPE,
        pass_fds=[speaker.sock.fileno()],
        text=True,
    ) as sender:
        assert sender.stdin is not None
        sender.stdin.write("\n".join(data.hex() for data in datagrams) + "\n")
        sender.stdin.close()
        media.until(lambda: media.engine.counters().packets_in > 10)
        ctypes.PyDLL(None).usleep(1_000_000)  # PyDLL keeps the GIL
        assert media.engine.counters().packets_out > 300
        assert sender.wait(DEADLINE) == 0
    listener.until(lambda: len(listener.packets) == 400)
    start = listener.packets[0].seq
    assert [(p.seq - start) & 0xFFFF for p in listener.packets] == list(range(400))
    assert [data for data in answers(speaker.sock, 0.05) if data[:2] == b"\x01\x01"]


def test_events_are_bounded_and_the_dropped_are_counted() -> None:
    with room(event_capacity=64) as media:
        peer = media.peer()
        for _ in range(200):
            peer.sock.sendto(CLIENT_HELLO, media.server)
        end = time.monotonic() + DEADLINE
        while media.engine.counters().packets_in < 201:
            assert time.monotonic() < end
        found = [e for e in media.engine.drain() if isinstance(e, native.DtlsDatagram)]
        assert 0 < len(found) <= 48
        assert media.engine.counters().dropped_events >= 200 - len(found)
        media.engine.close_transport(peer.transport)
        media.wait_event(native.TransportClosed)
