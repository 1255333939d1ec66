"""The product's engine as a server, set up as the worker does it, without DTLS."""

import select
import sys
from typing import Any

from sfu.engine.native import OPUS, VP8, PacketEngine, TransportSelected
from tests.bench.engine import traffic
from tests.bench.engine.server import open_socket, say


def serve(job: dict[str, Any]) -> None:
    """One publisher, N receivers; counts from the moment all are connected."""
    endpoint = open_socket()
    under_test = PacketEngine(hold_us=job["hold_us"])
    under_test.add_socket(endpoint.fileno())
    under_test.start()
    publisher = under_test.open_transport(b"publisher", b"p" * 22, owner=1)
    key = bytes.fromhex(job["key"])
    under_test.set_srtp(
        publisher,
        traffic.session(key, outbound=False),
        traffic.session(key, outbound=False),
        traffic.session(key, outbound=True),
        traffic.session(key, outbound=True),
    )
    buses = {}
    for codec, video in ((VP8, True), (OPUS, False)):
        stream = under_test.add_stream(
            publisher,
            ssrc=traffic.VIDEO_SSRC if video else traffic.AUDIO_SSRC,
            payload_type=traffic.VIDEO_PAYLOAD_TYPE if video else traffic.AUDIO_PAYLOAD_TYPE,
            codec=codec,
            clock_rate=90_000 if video else 48_000,
            tag=1 + video,
        )
        buses[video] = under_test.add_bus(video=video)
        under_test.set_bus_source(buses[video], stream)
    for number in range(len(job["ports"])):
        _add_receiver(under_test, number, buses)
    say({"port": endpoint.getsockname()[1]})
    _wait_selected(under_test, len(job["ports"]) + 1)
    before = under_test.counters()
    say({"ready": True})
    sys.stdin.readline()
    after = under_test.counters()
    under_test.stop()
    say(
        {
            "cpu_ns": after.cpu_ns - before.cpu_ns,
            "packets_out": after.packets_out - before.packets_out,
            "calls": after.send_calls
            + after.receive_calls
            - before.send_calls
            - before.receive_calls,
        }
    )
    endpoint.close()


def _add_receiver(under_test: PacketEngine, number: int, buses: dict[bool, int]) -> None:
    transport = under_test.open_transport(f"receiver{number}".encode(), b"p" * 22)
    key = traffic.new_key()
    under_test.set_srtp(
        transport,
        traffic.session(key, outbound=False),
        traffic.session(key, outbound=False),
        traffic.session(key, outbound=True),
        traffic.session(key, outbound=True),
    )
    for video, bus in buses.items():
        under_test.add_consumer(
            transport,
            bus,
            ssrc=1000 + number * 2 + video,
            payload_type=traffic.VIDEO_PAYLOAD_TYPE if video else traffic.AUDIO_PAYLOAD_TYPE,
            clock_rate=90_000 if video else 48_000,
            cname=b"bench",
        )


def _wait_selected(under_test: PacketEngine, count: int) -> None:
    while count:
        ready, _, _ = select.select([under_test.event_fd], [], [], 20)
        if not ready:
            raise TimeoutError("the receivers' STUN checks did not arrive")
        count -= sum(isinstance(e, TransportSelected) for e in under_test.drain())
