"""The schema of the database, brought to `HEAD` when it is opened.

Alembic is imported only when there is something to do: it costs a second start half a second.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncConnection

from orchestrator.store.errors import DatabaseTooNew

HEAD = "0002"
"""The newest revision in `migrations`; a test keeps the two equal."""

MIGRATIONS = Path(__file__).parent / "migrations"

_MIGRATION_LOCK = 0x506C656E617279
"""Advisory lock: of several orchestrators that start, one migrates and the others wait."""


async def migrate(connection: AsyncConnection, place: str) -> None:
    """Bring the schema to `HEAD`, in the connection's transaction.

    Raises DatabaseTooNew when a newer version of Plenary has written it.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
    if await connection.run_sync(_revision) != HEAD:
        await connection.run_sync(_upgrade, place)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def _upgrade(connection: Connection, place: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseTooNew(
            f"the database {place} was written by a newer version of Plenary ({error}); "
            "install that version, or put back a backup made before it"
        ) from error
