"""`/healthz`: the process lives. `/readyz`: it can serve now.

The two are apart on purpose: a process must not be killed because something it needs is away.
"""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog
from aiohttp import web
from sqlalchemy import delete, false
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.store.database import Database
from orchestrator.store.tables import setup_tokens

log = structlog.get_logger(__name__)

Check = Callable[[], Awaitable[bool]]
"""True when the dependency answers; may raise."""


@dataclass(slots=True)
class Readiness:
    """`required`: without one of them the server is not ready. `optional`: it is, but degraded.
    Set `draining` when the process is about to end: balancers then send nobody here."""

    required: Mapping[str, Check]
    optional: Mapping[str, Check]
    draining: bool = False

    async def look(self) -> tuple[bool, dict[str, str]]:
        """Whether ready, and the state of each part."""
        parts: dict[str, str] = {}
        ready = not self.draining
        if self.draining:
            parts["server"] = "draining"
        for name, check in self.required.items():
            good = await _holds(name, check)
            parts[name] = "ok" if good else "failed"
            ready = ready and good
        for name, check in self.optional.items():
            parts[name] = "ok" if await _holds(name, check) else "degraded"
        return ready, parts


async def _holds(name: str, check: Check) -> bool:
    try:
        return await check()
    except Exception as error:
        log.warning("not_ready", part=name, error=repr(error))
        return False


def database_writable(database: Database) -> Check:
    """A check that takes the right to write and changes nothing: a database that can only be read
    answers, and is of no use to a session."""

    async def operation(connection: AsyncConnection) -> None:
        await connection.execute(delete(setup_tokens).where(false()))

    async def check() -> bool:
        await database.run(operation)
        return True

    return check


def disk_has_room(folder: Path, minimum_bytes: int) -> Check:
    """A check that the data folder's disk has at least `minimum_bytes` left."""

    async def check() -> bool:
        usage = await asyncio.to_thread(shutil.disk_usage, folder)
        return usage.free >= minimum_bytes

    return check


def add_readiness(app: web.Application, readiness: Readiness) -> None:
    """Register `/healthz` and `/readyz`."""

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def readyz(_request: web.Request) -> web.Response:
        ready, parts = await readiness.look()
        status = "ready" if ready else "not_ready"
        if ready and "degraded" in parts.values():
            status = "degraded"
        return web.json_response(
            {"status": status, "parts": parts},
            status=200 if ready else 503,
            headers={"Cache-Control": "no-store"},
        )

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
