"""Where a session's media runs: a row beside the conductor's epoch, set only by the newest one."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.store.database import Database
from orchestrator.store.dialect import upsert
from orchestrator.store.errors import VersionConflict
from orchestrator.store.session_log import SessionLog
from orchestrator.store.tables import conductors, placements


@dataclass(frozen=True, slots=True)
class Placement:
    """`boot_id`: the life of the worker that has it; `generation` counts the media's lives."""

    worker_id: str
    boot_id: str
    generation: int


class Placements:
    """Of all sessions, as one orchestrator (`holder`, its name in the rows) sets them."""

    def __init__(self, database: Database, session_log: SessionLog, holder: str) -> None:
        self._database = database
        self._log = session_log
        self._holder = holder

    async def claim_epoch(self, session_id: str) -> int:
        """The next epoch of the session: whoever claimed an older one conducts no more.

        Raises VersionConflict when there is no such session.
        """
        return await self._log.claim_epoch(session_id, self._holder)

    async def placement(self, session_id: str) -> Placement | None:
        """The placement, None when the session was never placed."""

        async def operation(connection: AsyncConnection) -> Placement | None:
            query = select(
                placements.c.worker_id, placements.c.boot_id, placements.c.generation
            ).where(placements.c.session_id == session_id)
            row = (await connection.execute(query)).one_or_none()
            return None if row is None else Placement(row.worker_id, row.boot_id, row.generation)

        return await self._database.run(operation)

    async def place(self, session_id: str, placement: Placement, *, epoch: int) -> None:
        """Keep the placement. Raises VersionConflict when `epoch` is not the newest."""

        async def operation(connection: AsyncConnection) -> None:
            # Locked, so that no newer conductor claims between the look and the write.
            query = (
                select(conductors.c.epoch)
                .where(conductors.c.session_id == session_id)
                .with_for_update()
            )
            newest = (await connection.execute(query)).scalar_one_or_none()
            if newest != epoch:
                raise VersionConflict(f"session {session_id} has a conductor with epoch {newest}")
            values = {
                "worker_id": placement.worker_id,
                "boot_id": placement.boot_id,
                "generation": placement.generation,
            }
            statement = upsert(connection, placements).values(session_id=session_id, **values)
            await connection.execute(
                statement.on_conflict_do_update(index_elements=["session_id"], set_=values)
            )

        await self._database.run(operation)
