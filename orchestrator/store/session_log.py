"""The session log: append, read, outcomes of commands, the catalogue, the conductor's epoch."""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from sqlalchemy import RowMapping, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.consultation.events import Event, dump_event, load_event
from orchestrator.consultation.evolve import fold
from orchestrator.consultation.state import SessionState
from orchestrator.consultation.view import Phase
from orchestrator.store.database import Database
from orchestrator.store.dialect import upsert
from orchestrator.store.errors import CommandRepeated, VersionConflict
from orchestrator.store.tables import conductors, events, outcomes, sessions


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a command. `refusal` is the code of its error, None when it was carried out;
    `result` is what the shell answers besides the version (`request_id`)."""

    version: int
    at: float
    refusal: str | None = None
    message: str = ""
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """One line of the list of sessions."""

    session_id: str
    version: int
    title: str
    phase: Phase
    created_at: float
    started_at: float | None
    ended_at: float | None
    venue_count: int
    connected_count: int


def catalogue_item(state: SessionState) -> CatalogueItem:
    """The line that belongs to a state."""
    return CatalogueItem(
        session_id=state.session_id,
        version=state.version,
        title=state.title,
        phase=state.phase,
        created_at=state.created_at,
        started_at=state.started_at,
        ended_at=state.ended_at,
        venue_count=len(state.venues),
        connected_count=sum(v.connection is not None for v in state.venues.values()),
    )


class SessionLog:
    """The truth of all sessions, in one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self,
        session_id: str,
        expected_version: int,
        new: Sequence[Event],
        *,
        state: SessionState,
        actor_key: str = "",
        key: str | None = None,
        outcome: Outcome | None = None,
    ) -> int:
        """Append `new` after `expected_version` (0: a new session) and return the new version.

        In the same transaction the outcome is stored under (session, actor, key) and the catalogue
        is brought to `state`, the state after `new`. No events, but a key: only the outcome is
        stored. Raises VersionConflict when somebody appended first (load and decide again), and
        CommandRepeated when the key has an outcome already; then nothing is stored.
        """
        version = expected_version + len(new)
        if (state.session_id, state.version) != (session_id, version):
            raise ValueError(f"the state given is not that of {session_id} at {version}")

        async def operation(connection: AsyncConnection) -> None:
            if key is not None:
                await _refuse_repeated(connection, session_id, actor_key, key)
            await _advance(connection, expected_version, catalogue_item(state))
            if new:
                await connection.execute(
                    insert(events), _rows(session_id, expected_version + 1, new)
                )
            if key is not None:
                stored = outcome or Outcome(version=version, at=state.last_at)
                await connection.execute(
                    insert(outcomes), [_outcome_row(session_id, actor_key, key, stored)]
                )

        try:
            await self._database.run(operation)
        except IntegrityError as error:
            # A session, or an outcome, that appeared between our look and our write.
            raise VersionConflict(f"session {session_id} changed meanwhile") from error
        return version

    async def record_refusal(
        self, session_id: str, *, actor_key: str, key: str, outcome: Outcome
    ) -> Outcome:
        """Store that a command was refused; return the first outcome of this key."""

        async def operation(connection: AsyncConnection) -> Outcome:
            row = _outcome_row(session_id, actor_key, key, outcome)
            await connection.execute(
                upsert(connection, outcomes).values(**row).on_conflict_do_nothing()
            )
            return await _outcome(connection, session_id, actor_key, key) or outcome

        return await self._database.run(operation)

    async def outcome(self, session_id: str, actor_key: str, key: str) -> Outcome | None:
        """What became of a command with this key, if it was given before."""
        return await self._database.run(lambda c: _outcome(c, session_id, actor_key, key))

    async def read(self, session_id: str, after: int = 0, limit: int = 1_000_000) -> list[Event]:
        """The events after version `after`, in order. Raises UnreadableEvent."""

        async def operation(connection: AsyncConnection) -> Sequence[str]:
            query = (
                select(events.c.data)
                .where(events.c.session_id == session_id, events.c.version > after)
                .order_by(events.c.version)
                .limit(limit)
            )
            return (await connection.execute(query)).scalars().all()

        return [load_event(json.loads(data)) for data in await self._database.run(operation)]

    async def load(self, session_id: str, known: SessionState | None = None) -> SessionState | None:
        """The state now: the whole log folded, or what is new since `known`. None: no session."""
        after = known.version if known is not None else 0
        return fold(await self.read(session_id, after), known)

    async def version(self, session_id: str) -> int:
        """The version of the log; 0 when there is no such session."""
        item = await self.session(session_id)
        return item.version if item is not None else 0

    async def session(self, session_id: str) -> CatalogueItem | None:
        """One line of the catalogue."""

        async def operation(connection: AsyncConnection) -> RowMapping | None:
            query = select(sessions).where(sessions.c.session_id == session_id)
            return (await connection.execute(query)).mappings().one_or_none()

        row = await self._database.run(operation)
        return CatalogueItem(**row) if row is not None else None

    async def sessions(self, phases: Collection[Phase] | None = None) -> list[CatalogueItem]:
        """The catalogue, newest first; of these phases only, when given."""

        async def operation(connection: AsyncConnection) -> Sequence[RowMapping]:
            query = select(sessions).order_by(sessions.c.created_at.desc(), sessions.c.session_id)
            if phases is not None:
                query = query.where(sessions.c.phase.in_(sorted(phases)))
            return (await connection.execute(query)).mappings().all()

        return [CatalogueItem(**row) for row in await self._database.run(operation)]

    async def versions(self, session_ids: Collection[str]) -> dict[str, int]:
        """The versions of these logs, at once: to tail them when Redis is away."""

        async def operation(connection: AsyncConnection) -> dict[str, int]:
            query = select(sessions.c.session_id, sessions.c.version).where(
                sessions.c.session_id.in_(sorted(session_ids))
            )
            return {row.session_id: row.version for row in await connection.execute(query)}

        return await self._database.run(operation)

    async def claim_epoch(self, session_id: str, holder: str) -> int:
        """Become the conductor of a session: the new epoch, greater than any before.

        Raises VersionConflict when there is no such session.
        """

        async def operation(connection: AsyncConnection) -> int:
            first = upsert(connection, conductors).values(
                session_id=session_id, epoch=1, holder=holder
            )
            statement = first.on_conflict_do_update(
                index_elements=["session_id"],
                set_={"epoch": conductors.c.epoch + 1, "holder": holder},
            ).returning(conductors.c.epoch)
            return cast("int", (await connection.execute(statement)).scalar_one())

        try:
            return await self._database.run(operation)
        except IntegrityError as error:
            raise VersionConflict(f"there is no session {session_id}") from error

    async def epoch(self, session_id: str) -> tuple[int, str] | None:
        """(epoch, holder) of the conductor, None before the first."""

        async def operation(connection: AsyncConnection) -> tuple[int, str] | None:
            query = select(conductors.c.epoch, conductors.c.holder).where(
                conductors.c.session_id == session_id
            )
            row = (await connection.execute(query)).one_or_none()
            return (row.epoch, row.holder) if row is not None else None

        return await self._database.run(operation)


def _rows(session_id: str, first: int, new: Sequence[Event]) -> list[dict[str, Any]]:
    return [
        {
            "session_id": session_id,
            "version": version,
            "type": event.type,
            "schema_version": event.schema_version,
            "at": event.at,
            "data": _json(dump_event(event)),
        }
        for version, event in enumerate(new, start=first)
    ]


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


async def _advance(connection: AsyncConnection, expected_version: int, item: CatalogueItem) -> None:
    """Compare and set the version of a session; the row lock orders concurrent appenders."""
    if expected_version == 0:
        await connection.execute(insert(sessions), [asdict(item)])
        return
    result = await connection.execute(
        update(sessions)
        .where(sessions.c.session_id == item.session_id, sessions.c.version == expected_version)
        .values(**asdict(item))
    )
    if result.rowcount != 1:
        raise VersionConflict(
            f"session {item.session_id} is no longer at version {expected_version}"
        )


async def _refuse_repeated(
    connection: AsyncConnection, session_id: str, actor_key: str, key: str
) -> None:
    earlier = await _outcome(connection, session_id, actor_key, key)
    if earlier is not None:
        raise CommandRepeated(earlier)


async def _outcome(
    connection: AsyncConnection, session_id: str, actor_key: str, key: str
) -> Outcome | None:
    query = select(outcomes).where(
        outcomes.c.session_id == session_id,
        outcomes.c.actor_key == actor_key,
        outcomes.c.key == key,
    )
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        return None
    return Outcome(
        version=row.version,
        at=row.at,
        refusal=row.refusal,
        message=row.message,
        result=json.loads(row.result),
    )


def _outcome_row(session_id: str, actor_key: str, key: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "actor_key": actor_key,
        "key": key,
        **asdict(outcome),
        "result": _json(outcome.result),
    }
