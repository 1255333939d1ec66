"""The conductor against a scripted worker: what it sends, when, and after which failures."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.conduct.conductor import Conductor, MediaReady, Notice, ToClient
from orchestrator.conduct.floor_timer import next_absence
from orchestrator.conduct.recorder_link import RecorderLink
from orchestrator.conduct.sessions import Sessions
from orchestrator.conduct.worker_link import WorkerLink
from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import SYSTEM, Actor
from orchestrator.protocol.signalling import MediaReset
from orchestrator.store.database import Database, open_database
from orchestrator.store.placements import Placement, Placements
from orchestrator.store.session_log import SessionLog
from tests.orchestrator.conduct.scripted_process import (
    HELLO,
    ScriptedProcess,
    scripted_process,
    until,
)

HOST = Actor(frozenset({"host"}), account="chen")


def applied(params: dict[str, Any]) -> dict[str, Any]:
    return {"log_version": params["plan"]["log_version"]}


@pytest.fixture
async def worker() -> AsyncIterator[ScriptedProcess]:
    async with scripted_process() as running:
        running.answers["session.apply"] = applied
        running.answers["session.describe"] = {"log_version": 0, "transports": []}
        yield running


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(f"sqlite:///{tmp_path}/plenary.sqlite3")
    yield opened
    await opened.close()


class Rig:
    """An orchestrator's conducting side; `again()` is the same after a restart."""

    def __init__(self, database: Database, worker: ScriptedProcess) -> None:
        self.worker = worker
        self.database = database
        log = SessionLog(database)
        self.sessions = Sessions(log)
        self.placements = Placements(database, log, "test")
        self.link = WorkerLink("w0", worker.address)
        self.recorder = RecorderLink("r0", "/nowhere", self.link)
        self.conductor = Conductor("s", self.sessions, self.placements, self.link, self.recorder)
        self.notices: list[Notice] = []

    async def start(self) -> None:
        self.link.start()
        await self.conductor.start()
        self.conductor.listen(self.notices.append)

    async def close(self) -> None:
        await self.conductor.close()
        await self.recorder.close()
        await self.link.close()
        await self.sessions.close()

    async def again(self) -> "Rig":
        await self.close()
        rig = Rig(self.database, self.worker)
        await rig.start()
        return rig

    def plans(self) -> list[dict[str, Any]]:
        return [params["plan"] for params in self.worker.asked("session.apply")]


@pytest.fixture
async def rig(database: Database, worker: ScriptedProcess) -> AsyncIterator[Rig]:
    made = Rig(database, worker)
    await made.sessions.create(
        c.CreateSession(
            session_id="s",
            title="Test",
            venues=(
                c.NewVenue(venue_id="main", name="Main", kind="main"),
                c.NewVenue(venue_id="a", name="A"),
            ),
            grace_seconds=0.2,
        ),
        HOST,
    )
    await made.start()
    assert await made.conductor.wait_media_ready(5)
    await until(lambda: bool(made.notices))
    made.notices.clear()
    yield made
    await made.close()


async def go_live(rig: Rig) -> None:
    for venue in ("main", "a"):
        command = c.ConnectVenue(venue_id=venue, connection_id=f"t-{venue}", client_id=venue)
        await rig.sessions.execute("s", SYSTEM, command)
    await rig.sessions.execute("s", HOST, c.OpenSession())
    await rig.sessions.execute("s", HOST, c.StartSession())


def heard(plan: dict[str, Any]) -> set[str]:
    places = [*(s["audio"] for s in plan["slots"]), *(b["source"] for b in plan["audio_buses"])]
    return {place["venue_id"] for place in places if place}


async def test_a_grant_and_a_revoke_reach_the_worker_and_nothing_is_sent_twice(rig: Rig) -> None:
    await go_live(rig)
    await rig.sessions.execute("s", HOST, c.GrantFloor(venue_id="a"))
    await until(lambda: heard(rig.plans()[-1]) == {"main", "a"})
    await rig.sessions.execute("s", HOST, c.RevokeFloor(venue_id="a"))
    await until(lambda: heard(rig.plans()[-1]) == {"main"})
    sent = len(rig.plans())
    await rig.sessions.execute("s", HOST, c.SetFloorPolicy(list_open=False))
    await rig.sessions.execute("s", HOST, c.MuteAll())
    await asyncio.sleep(0)
    assert len(rig.plans()) == sent, "nothing of it concerns the media"
    versions = [plan["log_version"] for plan in rig.plans()]
    assert versions == sorted(set(versions))


async def test_while_the_worker_is_slow_changes_become_one_plan(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.conduct.conductor.APPLY_TIMEOUT", 0.5)
    await go_live(rig)
    await until(lambda: heard(rig.plans()[-1]) == {"main"})
    gate: list[bool] = []

    def slow(params: dict[str, Any]) -> dict[str, Any] | None:
        return applied(params) if gate else None

    rig.worker.answers["session.apply"] = slow
    before = len(rig.plans())
    for _ in range(5):
        await rig.sessions.execute("s", HOST, c.GrantFloor(venue_id="a"))
        await rig.sessions.execute("s", HOST, c.RevokeFloor(venue_id="a"))
    await rig.sessions.execute("s", HOST, c.GrantFloor(venue_id="a"))
    gate.append(True)
    version = (await rig.sessions.state("s")).version
    await until(lambda: rig.plans()[-1]["log_version"] == version)
    assert heard(rig.plans()[-1]) == {"main", "a"}
    assert len(rig.plans()) - before <= 3


async def test_a_conductor_that_was_superseded_claims_again(rig: Rig) -> None:
    epoch = rig.conductor.media.epoch
    await rig.placements.claim_epoch("s")

    def stale(params: dict[str, Any]) -> dict[str, Any]:
        return applied(params)

    rig.worker.errors["session.apply"] = {"code": "stale_epoch", "message": "older"}
    await go_live(rig)
    await until(lambda: rig.conductor.media.epoch > epoch + 1)
    rig.worker.errors.clear()
    rig.worker.answers["session.apply"] = stale
    await until(lambda: heard(rig.plans()[-1]) == {"main"})


async def test_the_generation_outlives_the_orchestrator_but_not_the_worker(rig: Rig) -> None:
    assert rig.conductor.generation == 1
    epoch = rig.conductor.media.epoch
    again = await rig.again()
    assert await again.conductor.wait_media_ready(5)
    assert again.conductor.generation == 1
    assert again.conductor.media.epoch > epoch
    assert again.worker.asked("session.describe")
    again.worker.answers["hello"] = {**HELLO, "boot_id": "boot-2"}
    third = await again.again()
    assert await third.conductor.wait_media_ready(5)
    assert third.conductor.generation == 2
    assert await third.placements.placement("s") == Placement("w0", "boot-2", 2)
    await third.close()


async def test_clients_are_told_of_a_dead_worker_and_of_the_next_one(rig: Rig) -> None:
    await go_live(rig)
    await rig.sessions.execute(
        "s", SYSTEM, c.StartPublication(venue_id="a", connection_id="t-a", source="camera")
    )
    await rig.worker.die()
    await until(lambda: bool(rig.notices))
    assert rig.notices == [MediaReset(generation=1, ready=False, reason="worker_gone")]
    rig.worker.answers["hello"] = {**HELLO, "boot_id": "boot-2"}
    await rig.worker.listen()
    await until(lambda: len(rig.notices) == 2)
    assert rig.notices[1] == MediaReset(generation=2, ready=True, reason="worker_restarted")
    state = await rig.sessions.state("s")
    assert state.venues["a"].publications == {}


async def test_a_control_connection_that_is_lost_costs_no_media(rig: Rig) -> None:
    for writer in list(rig.worker._writers):
        writer.transport.abort()
    await until(lambda: bool(rig.notices))
    assert rig.notices == [MediaReady(1)]
    assert rig.conductor.generation == 1


async def test_notices_reach_the_owner_of_a_transport(rig: Rig) -> None:
    rig.worker.answers["transport.create"] = lambda params: {
        "transport_id": params["transport_id"],
        "ice_parameters": {"usernameFragment": "u", "password": "p"},
        "ice_candidates": [],
        "dtls_parameters": {"fingerprints": [{"algorithm": "sha-256", "value": "AA"}]},
    }
    made = await rig.conductor.media.create("mine", "a", "recv")
    state = {"session_id": "s", "transport_id": made.transport_id, "state": "connected"}
    rig.worker.say("transport.state", state)
    await until(lambda: bool(rig.notices))
    (notice,) = rig.notices
    assert isinstance(notice, ToClient)
    assert (notice.client, notice.notice.state) == ("mine", "connected")
    assert rig.conductor.media.of_client("other") == []
    rig.worker.say("transport.state", {**state, "state": "closed"})
    await until(lambda: rig.conductor.media.of_client("mine") == [])


async def test_an_absent_holder_loses_the_floor_after_the_grace(rig: Rig) -> None:
    await go_live(rig)
    await rig.sessions.execute("s", HOST, c.GrantFloor(venue_id="a"))
    await rig.sessions.execute("s", SYSTEM, c.DisconnectVenue(venue_id="a", connection_id="t-a"))
    state = await rig.sessions.state("s")
    since = state.floor.holders["a"].disconnected_since
    assert since is not None
    assert next_absence(state) == (since + 0.2, "a")

    def released() -> bool:
        now = rig.sessions.known("s")
        return now is not None and not now.floor.holders

    await until(released)
