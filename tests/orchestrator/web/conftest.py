"""The real REST pieces on real SQLite, with signed-in clients of every role."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient, TestServer
from argon2 import PasswordHasher

from orchestrator.archive.recordings import Archive
from orchestrator.broker.connection import Broker
from orchestrator.broker.rate_limit import RateLimiter
from orchestrator.conduct.sessions import Sessions
from orchestrator.consultation.view import Role
from orchestrator.identity.authentication import Authenticator
from orchestrator.identity.links import LinkSigner
from orchestrator.identity.logins import Logins
from orchestrator.identity.passwords import Passwords
from orchestrator.store.accounts import Accounts
from orchestrator.store.audit import Audit
from orchestrator.store.database import Database, open_database
from orchestrator.store.recordings import Recordings
from orchestrator.store.session_log import SessionLog
from orchestrator.web.errors import error_middleware
from orchestrator.web.guard import guard_middleware
from orchestrator.web.rest.routes import add_rest_routes
from orchestrator.web.rest.services import RestServices

Client = TestClient[web.Request, web.Application]
PASSWORD = "a long password"
PUBLIC_URL = "https://plenary.example"


class Clock:
    """Unix seconds that stand still until a test moves them."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Queue:
    """Where the archive puts captured recordings."""

    added: list[str] = field(default_factory=list)

    def add(self, recording_id: str) -> None:
        self.added.append(recording_id)


class Browser:
    """One person's cookies at the server."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.origin = str(client.make_url("/").origin())

    async def get(self, path: str, **kwargs: Any) -> tuple[int, Any]:
        answer = await self.client.get(path, **kwargs)
        return answer.status, await answer.json()

    async def post(self, path: str, body: object = None) -> tuple[int, Any]:
        headers = {"Origin": self.origin}
        answer = await self.client.post(path, json={} if body is None else body, headers=headers)
        return answer.status, await answer.json()

    def cookie(self, name: str) -> str | None:
        cookies = self.client.session.cookie_jar.filter_cookies(self.client.make_url("/"))
        return cookies[name].value if name in cookies else None


@dataclass
class Site:
    """The server and everything inside it."""

    server: TestServer
    database: Database
    services: RestServices
    clock: Clock
    queue: Queue
    recordings: Recordings
    folder: Path
    clients: list[Client] = field(default_factory=list)

    async def browser(self) -> Browser:
        client: Client = TestClient(self.server, cookie_jar=CookieJar(unsafe=True))
        self.clients.append(client)
        return Browser(client)

    async def signed_in(self, role: Role) -> Browser:
        """A browser with an account of this role, made when it is not there yet."""
        accounts = {account.username for account in await self.services.logins.list_all()}
        if role not in accounts:
            await self.services.logins.create(role, PASSWORD, (role,))
        browser = await self.browser()
        status, _ = await browser.post("/api/login", {"username": role, "password": PASSWORD})
        assert status == 200
        return browser


def services_on(database: Database, clock: Clock, queue: Queue, folder: Path) -> RestServices:
    # Nobody answers there: limits are counted locally, as in an outage.
    limiter = RateLimiter(Broker("unix:///tmp/plenary-no-redis-in-this-test.sock"))
    # The cheapest parameters: what is tested is not argon2.
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    logins = Logins(Accounts(database), limiter, passwords, clock=clock)
    log = SessionLog(database)
    sessions = Sessions(log, now=clock)
    signer = LinkSigner(b"t" * 32, clock=clock)
    return RestServices(
        logins=logins,
        authenticator=Authenticator(logins, signer, sessions.state, clock=clock),
        signer=signer,
        sessions=sessions,
        session_log=log,
        archive=Archive(Recordings(database), log, folder, queue),
        audit=Audit(database),
        public_url=PUBLIC_URL,
        clock=clock,
    )


def application(services: RestServices) -> web.Application:
    limiter = RateLimiter(Broker("unix:///tmp/plenary-no-redis-in-this-test.sock"))
    app = web.Application(
        middlewares=[
            error_middleware,
            guard_middleware(services.authenticator.authenticate, limiter, services.origins),
        ]
    )
    add_rest_routes(app, services)
    return app


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database: migrated once, copied for each test."""
    path = tmp_path_factory.mktemp("migrated") / "plenary.sqlite3"

    async def make() -> None:
        database = await open_database(f"sqlite:///{path}")
        await database.close()

    asyncio.run(make())
    return path


@pytest.fixture
async def site(tmp_path: Path, migrated: Path) -> AsyncIterator[Site]:
    shutil.copy(migrated, tmp_path)
    database = await open_database(f"sqlite:///{tmp_path}/plenary.sqlite3")
    clock, queue, folder = Clock(), Queue(), tmp_path / "recordings"
    services = services_on(database, clock, queue, folder)
    server = TestServer(application(services))
    await server.start_server()
    found = Site(server, database, services, clock, queue, Recordings(database), folder)
    yield found
    for client in found.clients:
        await client.session.close()
    await server.close()
    await services.sessions.close()
    await database.close()
