"""The audit log: who did what to what, when, from where. Append-only; never a secret in it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.store.database import Database
from orchestrator.store.tables import audit


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """`action` is a stable dotted name (`account.login`, `recording.download`)."""

    at: float
    actor: str
    action: str
    target: str = ""
    address: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    audit_id: int = 0


class Audit:
    """The audit log of this installation."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, entry: AuditEntry) -> None:
        """Write one entry; its `audit_id` is given by the database."""
        row = {
            "at": entry.at,
            "actor": entry.actor,
            "action": entry.action,
            "target": entry.target,
            "address": entry.address,
            "details": json.dumps(entry.details, ensure_ascii=False, separators=(",", ":")),
        }

        async def operation(connection: AsyncConnection) -> None:
            await connection.execute(insert(audit), [row])

        await self._database.run(operation)

    async def read(
        self, *, before: int | None = None, target: str | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Newest first; `before` an `audit_id`, to page on."""
        query = select(audit).order_by(audit.c.audit_id.desc()).limit(limit)
        if before is not None:
            query = query.where(audit.c.audit_id < before)
        if target is not None:
            query = query.where(audit.c.target == target)

        async def operation(connection: AsyncConnection) -> Sequence[Row[Any]]:
            return (await connection.execute(query)).all()

        return [
            AuditEntry(
                at=row.at,
                actor=row.actor,
                action=row.action,
                target=row.target,
                address=row.address,
                details=json.loads(row.details),
                audit_id=row.audit_id,
            )
            for row in await self._database.run(operation)
        ]
