"""The session log keeps its promises on SQLite and on PostgreSQL alike."""

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import SYSTEM, Actor
from orchestrator.consultation.decide import decide
from orchestrator.consultation.events import Event
from orchestrator.consultation.evolve import fold
from orchestrator.consultation.state import SessionState
from orchestrator.store.database import Database, open_database
from orchestrator.store.errors import CommandRepeated, VersionConflict
from orchestrator.store.session_log import Outcome, SessionLog

HOST = Actor(frozenset({"host"}), account="chen")


@pytest.fixture
def log(database: Database) -> SessionLog:
    return SessionLog(database)


def _after(state: SessionState | None, new: list[Event]) -> SessionState:
    after = fold(new, state)
    assert after is not None
    return after


async def _create(log: SessionLog, session_id: str = "s1", *, at: float = 1000.0) -> SessionState:
    command = c.CreateSession(
        session_id=session_id,
        title="远程会诊",
        venues=(
            c.NewVenue(venue_id="main", name="主会场", kind="main"),
            c.NewVenue(venue_id="b1", name="分会场 '一'"),
        ),
    )
    new = decide(None, command, HOST, at)
    state = _after(None, new)
    await log.append(session_id, 0, new, state=state)
    return state


async def _do(
    log: SessionLog,
    state: SessionState,
    command: c.Command,
    actor: Actor = HOST,
    *,
    key: str | None = None,
    now: float = 1001.0,
) -> SessionState:
    new = decide(state, command, actor, now)
    after = _after(state, new)
    await log.append(
        state.session_id, state.version, new, state=after, actor_key=actor.name, key=key
    )
    return after


async def test_what_is_appended_is_read_in_order(log: SessionLog) -> None:
    state = await _create(log)
    state = await _do(log, state, c.OpenSession())
    assert await log.load("s1") == state
    assert [e.type for e in await log.read("s1", 3)] == ["session.opened", "stage.set"]
    assert [e.type for e in await log.read("s1", 3, limit=1)] == ["session.opened"]
    assert await log.version("s1") == state.version


async def test_loading_goes_on_from_what_is_known(log: SessionLog) -> None:
    first = await _create(log)
    second = await _do(log, first, c.OpenSession())
    assert await log.load("s1", first) == second
    assert await log.load("s1", second) == second
    assert await log.load("nothing") is None
    assert await log.version("nothing") == 0


async def test_a_second_append_at_one_version_conflicts_and_stores_nothing(
    log: SessionLog,
) -> None:
    state = await _create(log)
    await _do(log, state, c.OpenSession())
    with pytest.raises(VersionConflict):
        await _do(log, state, c.OpenSession(), key="key-12345678")
    assert await log.outcome("s1", "chen", "key-12345678") is None
    assert await log.version("s1") == state.version + 2


async def test_a_session_is_created_once(log: SessionLog) -> None:
    await _create(log)
    with pytest.raises(VersionConflict):
        await _create(log)


async def test_versions_beyond_the_log_conflict(log: SessionLog) -> None:
    state = await _create(log)
    ahead = await _do_in_memory(state)
    with pytest.raises(VersionConflict):
        await _do(log, ahead, c.StartSession())


async def _do_in_memory(state: SessionState) -> SessionState:
    return _after(state, decide(state, c.OpenSession(), HOST, 1001.0))


async def test_a_state_that_is_not_the_one_after_is_a_mistake(log: SessionLog) -> None:
    state = await _create(log)
    new = decide(state, c.OpenSession(), HOST, 1001.0)
    with pytest.raises(ValueError, match="not that of"):
        await log.append("s1", state.version, new, state=state)


async def test_a_key_is_carried_out_once(log: SessionLog) -> None:
    state = await _create(log)
    new = decide(state, c.OpenSession(), HOST, 1001.0)
    after = _after(state, new)
    outcome = Outcome(version=after.version, at=1001.0, result={"request_id": "r1"})
    await log.append(
        "s1", state.version, new, state=after, actor_key="chen", key="k1", outcome=outcome
    )
    with pytest.raises(CommandRepeated) as repeated:
        await _do(log, after, c.StartSession(), key="k1")
    assert repeated.value.outcome == outcome
    assert await log.outcome("s1", "chen", "k1") == outcome
    # The same key of somebody else, or in another session, is another one.
    assert await log.outcome("s1", "li", "k1") is None
    assert await log.outcome("s2", "chen", "k1") is None


async def test_a_command_that_changes_nothing_has_an_outcome_too(log: SessionLog) -> None:
    state = await _create(log)
    same = await _do(log, state, c.SetFloorPolicy(list_open=True), key="k1")
    assert same.version == state.version
    assert (await log.outcome("s1", "chen", "k1")) == Outcome(state.version, state.last_at)


async def test_refusals_are_remembered_and_the_first_outcome_stays(log: SessionLog) -> None:
    state = await _create(log)
    refusal = Outcome(state.version, 1002.0, refusal="wrong_phase", message="先开启会议")
    assert await log.record_refusal("s1", actor_key="chen", key="k1", outcome=refusal) == refusal
    later = Outcome(99, 1003.0, refusal="floor_full")
    assert await log.record_refusal("s1", actor_key="chen", key="k1", outcome=later) == refusal
    with pytest.raises(CommandRepeated):
        await _do(log, state, c.OpenSession(), key="k1")
    assert await log.version("s1") == state.version


async def test_the_catalogue_follows_the_log(log: SessionLog) -> None:
    state = await _create(log, at=1000.0)
    await _create(log, "s2", at=2000.0)
    assert [item.session_id for item in await log.sessions()] == ["s2", "s1"]
    connect = c.ConnectVenue(venue_id="b1", connection_id="c1", client_id="tab-1")
    state = await _do(log, state, connect, SYSTEM)
    state = await _do(log, state, c.OpenSession())
    state = await _do(log, state, c.StartSession(), now=1100.0)
    item = await log.session("s1")
    assert item is not None
    assert (item.title, item.phase, item.started_at) == ("远程会诊", "live", 1100.0)
    assert (item.venue_count, item.connected_count, item.version) == (2, 1, state.version)
    assert [i.session_id for i in await log.sessions({"live", "open"})] == ["s1"]
    assert await log.versions({"s1", "s2", "s3"}) == {"s1": state.version, "s2": 3}


async def test_epochs_only_grow(log: SessionLog) -> None:
    await _create(log)
    assert await log.epoch("s1") is None
    assert await log.claim_epoch("s1", "o1") == 1
    assert await log.claim_epoch("s1", "o2") == 2
    assert await log.epoch("s1") == (2, "o2")
    claims = await asyncio.gather(*(log.claim_epoch("s1", f"o{i}") for i in range(20)))
    assert sorted(claims) == list(range(3, 23))
    with pytest.raises(VersionConflict):
        await log.claim_epoch("nothing", "o1")


async def test_many_appenders_lose_and_double_nothing(log: SessionLog) -> None:
    """Each appender publishes again and again; the generations say if one was lost."""
    state = await _create(log)
    for venue in ("main", "b1"):
        connect = c.ConnectVenue(venue_id=venue, connection_id=f"c-{venue}", client_id="tab")
        state = await _do(log, state, connect, SYSTEM)
    each, appenders = 8, 6

    async def appender(number: int) -> None:
        venue = "main" if number % 2 else "b1"
        command = c.StartPublication(venue_id=venue, connection_id=f"c-{venue}", source="camera")
        for turn in range(each):
            key = f"{number}-{turn}"
            while await log.outcome("s1", "server", key) is None:
                known = await log.load("s1")
                assert known is not None
                try:
                    await _do(log, known, command, SYSTEM, key=key)
                except VersionConflict:
                    continue

    await asyncio.gather(*(appender(i) for i in range(appenders)))
    after = await log.load("s1")
    assert after is not None
    assert [after.venues[v].generations["camera"] for v in ("main", "b1")] == [24, 24]
    history = await log.read("s1")
    assert len(history) == after.version == await log.version("s1")
    assert fold(history) == after


async def test_the_same_command_sent_at_once_by_many_happens_once(log: SessionLog) -> None:
    state = await _create(log)

    async def send() -> str:
        try:
            await _do(log, state, c.OpenSession(), key="k1")
        except (VersionConflict, CommandRepeated) as error:
            return type(error).__name__
        return "done"

    results = await asyncio.gather(*(send() for _ in range(10)))
    assert results.count("done") == 1
    assert await log.version("s1") == state.version + 2


@pytest.mark.parametrize("statement", ["UPDATE events SET type='x'", "DELETE FROM events"])
async def test_the_database_itself_refuses_to_change_the_log(
    database: Database, log: SessionLog, statement: str
) -> None:
    await _create(log)

    async def tamper(connection: AsyncConnection) -> None:
        await connection.execute(text(statement))

    with pytest.raises(DBAPIError, match="append-only"):
        await database.run(tamper)
    assert len(await log.read("s1")) == 3


async def test_the_log_is_there_after_closing_and_opening_again(database_url: str) -> None:
    database = await open_database(database_url)
    state = await _create(SessionLog(database))
    await database.close()
    await database.close()
    database = await open_database(database_url)
    assert await SessionLog(database).load("s1") == state
    await database.close()


async def test_a_cancelled_caller_does_not_cut_a_transaction(
    database: Database, log: SessionLog
) -> None:
    state = await _create(log)
    task = asyncio.create_task(_do(log, state, c.OpenSession(), key="k1"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(10):
        while await log.outcome("s1", "chen", "k1") is None:
            await asyncio.sleep(0)
    assert await log.version("s1") == state.version + 2
    await database.check()
