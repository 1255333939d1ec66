"""The stores that every contract suite runs on."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from orchestrator.store.database import Database, open_database
from tests.contract.postgres import PostgresServer, running_postgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/plenary.sqlite3"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.create()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = await open_database(database_url)
    yield opened
    await opened.close()
