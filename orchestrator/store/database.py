"""The one door to SQL: open, check, migrate, run transactions, close.

SQLite: exactly one connection, guarded by a lock file, so that there is exactly one orchestrator
(the WAL-reset bug of SQLite 3.40 needs two connections, and order needs one writer). PostgreSQL: a
small pool, and as many orchestrators as wanted.
"""

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from orchestrator.store.errors import (
    AlreadyRunning,
    DatabaseUrlInvalid,
    ReadOnly,
    StoreError,
    damaged,
    translate,
)
from orchestrator.store.schema import migrate

T = TypeVar("T")

_DRIVERS = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+asyncpg",
    "postgres": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}


def parse_url(url: str) -> URL:
    """The URL with its asynchronous driver. Raises DatabaseUrlInvalid."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUrlInvalid(
            "the database URL is not understood; write sqlite:////folder/plenary.sqlite3 or "
            "postgresql://user:password@host/database"
        ) from error
    driver = _DRIVERS.get(parsed.drivername)
    if driver is None:
        raise DatabaseUrlInvalid(
            f"no database of type {parsed.drivername}; use sqlite or postgresql"
        )
    if driver.startswith("sqlite") and parsed.database in (None, "", ":memory:"):
        raise DatabaseUrlInvalid("name a file: a session log in memory would not outlive a crash")
    return parsed.set(drivername=driver)


class Database:
    """An open database. `close()` when done; it waits for what is running."""

    def __init__(self, engine: AsyncEngine, place: str, lock: int | None) -> None:
        self.engine = engine
        self.place = place
        self._lock = lock
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    async def run(self, operation: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `operation` in one transaction: committed when it returns, else rolled back.

        A cancelled caller does not cut the transaction in half: it goes on by itself. Raises
        StoreError for conditions of the machine, and what `operation` raises.
        """
        task = asyncio.ensure_future(self._transaction(operation))
        self._running.add(task)
        task.add_done_callback(self._finished)
        return await asyncio.shield(task)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # a caller that was cancelled does not fetch it

    async def _transaction(self, operation: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        try:
            async with self.engine.begin() as connection:
                return await operation(connection)
        except StoreError:
            raise
        except (SQLAlchemyError, OSError) as error:
            known = translate(error, self.place)
            if known is None:
                raise
            raise known from error

    async def check(self) -> None:
        """Raise Unavailable (or worse) when the database does not answer: for readiness."""

        async def select(connection: AsyncConnection) -> None:
            await connection.execute(text("SELECT 1"))

        await self.run(select)

    async def close(self) -> None:
        """End; a second call does nothing."""
        if self._running:
            await asyncio.wait(self._running)
        await self.engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


async def open_database(url: str) -> Database:
    """Open, check and migrate the database.

    Raises DatabaseUrlInvalid, AlreadyRunning, DatabaseDamaged, DatabaseTooNew, ReadOnly, DiskFull,
    Unavailable; then nothing is left open.
    """
    parsed = parse_url(url)
    if parsed.drivername.startswith("sqlite"):
        return await _open_sqlite(parsed)
    engine = create_async_engine(parsed, pool_size=8, max_overflow=8, pool_pre_ping=True)
    return await _ready(Database(engine, parsed.render_as_string(hide_password=True), None))


async def _ready(database: Database) -> Database:
    try:
        await database.run(lambda connection: migrate(connection, database.place))
    except BaseException:
        await database.close()
        raise
    return database


# --- SQLite ---------------------------------------------------------------------------------


async def _open_sqlite(url: URL) -> Database:
    path, lock = _lock(str(url.database))
    engine = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=60,
    )
    event.listen(engine.sync_engine, "connect", _configure)
    event.listen(engine.sync_engine, "begin", _begin)
    database = Database(engine, str(path), lock)
    try:
        await database.run(_check_integrity(str(path)))
    except BaseException:
        await database.close()
        raise
    return await _ready(database)


def _lock(file: str) -> tuple[Path, int]:
    """Take the lock file beside the database; it is freed when this process ends, however."""
    path = Path(file).absolute()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(
            path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
    except OSError as error:
        known = translate(error, str(path))
        raise ReadOnly(
            f"the folder of the database {path} cannot be written ({error.strerror}); give this "
            "user write permission, or set another data folder"
        ) from known or error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AlreadyRunning(
            f"another orchestrator has {path} open; stop it first, or use PostgreSQL for several"
        ) from error
    return path, descriptor


def _configure(connection: Any, _record: Any) -> None:
    # Transactions are begun by `_begin`, not by the driver's guess at the first write.
    connection.isolation_level = None
    try:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()
    except BaseException:
        # The pool does not know this connection yet, nobody else would close it.
        connection.close()
        raise


def _begin(connection: Connection) -> None:
    # Deferred: one connection has nobody to wait for, and a read-only disk can still be read.
    connection.exec_driver_sql("BEGIN")


def _check_integrity(place: str) -> Callable[[AsyncConnection], Awaitable[None]]:
    async def check(connection: AsyncConnection) -> None:
        finding = (await connection.execute(text("PRAGMA quick_check(1)"))).scalar_one()
        if finding != "ok":
            raise damaged(place, str(finding))

    return check
