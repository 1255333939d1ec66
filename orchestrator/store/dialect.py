"""The one statement that SQLAlchemy Core does not write for both databases: insert or update."""

from sqlalchemy import Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection


def upsert(connection: AsyncConnection, table: Table) -> sqlite.Insert:
    """An INSERT that knows `on_conflict_do_nothing` and `on_conflict_do_update`.

    Both dialects' classes offer these alike, though they have no common base.
    """
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)  # type: ignore[return-value] # same methods, see above
    return sqlite.insert(table)
