"""Opening a database: what is refused, with which code, and that nothing is harmed."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.protocol.reasons import Reason
from orchestrator.store import errors
from orchestrator.store.accounts import Accounts
from orchestrator.store.database import Database, open_database, parse_url
from orchestrator.store.tables import metadata


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "plenary.sqlite3"


def url(path: Path) -> str:
    return f"sqlite:///{path}"


async def _fill(path: Path) -> None:
    database = await open_database(url(path))
    for number in range(200):
        await Accounts(database).create(f"user{number}", "x" * 200, {"host"}, at=1.0)
    await database.close()


@pytest.mark.parametrize(
    "bad",
    ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:", "oracle+x://y"],
)
async def test_a_url_that_cannot_be_used_is_refused(bad: str) -> None:
    with pytest.raises(errors.DatabaseUrlInvalid):
        await open_database(bad)


def test_urls_get_their_asynchronous_driver() -> None:
    assert parse_url("sqlite:////data/x.sqlite3").drivername == "sqlite+aiosqlite"
    assert parse_url("postgres://u:p@h/d").drivername == "postgresql+asyncpg"


async def test_the_tables_are_what_the_migrations_make(path: Path) -> None:
    database = await open_database(url(path))

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection)
        found: list[object] = compare_metadata(context, metadata)
        return found

    assert await database.run(lambda c: c.run_sync(differences)) == []
    await database.close()


async def test_sqlite_is_safe_and_has_one_connection(path: Path) -> None:
    database = await open_database(url(path))

    async def pragmas(connection: AsyncConnection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [(await connection.execute(text(f"PRAGMA {n}"))).scalar_one() for n in names]

    assert await database.run(pragmas) == ["wal", 2, 1]
    inside = 0
    most = 0

    async def operation(connection: AsyncConnection) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await connection.execute(text("SELECT 1"))
        await asyncio.sleep(0)
        inside -= 1

    await asyncio.gather(*(database.run(operation) for _ in range(30)))
    assert most == 1
    await database.close()


async def test_a_second_orchestrator_is_refused_and_may_start_later(path: Path) -> None:
    first = await open_database(url(path))
    with pytest.raises(errors.AlreadyRunning, match="stop it first"):
        await open_database(url(path))
    await first.close()
    second = await open_database(url(path))
    await second.close()


async def test_the_lock_of_a_killed_process_is_free(path: Path) -> None:
    program = (
        "import asyncio, os, signal, sys\n"
        "from orchestrator.store.database import open_database\n"
        "async def main():\n"
        "    await open_database(sys.argv[1])\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, url(path)]
    ended = await asyncio.to_thread(subprocess.run, command, check=False, timeout=50)
    assert ended.returncode == -9
    database = await open_database(url(path))
    assert await Accounts(database).count() == 0
    await database.close()


async def test_a_file_that_is_no_database_is_refused_and_kept(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but precious" * 1000)
    with pytest.raises(errors.DatabaseDamaged, match="put back a backup") as refused:
        await open_database(url(path))
    assert str(path) in str(refused.value)
    assert path.read_bytes().startswith(b"not a database, but precious")


async def test_a_damaged_page_is_found_at_start_and_the_lock_is_freed(path: Path) -> None:
    await _fill(path)
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096 - 1):
        content[page * 4096 : page * 4096 + 600] = b"\xff" * 600
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(errors.DatabaseDamaged):
            await open_database(url(path))
    assert path.read_bytes() == bytes(content)


async def test_a_database_of_a_newer_version_is_refused(path: Path) -> None:
    await _fill(path)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num='9999'")
    connection.close()
    with pytest.raises(errors.DatabaseTooNew, match="newer version"):
        await open_database(url(path))


async def test_a_folder_that_cannot_be_written_is_said() -> None:
    with pytest.raises(errors.ReadOnly, match="data folder"):
        await open_database("sqlite:////dev/null/plenary.sqlite3")


async def _with_pragma(path: Path, pragma: str) -> Database:
    database = await open_database(url(path))

    async def operation(connection: AsyncConnection) -> None:
        await connection.execute(text(f"PRAGMA {pragma}"))

    await database.run(operation)
    return database


async def test_a_full_disk_is_said_and_what_was_stored_stays(path: Path) -> None:
    database = await _with_pragma(path, "max_page_count=40")
    accounts = Accounts(database)
    made = 0
    with pytest.raises(errors.DiskFull, match="free some space"):
        for number in range(2000):
            await accounts.create(f"user{number}", "x" * 500, {"host"}, at=1.0)
            made += 1
    assert await accounts.count() == made > 0
    await database.close()


async def test_a_database_that_became_read_only_is_said(path: Path) -> None:
    database = await _with_pragma(path, "query_only=1")
    accounts = Accounts(database)
    with pytest.raises(errors.ReadOnly, match="write permission"):
        await accounts.create("chen", "hash", {"host"}, at=1.0)
    assert await accounts.count() == 0
    await database.close()


async def test_a_postgresql_that_does_not_answer_is_said(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable) as refused:
        await open_database(f"postgresql://plenary:secret@/x?host={tmp_path}")
    assert "secret" not in str(refused.value)


def test_every_code_is_a_reason_of_the_wire() -> None:
    for cls in errors.StoreError.__subclasses__():
        assert cls.code in {reason.value for reason in Reason}
        assert f"{cls.__name__} " in (errors.__doc__ or "")
