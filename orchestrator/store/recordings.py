"""The catalogue of recordings: where each is and how far it has come. The media are elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import RowMapping, Select, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.protocol.rest import RecordingItem
from orchestrator.store.database import Database
from orchestrator.store.errors import RecordNotFound
from orchestrator.store.tables import recordings

RecordingState = Literal["recording", "captured", "finalizing", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """`folder` is relative to the recordings folder; see `RecordingItem` for the rest."""

    recording_id: str
    session_id: str
    session_title: str
    folder: str
    state: RecordingState
    started_at: float
    progress: float = 0.0
    ended_at: float | None = None
    duration: float | None = None
    size: int | None = None
    error: str | None = None

    @property
    def item(self) -> RecordingItem:
        """As clients get it."""
        return RecordingItem(
            recording_id=self.recording_id,
            session_id=self.session_id,
            session_title=self.session_title,
            state=self.state,
            progress=self.progress,
            started_at=self.started_at,
            ended_at=self.ended_at,
            duration=self.duration,
            size=self.size,
            error=self.error,
        )


class Recordings:
    """All recordings of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, recording_id: str, session_id: str, session_title: str, folder: str, *, at: float
    ) -> RecordingRecord:
        """A recording that starts; adding it again returns what is there (a conductor that took
        over cannot know). Raises RecordNotFound when there is no such session."""
        record = RecordingRecord(
            recording_id=recording_id,
            session_id=session_id,
            session_title=session_title,
            folder=folder,
            state="recording",
            started_at=at,
        )
        earlier = await self.get(recording_id)
        if earlier is not None:
            return earlier

        async def operation(connection: AsyncConnection) -> None:
            row = {name: getattr(record, name) for name in RecordingRecord.__slots__}
            await connection.execute(insert(recordings), [row])

        try:
            await self._database.run(operation)
        except IntegrityError as error:
            earlier = await self.get(recording_id)
            if earlier is not None:
                return earlier
            raise RecordNotFound(f"there is no session {session_id}") from error
        return record

    async def set_state(
        self,
        recording_id: str,
        state: RecordingState,
        *,
        progress: float | None = None,
        ended_at: float | None = None,
        duration: float | None = None,
        size: int | None = None,
        error: str | None = None,
    ) -> None:
        """Go to `state`; figures that are not given stay as they are, except that `error` belongs
        to this state only. Raises RecordNotFound."""
        given = {"progress": progress, "ended_at": ended_at, "duration": duration, "size": size}
        values: dict[str, Any] = {k: v for k, v in given.items() if v is not None}

        async def operation(connection: AsyncConnection) -> None:
            result = await connection.execute(
                update(recordings)
                .where(recordings.c.recording_id == recording_id)
                .values(state=state, error=error, **values)
            )
            if result.rowcount != 1:
                raise RecordNotFound(f"there is no recording {recording_id}")

        await self._database.run(operation)

    async def get(self, recording_id: str) -> RecordingRecord | None:
        """One recording."""
        query = select(recordings).where(recordings.c.recording_id == recording_id)
        found = await self._select(query)
        return found[0] if found else None

    async def list_all(
        self, *, session_id: str | None = None, states: Sequence[RecordingState] | None = None
    ) -> list[RecordingRecord]:
        """Newest first; of one session, or in these states, when given."""
        query = select(recordings).order_by(
            recordings.c.started_at.desc(), recordings.c.recording_id
        )
        if session_id is not None:
            query = query.where(recordings.c.session_id == session_id)
        if states is not None:
            query = query.where(recordings.c.state.in_(states))
        return await self._select(query)

    async def _select(self, query: Select[Any]) -> list[RecordingRecord]:
        async def operation(connection: AsyncConnection) -> Sequence[RowMapping]:
            rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
            return rows

        return [RecordingRecord(**row) for row in await self._database.run(operation)]
