"""`Sessions` on a real SQLite file: order, idempotency, conflicts, cancellation, resuming."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from orchestrator.conduct.sessions import Change, Sessions
from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import SYSTEM, Actor
from orchestrator.consultation.errors import (
    Conflict,
    ConsultationError,
    NoSuchSession,
    NotPermitted,
    WrongPhase,
)
from orchestrator.consultation.evolve import fold
from orchestrator.store.database import Database, open_database
from orchestrator.store.session_log import SessionLog

HOST = Actor(frozenset({"host"}), account="chen")
VENUE = Actor(frozenset({"venue"}), venue_id="a")
NEW = c.CreateSession(
    session_id="s",
    title="Test",
    venues=(
        c.NewVenue(venue_id="main", name="Main", kind="main"),
        c.NewVenue(venue_id="a", name="A"),
        c.NewVenue(venue_id="b", name="B"),
    ),
)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(f"sqlite:///{tmp_path}/plenary.sqlite3")
    yield opened
    await opened.close()


@pytest.fixture
def log(database: Database) -> SessionLog:
    return SessionLog(database)


@pytest.fixture
async def sessions(log: SessionLog) -> AsyncIterator[Sessions]:
    made = Sessions(log)
    await made.create(NEW, HOST)
    yield made
    await made.close()


async def go_live(sessions: Sessions) -> None:
    """Live, with both branch venues connected."""
    for venue in ("a", "b"):
        command = c.ConnectVenue(venue_id=venue, connection_id=f"t-{venue}", client_id=venue)
        await sessions.execute("s", SYSTEM, command)
    await sessions.execute("s", HOST, c.OpenSession())
    await sessions.execute("s", HOST, c.StartSession())


async def test_state_is_what_the_log_says_also_for_another_process(
    sessions: Sessions, log: SessionLog
) -> None:
    await go_live(sessions)
    assert await Sessions(log).state("s") == await sessions.state("s") == await log.load("s")


async def test_listeners_hear_every_change_in_the_order_of_the_log(
    sessions: Sessions, log: SessionLog
) -> None:
    heard: list[Change] = []
    everywhere: list[Change] = []
    stop = sessions.subscribe("s", heard.append)
    sessions.subscribe_all(everywhere.append)
    first = await sessions.state("s")
    await go_live(sessions)
    await asyncio.gather(
        *(sessions.execute("s", HOST, c.MuteAll()) for _ in range(5)),
        sessions.execute("s", VENUE, c.RequestFloor()),
    )
    assert [change.before for change in heard[1:]] == [change.after for change in heard[:-1]]
    events = [event for change in heard for _, event in change.events]
    assert fold(events, first) == await sessions.state("s")
    assert [v for change in heard for v, _ in change.events] == list(
        range(first.version + 1, first.version + 1 + len(events))
    )
    assert everywhere == heard
    stop()
    stop()
    await sessions.execute("s", HOST, c.PauseSession())
    assert everywhere[-1] is not heard[-1]


async def test_a_failing_listener_costs_nobody_else(sessions: Sessions) -> None:
    heard: list[Change] = []

    def fail(_: Change) -> None:
        raise ValueError("listener")

    sessions.subscribe("s", fail)
    sessions.subscribe("s", heard.append)
    await sessions.execute("s", HOST, c.OpenSession())
    assert len(heard) == 1


async def test_a_repeated_key_gives_the_first_outcome_and_changes_nothing(
    sessions: Sessions, log: SessionLog
) -> None:
    outcomes: list[str] = []
    counted = Sessions(log, on_outcome=outcomes.append)
    await go_live(counted)
    first = await counted.execute("s", VENUE, c.RequestFloor(), key="k1")
    again = await counted.execute("s", VENUE, c.RequestFloor(), key="k1")
    # Another process, after a crash of this one.
    elsewhere = await Sessions(log).execute("s", VENUE, c.RequestFloor(), key="k1")
    assert (first.repeated, again.repeated, elsewhere.repeated) == (False, True, True)
    assert first.request_id == again.request_id == elsewhere.request_id
    assert first.version == again.version == await log.version("s")
    assert outcomes[-2:] == ["accepted", "repeated"]


async def test_a_key_belongs_to_who_used_it(sessions: Sessions) -> None:
    await go_live(sessions)
    other = Actor(frozenset({"venue"}), venue_id="b")
    one = await sessions.execute("s", VENUE, c.RequestFloor(), key="same")
    two = await sessions.execute("s", other, c.RequestFloor(), key="same")
    assert not two.repeated
    assert one.request_id != two.request_id


async def test_a_refusal_is_repeated_though_it_would_be_accepted_now(sessions: Sessions) -> None:
    with pytest.raises(WrongPhase):
        await sessions.execute("s", HOST, c.StartSession(), key="k1")
    await sessions.execute("s", HOST, c.OpenSession())
    with pytest.raises(WrongPhase):
        await sessions.execute("s", HOST, c.StartSession(), key="k1")
    await sessions.execute("s", HOST, c.StartSession(), key="k2")


async def test_a_wrong_role_changes_nothing(sessions: Sessions) -> None:
    before = await sessions.state("s")
    with pytest.raises(NotPermitted):
        await sessions.execute("s", VENUE, c.OpenSession())
    assert await sessions.state("s") == before


async def test_what_another_orchestrator_appends_is_read_before_it_is_judged(
    log: SessionLog,
) -> None:
    one, two = Sessions(log), Sessions(log)
    await one.create(NEW, HOST)
    await one.state("s")
    await two.state("s")
    heard: list[Change] = []
    two.subscribe("s", heard.append)
    await one.execute("s", HOST, c.OpenSession())
    await two.execute("s", HOST, c.StartSession())
    assert [change.after.phase for change in heard] == ["open", "live"]
    await one.catch_up("s")
    await two.catch_up("s")
    await two.catch_up("never-heard-of")
    assert await one.state("s") == await two.state("s")


async def test_many_at_once_from_two_orchestrators_lose_nothing(log: SessionLog) -> None:
    one, two = Sessions(log), Sessions(log)
    await one.create(NEW, HOST)
    joins = [
        sessions.execute(
            "s",
            SYSTEM,
            c.ConnectVenue(
                venue_id=venue, connection_id=f"{venue}-{n}", client_id="x", take_over=True
            ),
        )
        for n in range(5)
        for sessions, venue in ((one, "a"), (two, "b"))
    ]
    results = await asyncio.gather(*joins, return_exceptions=True)
    assert [r for r in results if isinstance(r, BaseException)] == []
    await one.catch_up("s")
    state = await one.state("s")
    assert state == await log.load("s")
    assert state.venues["a"].connection is not None
    assert state.venues["a"].connection.connection_id == "a-4"


async def test_a_cancelled_caller_does_not_cut_a_command_in_half(
    sessions: Sessions, log: SessionLog
) -> None:
    heard: list[Change] = []
    sessions.subscribe("s", heard.append)
    for _ in range(3):
        task = asyncio.create_task(sessions.execute("s", HOST, c.OpenSession()))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await sessions.close()
    assert len(heard) == 1
    assert await sessions.state("s") == await log.load("s")


async def test_what_a_client_missed(sessions: Sessions, log: SessionLog) -> None:
    begin = (await sessions.state("s")).version
    await sessions.execute("s", HOST, c.OpenSession())
    await sessions.execute("s", HOST, c.StartSession())
    after = (await sessions.state("s")).version
    assert await sessions.since("s", after) == ()
    assert await sessions.since("s", after + 1) is None
    missed = await sessions.since("s", begin)
    assert missed is not None
    assert [change.after.phase for change in missed] == ["open", "live"]
    # A new process knows it from the log.
    again = await Sessions(log).since("s", begin)
    assert again is not None
    assert again[-1].after == missed[-1].after
    assert again[0].before == missed[0].before


async def test_sessions_that_are_not_there(sessions: Sessions) -> None:
    with pytest.raises(NoSuchSession):
        await sessions.state("none")
    with pytest.raises(NoSuchSession):
        await sessions.execute("none", HOST, c.OpenSession(), key="k")
    assert sessions.known("none") is None
    with pytest.raises(Conflict):
        await sessions.create(NEW, HOST)


async def test_every_refusal_of_the_core_can_be_given_again() -> None:
    from orchestrator.conduct.sessions import REFUSALS

    codes = {kind.code for kind in ConsultationError.__subclasses__()}
    assert codes == set(REFUSALS)
