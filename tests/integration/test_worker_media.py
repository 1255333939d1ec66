"""Real media through a real worker: who is seen, who is heard, and who is not."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.integration.media_rig import Publisher, Viewer, conducted, plan, running_worker, until
from tests.sfu.agent.control_client import ControlClient

pytestmark = pytest.mark.integration


class Stage:
    """A worker, its conductor, and clients that are closed in the end."""

    def __init__(self, conductor: ControlClient, stack: AsyncExitStack) -> None:
        self.conductor = conductor
        self._stack = stack
        self._version = 0

    async def plan(self, **changes: object) -> None:
        self._version += 1
        await self.conductor.call(
            "session.apply",
            epoch=1,
            plan=plan(self._version, **changes),  # type: ignore[arg-type] # plan's own keywords
        )

    async def publish(self, venue: str, *, generation: int = 1) -> Publisher:
        publisher = Publisher(self.conductor, venue)
        self._stack.push_async_callback(publisher.close)
        await publisher.start(generation=generation)
        return publisher

    async def view(self, name: str, venue: str | None = None, *targets: object) -> Viewer:
        viewer = Viewer(self.conductor, name, venue)
        self._stack.push_async_callback(viewer.close)
        await viewer.start(*targets)  # type: ignore[arg-type] # targets as on the wire
        return viewer


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with (
        running_worker() as worker,
        conducted(worker) as conductor,
        AsyncExitStack() as stack,
    ):
        yield Stage(conductor, stack)


async def test_a_viewer_decodes_the_slot_and_hears_its_sound(stage: Stage) -> None:
    await stage.plan(slots={1: "a"}, heard=("a",))
    await stage.publish("a")
    viewer = await stage.view("v")
    await viewer.sees(1, "a")
    await viewer.more_frames(1, 25)
    await viewer.hears("a", 25)
    assert viewer.video[1].gaps == 0
    state = await stage.conductor.event("transport.state", transport_id=viewer.transport_id)
    assert (state["state"], state["srtp_profile"]) == ("connected", "AEAD_AES_128_GCM")
    switched = await stage.conductor.event("slot.switched", slot=1, kind="video")
    assert switched["publication"] == {"venue_id": "a", "source": "camera", "generation": 1}


async def test_switching_needs_no_renegotiation(stage: Stage) -> None:
    await stage.plan(slots={1: "a"}, heard=("a",))
    await stage.publish("a")
    await stage.publish("b")
    viewer = await stage.view("v")
    await viewer.sees(1, "a")
    consumers = list(viewer.consumers)
    for venue in ("b", "a", "b"):
        await stage.plan(slots={1: venue}, heard=(venue,))
        await viewer.sees(1, venue)
        await viewer.hears(venue)
    assert viewer.consumers == consumers
    assert viewer.video[1].gaps == 0
    await stage.plan(slots={1: "b", 2: "a"}, heard=("b",))
    await viewer.sees(2, "a")
    await viewer.sees(1, "b")


async def test_an_unheard_microphone_reaches_nobody(stage: Stage) -> None:
    await stage.plan(slots={1: "a"}, heard=("a",), voices=("b",))
    for venue in ("a", "b", "c"):
        await stage.publish(venue)
    viewers = [await stage.view(f"v{n}") for n in range(2)]
    for viewer in viewers:
        await viewer.hears("a", 40)
        await viewer.hears("b", 1)
    assert all(viewer.heard["c"] == 0 for viewer in viewers)
    # Taken away, it stops at once: no packet that was sent after the reply is heard.
    await stage.plan(slots={1: "a"}, heard=("a",))
    for viewer in viewers:
        await viewer.hears("a", 5)
    before = [viewer.heard["b"] for viewer in viewers]
    for viewer in viewers:
        await viewer.hears("a", 30)
    assert [viewer.heard["b"] for viewer in viewers] == before


async def test_a_venue_is_not_given_itself(stage: Stage) -> None:
    await stage.plan(slots={1: "a"}, heard=("a",), voices=("main",), alternate="main")
    for venue in ("a", "main"):
        await stage.publish(venue)
    own, other = await stage.view("own", "a"), await stage.view("other", "b")
    await other.sees(1, "a")
    await own.sees(1, "main")
    await own.hears("main", 25)
    await other.hears("a", 25)
    assert own.heard["a"] == 0


async def test_a_reloaded_page_takes_its_place_again(stage: Stage) -> None:
    await stage.plan(slots={1: "a"}, heard=("a",))
    first = await stage.publish("a")
    viewer = await stage.view("v")
    await viewer.sees(1, "a")
    await stage.publish("a", generation=2)
    await until(
        lambda: any(
            name == "slot.switched" and (event["publication"] or {}).get("generation") == 2
            for name, event in stage.conductor.events
        ),
        what="generation 2 is on stage",
    )
    await first.close()
    await viewer.more_frames(1)
    await viewer.hears("a")


async def test_wall_tiles_show_cameras_without_sound(stage: Stage) -> None:
    await stage.plan()
    for venue in ("a", "b"):
        await stage.publish(venue)
    host = await stage.view("host", None, {"type": "wall", "tile": 1}, {"type": "wall", "tile": 2})

    async def show(*venues: str) -> None:
        tiles = [
            {"tile": n + 1, "source": {"venue_id": venue, "source": "camera"}}
            for n, venue in enumerate(venues)
        ]
        await stage.conductor.call("wall.set", transport_id=host.transport_id, tiles=tiles)

    await show("a", "b")
    await host.sees(101, "a")
    await host.sees(102, "b")
    await show("b", "a")
    await host.sees(101, "b")
    await host.sees(102, "a")
    assert not host.heard


async def test_statistics_of_both_directions(stage: Stage) -> None:
    await stage.plan(slots={1: "a"}, heard=("a",))
    publisher = await stage.publish("a")
    viewer = await stage.view("v")
    await viewer.more_frames(1, 30)

    def streams(transport_id: str, kind: str) -> list[dict[str, object]]:
        found = []
        for name, event in stage.conductor.events:
            if name == "stats":
                for transport in event["transports"]:
                    if transport["transport_id"] == transport_id:
                        found += [s for s in transport["streams"] if s["kind"] == kind]
        return found

    def settled(stream: dict[str, object]) -> bool:
        return isinstance(stream["frame_rate"], float) and 20 < stream["frame_rate"] < 30

    await until(lambda: any(map(settled, streams(publisher.transport_id, "video"))))
    await until(lambda: any(map(settled, streams(viewer.transport_id, "video"))))
    incoming = next(s for s in streams(publisher.transport_id, "video") if settled(s))
    outgoing = next(s for s in streams(viewer.transport_id, "video") if settled(s))
    assert (incoming["direction"], incoming["width"], incoming["height"]) == ("in", 160, 120)
    assert isinstance(incoming["bitrate"], float)
    assert incoming["bitrate"] > 10_000
    assert incoming["loss"] == 0
    assert outgoing["target"] == {"type": "slot", "slot": 1, "kind": "video"}
    assert outgoing["publication"] == incoming["publication"]
    worker = await stage.conductor.event("worker.stats")
    assert worker["dropped_events"] == 0


async def test_a_client_that_says_goodbye_is_gone_at_once(stage: Stage) -> None:
    await stage.plan(slots={1: "a"}, heard=("a",))
    publisher = await stage.publish("a")
    viewer = await stage.view("v")
    await viewer.sees(1, "a")
    await publisher.close()
    closed = await stage.conductor.event(
        "transport.state", transport_id=publisher.transport_id, state="closed"
    )
    assert closed["reason"] == "close_notify"
    described = await stage.conductor.call("session.describe", epoch=1, session_id="s")
    assert [t["transport_id"] for t in described["transports"]] == [viewer.transport_id]
    event = await stage.conductor.event("slot.switched", publication=None, kind="video", slot=1)
    assert event["monotonic_ns"] > 0


async def test_junk_datagrams_change_nothing(stage: Stage) -> None:
    await stage.plan(slots={1: "a"}, heard=("a",))
    publisher = await stage.publish("a")
    viewer = await stage.view("v")
    await viewer.sees(1, "a")
    assert publisher.transport is not None
    target = ("127.0.0.1", publisher.transport._candidate["port"])
    before = (await stage.conductor.event("worker.stats"))["invalid_datagrams"]
    junk = [bytes([first]) + bytes(size) for first in range(0, 256, 3) for size in (0, 1, 11, 40)]
    junk.append(b"\x00\x01\x00\x04\x21\x12\xa4\x42" + bytes(16))
    junk.append(b"\xff" * 1500)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.setblocking(False)
        for datagram in junk:
            stranger.sendto(datagram, target)
            publisher.transport.send_datagram(datagram)  # from a proven address as well
        await viewer.more_frames(1, 15)
        await viewer.hears("a", 15)
        with pytest.raises(BlockingIOError):
            stranger.recv(1)  # silence for who cannot prove himself
    assert viewer.video[1].gaps == 0

    def counted() -> bool:
        return any(
            name == "worker.stats" and event["invalid_datagrams"] >= before + len(junk)
            for name, event in stage.conductor.events
        )

    await until(counted, 5, "junk is counted")


async def test_ice_restart_keeps_media_running(stage: Stage) -> None:
    await stage.plan(slots={1: "a"}, heard=("a",))
    await stage.publish("a")
    viewer = await stage.view("v")
    await viewer.sees(1, "a")
    assert viewer.transport is not None
    fresh = await stage.conductor.call("transport.restart_ice", transport_id=viewer.transport_id)
    viewer.transport._ice = fresh
    restarted = time.monotonic()
    await until(lambda: time.monotonic() > restarted + 3, what="a check with the new credentials")
    await viewer.more_frames(1, 10)
    assert viewer.video[1].gaps == 0


async def test_dtls_with_a_foreign_certificate_is_refused(stage: Stage) -> None:
    await stage.plan()
    made = await stage.conductor.call(
        "transport.create", epoch=1, session_id="s", transport_id="x", direction="recv"
    )
    from peers.transport import PeerTransport

    client, other = PeerTransport(made), PeerTransport(made)
    await stage.conductor.call(
        "transport.connect", transport_id="x", dtls_parameters=other.dtls_parameters
    )
    attempt = asyncio.create_task(client.connect())
    failed = await stage.conductor.event("transport.state", transport_id="x", state="failed")
    assert "certificate" in failed["reason"]
    await asyncio.gather(attempt, return_exceptions=True)
    await client.close()
