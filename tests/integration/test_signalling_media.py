"""Media through signalling, with a real worker process: negotiation, the floor's effect on what is
heard, and what survives the death of the orchestrator and of the worker."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.consultation.view import SessionView
from tests.integration.media_rig import (
    RECEIVER,
    Publisher,
    Viewer,
    WorkerProcess,
    connect,
    running_worker,
    until,
)
from tests.integration.signalling_rig import (
    SESSION,
    Failed,
    Orchestrator,
    Tab,
    running_orchestrator,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


@pytest.fixture
async def worker() -> AsyncIterator[WorkerProcess]:
    async with running_worker() as running:
        yield running


@pytest.fixture
async def server(tmp_path: Path, worker: WorkerProcess) -> AsyncIterator[Orchestrator]:
    async with running_orchestrator(tmp_path, worker.control) as running:
        yield running


class Negotiator:
    """Lets the rig's publisher and viewer negotiate by signalling, as a page does."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        ways = {
            "transport.create": self._create,
            "transport.connect": self._connect,
            "producer.create": self._produce,
            "consumers.create": self._consume,
        }
        result: dict[str, Any] = await ways[method](params)
        return result

    async def _create(self, params: dict[str, Any]) -> Any:
        return await self.tab.call(
            "media.transport.create",
            generation=self.tab.joined["generation"],
            direction=params["direction"],
        )

    async def _connect(self, params: dict[str, Any]) -> Any:
        return await self.tab.call("media.transport.connect", **params)

    async def _produce(self, params: dict[str, Any]) -> Any:
        return await self.tab.call(
            "media.produce",
            transport_id=params["transport_id"],
            kind=params["kind"],
            source=params["publication"]["source"],
            rtp_parameters=params["rtp_parameters"],
        )

    async def _consume(self, params: dict[str, Any]) -> Any:
        return await self.tab.call(
            "media.consume", transport_id=params["transport_id"], rtp_capabilities=RECEIVER
        )


class Page:
    """A venue or an account with its media."""

    def __init__(self, server: Orchestrator, who: str, venue: str | None = None) -> None:
        self.tab = Tab(server.url, who, venue)
        self.viewer: Viewer | None = None
        self.publisher: Publisher | None = None

    async def open(self) -> "Page":
        await self.tab.connect()
        await self.tab.join()
        return self

    async def publish(self) -> None:
        assert self.tab.venue is not None
        negotiator: Any = Negotiator(self.tab)
        publisher = Publisher(negotiator, self.tab.venue)
        made = await negotiator.call("transport.create", direction="send")
        publisher.transport_id = made["transport_id"]
        publisher.transport = await connect(negotiator, made, on_rtcp=publisher._rtcp)
        for source, kind in (("camera", "video"), ("microphone", "audio")):
            await self.tab.call(
                "media.produce",
                transport_id=made["transport_id"],
                kind=kind,
                source=source,
                rtp_parameters=publisher.parameters(kind),
            )
        publisher._task = asyncio.create_task(publisher._send())
        self.publisher = publisher

    async def receive(self) -> Viewer:
        negotiator: Any = Negotiator(self.tab)
        viewer = Viewer(negotiator, self.tab.venue or "host", self.tab.venue)
        made = await negotiator.call("transport.create", direction="recv")
        reply = await negotiator.call("consumers.create", transport_id=made["transport_id"])
        viewer.transport_id = made["transport_id"]
        viewer.consumers = reply["consumers"]
        for consumer in viewer.consumers:
            if consumer["kind"] == "video":
                ssrc = consumer["rtp_parameters"]["encodings"][0]["ssrc"]
                from tests.integration.media_rig import Decoder

                slot = consumer["target"]["slot"]
                viewer._slot_of[ssrc] = slot
                viewer.video[slot] = Decoder()
        viewer.transport = await connect(negotiator, made, on_rtp=viewer._rtp)
        self.viewer = viewer
        return viewer

    async def close(self) -> None:
        for peer in (self.publisher, self.viewer):
            if peer is not None:
                await peer.close()
        await self.tab.close()


@pytest.fixture
async def pages(server: Orchestrator) -> AsyncIterator["Pages"]:
    opened = Pages(server)
    yield opened
    await asyncio.gather(*(page.close() for page in opened.all))


class Pages:
    def __init__(self, server: Orchestrator) -> None:
        self.server = server
        self.all: list[Page] = []

    async def open(self, who: str, venue: str | None = None) -> Page:
        page = Page(self.server, who, venue)
        self.all.append(page)
        return await page.open()

    async def live(self) -> tuple[Page, Page, Page]:
        """Host, main venue on air, and branch `a` publishing."""
        host = await self.open("host")
        await host.tab.command("session.open")
        await host.tab.command("session.start")
        main = await self.open("venue", "main")
        branch = await self.open("venue", "a")
        await main.publish()
        await branch.publish()
        return host, main, branch


def publications(view: dict[str, Any], venue: str) -> dict[str, int]:
    found: dict[str, int] = view["venues"][venue]["publications"]
    return found


async def silence(viewer: Viewer, venue: str, *, while_hearing: str) -> None:
    """Nothing more of `venue`, measured by what comes of another meanwhile."""
    await viewer.hears(while_hearing, 10)  # what was on its way has arrived
    before = viewer.heard[venue]
    await viewer.hears(while_hearing, 25)
    assert viewer.heard[venue] == before


async def test_the_floor_decides_who_is_seen_and_heard(pages: Pages) -> None:
    host, _main, branch = await pages.live()
    watcher = await pages.open("venue", "b")
    viewer = await watcher.receive()
    await viewer.sees(1, "main")
    await viewer.hears("main")
    assert viewer.heard["a"] == 0, "no floor, no sound"
    await host.tab.command("floor.grant", venue_id="a")
    await viewer.sees(1, "a")
    await viewer.hears("a")
    own = await branch.receive()
    await own.hears("main")
    assert own.heard["a"] == 0, "a venue is not given itself"
    await host.tab.command("floor.revoke", venue_id="a")
    await viewer.sees(1, "main")
    await silence(viewer, "a", while_hearing="main")
    await watcher.tab.until(lambda: bool(watcher.tab.got("stage.switched")))
    assert publications(watcher.tab.view, "a") == {"camera": 1, "microphone": 1}


async def test_media_outlives_the_orchestrator(pages: Pages, server: Orchestrator) -> None:
    host, main, branch = await pages.live()
    watcher = await pages.open("venue", "b")
    viewer = await watcher.receive()
    await host.tab.command("floor.grant", venue_id="a")
    await viewer.hears("a")
    generation = watcher.tab.joined["generation"]
    await server.stop()
    await viewer.hears("a", 25)
    await viewer.hears("main", 25)
    await server.start()
    for page in (host, main, branch, watcher):
        await page.tab.connect()
        joined = await page.tab.join()
        assert joined["media_ready"]
        assert joined["generation"] == generation
    assert watcher.tab.joined["transports"] == [viewer.transport_id]
    assert branch.publisher is not None
    assert branch.tab.joined["transports"] == [branch.publisher.transport_id]
    assert publications(host.tab.view, "a") == {"camera": 1, "microphone": 1}
    assert viewer.sound_gaps == 0
    # The transports of before are the clients' own again.
    await watcher.tab.call("media.key_frame", consumer_id=viewer.consumers[0]["consumer_id"])
    await host.tab.command("floor.revoke", venue_id="a")
    await silence(viewer, "a", while_hearing="main")


async def test_a_killed_worker_is_set_up_again_with_a_new_generation(
    pages: Pages, server: Orchestrator, worker: WorkerProcess
) -> None:
    host, main, _branch = await pages.live()
    watcher = await pages.open("venue", "b")
    await watcher.receive()
    await worker.end(kill=True)
    await watcher.tab.until(lambda: bool(watcher.tab.got("media.reset")))
    assert not watcher.tab.got("media.reset")[0]["ready"]
    with pytest.raises(Failed) as unavailable:
        await watcher.tab.call("media.capabilities")
    assert unavailable.value.reason == "media_unavailable"
    await host.tab.command("floor.grant", venue_id="a")
    await worker.start()
    await watcher.tab.until(lambda: len(watcher.tab.got("media.reset")) == 2, 10)
    reset = watcher.tab.got("media.reset")[1]
    assert reset["ready"]
    assert reset["generation"] == 2
    with pytest.raises(Failed) as old:
        await watcher.tab.call("media.transport.create", generation=1, direction="recv")
    assert old.value.reason == "media_reset"
    await host.tab.until(lambda: publications(host.tab.view, "main") == {})
    for page in (main, watcher):
        page.tab.joined["generation"] = 2
    assert main.publisher is not None
    assert watcher.viewer is not None
    await main.publisher.close()
    await watcher.viewer.close()
    await main.publish()
    viewer = await watcher.receive()
    await viewer.hears("main")
    assert publications((await main.tab.join(last_version=None))["view"], "main") == {
        "camera": 2,
        "microphone": 2,
    }


async def test_nobody_uses_the_transport_of_another(pages: Pages) -> None:
    _host, main, branch = await pages.live()
    watcher = await pages.open("venue", "b")
    viewer = await watcher.receive()
    assert main.publisher is not None
    theirs = main.publisher.transport_id
    refusals: list[tuple[str, dict[str, Any]]] = [
        ("media.transport.restart_ice", {"transport_id": theirs}),
        ("media.transport.restart_ice", {"transport_id": viewer.transport_id}),
        ("media.consume", {"transport_id": viewer.transport_id, "rtp_capabilities": RECEIVER}),
        ("media.key_frame", {"consumer_id": viewer.consumers[0]["consumer_id"]}),
        (
            "media.produce",
            {
                "transport_id": theirs,
                "kind": "video",
                "source": "screen",
                "rtp_parameters": main.publisher.parameters("video"),
            },
        ),
    ]
    for method, params in refusals:
        with pytest.raises(Failed) as refused:
            await branch.tab.call(method, **params)
        assert refused.value.reason == "not_found", method


async def test_who_only_watches_publishes_nothing(pages: Pages) -> None:
    host, _main, branch = await pages.live()
    second = await pages.open("venue", "a")
    assert second.tab.joined["occupied"]
    for page in (second, host):
        with pytest.raises(Failed) as refused:
            await page.tab.call("media.transport.create", generation=1, direction="send")
        assert refused.value.reason == "not_publisher"
    assert branch.publisher is not None
    with pytest.raises(Failed) as refused:
        await host.tab.call(
            "media.produce",
            transport_id=branch.publisher.transport_id,
            kind="audio",
            source="microphone",
            rtp_parameters=branch.publisher.parameters("audio"),
        )
    assert refused.value.reason == "not_permitted"
    with pytest.raises(Failed) as refused:
        await second.tab.call("media.wall", tiles={"1": "main"})
    assert refused.value.reason == "not_permitted"


async def test_taking_over_ends_what_the_other_sends(pages: Pages) -> None:
    host, _main, branch = await pages.live()
    second = await pages.open("venue", "a")
    await second.tab.join(take_over=True)
    await branch.tab.until(lambda: bool(branch.tab.got("session.superseded")))
    await host.tab.until(lambda: publications(host.tab.view, "a") == {})
    await second.publish()
    await host.tab.until(lambda: publications(host.tab.view, "a") == {"camera": 2, "microphone": 2})
    with pytest.raises(Failed) as refused:
        await branch.tab.call("media.transport.create", generation=1, direction="send")
    assert refused.value.reason == "not_publisher"


async def test_a_reload_publishes_again_in_its_old_place(pages: Pages) -> None:
    host, _main, branch = await pages.live()
    await host.tab.command("floor.grant", venue_id="a")
    assert branch.publisher is not None
    await branch.publisher.close()
    await branch.tab.close()
    await branch.tab.connect()
    joined = await branch.tab.join(transports=[])
    assert joined["publisher"]
    assert joined["transports"] == []
    await branch.publish()
    await host.tab.until(lambda: publications(host.tab.view, "a") == {"camera": 2, "microphone": 2})
    assert "a" in host.tab.view["floor"]["holders"]
    left = [
        event
        for frame in host.tab.got("session.events")
        for event in frame["events"]
        if event["type"] == "venue.left"
    ]
    assert left == []


async def test_media_goes_on_while_signalling_is_away_and_is_published_again_after(
    pages: Pages,
) -> None:
    host, _main, branch = await pages.live()
    watcher = await pages.open("venue", "b")
    viewer = await watcher.receive()
    await host.tab.command("floor.grant", venue_id="a")
    await viewer.hears("a")
    await branch.tab.cut()
    await host.tab.until(lambda: not host.tab.view["venues"]["a"]["connected"])
    await viewer.hears("a", 25)
    await branch.tab.connect()
    joined = await branch.tab.join()
    assert len(joined["transports"]) == 1
    await host.tab.until(lambda: publications(host.tab.view, "a") == {"camera": 2, "microphone": 2})
    await viewer.hears("a", 25)
    assert viewer.sound_gaps == 0


async def test_the_media_of_who_stays_away_is_closed(pages: Pages, server: Orchestrator) -> None:
    await pages.live()
    conductor = await server.conductors.get(SESSION)
    conductor.departures._keep_after_loss = 0.2
    host = pages.all[0]
    branch = pages.all[2]
    await branch.tab.cut()
    media = conductor.media
    await until(lambda: not media.of_venue("a"), what="its transports are closed")
    await host.tab.until(lambda: publications(host.tab.view, "a") == {})


async def test_the_end_of_a_session_takes_its_media_down(
    pages: Pages, server: Orchestrator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.conduct.conductor.CLOSE_AFTER_END", 0.1)
    host, _main, _branch = await pages.live()
    watcher = await pages.open("venue", "b")
    viewer = await watcher.receive()
    await viewer.hears("main")
    await host.tab.command("session.end")
    await host.tab.until(lambda: publications(host.tab.view, "main") == {})
    conductor = await server.conductors.get(SESSION)
    await until(lambda: not conductor.media_ready, what="the worker has closed it")
    assert SessionView.model_validate(host.tab.view).session.phase == "ended"


async def test_technicians_see_the_streams_of_every_venue(pages: Pages) -> None:
    await pages.live()
    technician = await pages.open("technician")
    await technician.tab.call("monitor.subscribe")

    def flowing() -> bool:
        newest = technician.tab.got("monitor.stats")[-1:]
        venues = {v["venue_id"]: v for stats in newest for v in stats["venues"]}
        return bool(venues) and all(
            any(s["bitrate"] > 0 for t in venues[v]["transports"] for s in t["streams"])
            for v in ("main", "a")
        )

    await technician.tab.until(flowing, 10)
