"""An orchestrator's signalling on a real store and, where asked for, a real worker process.

Who a client is comes from a header here; the real cookies have tests of their own.
"""

import asyncio
import contextlib
import itertools
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from orchestrator.conduct.conductors import Conductors
from orchestrator.conduct.recorder_link import RecorderLink
from orchestrator.conduct.sessions import Sessions
from orchestrator.conduct.worker_link import WorkerLink
from orchestrator.consultation.actors import Actor
from orchestrator.consultation.commands import CreateSession, IssueLinks, NewLink, NewVenue
from orchestrator.health.venues import Health
from orchestrator.identity.principal import Principal
from orchestrator.store.database import Database, open_database
from orchestrator.store.placements import Placements
from orchestrator.store.session_log import SessionLog
from orchestrator.web.errors import error_middleware
from orchestrator.web.origin import OriginRule
from orchestrator.web.signalling.endpoint import Signalling
from orchestrator.web.signalling.merge_patch import apply_patch

ADMIN = Actor(roles=frozenset({"admin", "host"}), account="admin")
SESSION = "s1"
VENUES = ("main", "a", "b", "c")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def authenticate(
    request: web.Request, session_id: str | None, venue_id: str | None
) -> Principal | None:
    """`X-Who: venue` for the venue that the URL names, else the roles of an account."""
    who = request.headers.get("X-Who", "")
    if who == "venue" and venue_id is not None:
        return Principal(
            roles=frozenset({"venue"}),
            session_id=session_id,
            venue_id=venue_id,
            link_id=f"l-{venue_id}",
        )
    roles = frozenset(role for role in who.split(",") if role)
    if not roles or venue_id is not None:
        return None
    return Principal(roles=roles, account=who)  # type: ignore[arg-type] # names of roles


class Orchestrator:
    """Everything that `app` puts together for signalling; `start` and `stop` may be repeated."""

    def __init__(self, folder: Path, worker: str, recorder: str | None = None) -> None:
        self.port = free_port()
        self.worker_address = worker
        self.recorder_address = recorder or str(folder / "no-recorder")
        self._url = f"sqlite:///{folder}/plenary.sqlite3"
        self.database: Database
        self.sessions: Sessions
        self.conductors: Conductors
        self.signalling: Signalling
        self.health: Health
        self.recorder: RecorderLink
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.database = await open_database(self._url)
        log = SessionLog(self.database)
        self.sessions = Sessions(log)
        self.health = Health()
        worker = WorkerLink("w0", self.worker_address)
        worker.on_stats = self.health.take
        self.recorder = RecorderLink("r0", self.recorder_address, worker)
        placements = Placements(self.database, log, "test")
        self.conductors = Conductors(self.sessions, placements, [worker], self.recorder)
        running = await log.sessions(("open", "live", "paused"))
        await self.conductors.start([item.session_id for item in running])
        self.signalling = Signalling(
            self.sessions,
            self.conductors,
            self.health,
            authenticate,
            OriginRule(),
            recorder=self.recorder,
        )
        app = web.Application(middlewares=[error_middleware])
        self.signalling.add_to(app)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        await self.signalling.close()
        assert self._runner is not None
        await self._runner.cleanup()
        await self.conductors.close()
        await self.sessions.close()
        await self.database.close()

    async def create_session(self) -> None:
        venues = tuple(
            NewVenue(venue_id=v, name=f"Venue {v}", kind="main" if v == "main" else "branch")
            for v in VENUES
        )
        await self.sessions.create(
            CreateSession(session_id=SESSION, title="Test", venues=venues, grace_seconds=2.0), ADMIN
        )
        links = tuple(
            NewLink(link_id=f"l-{v}", venue_id=v, expires_at=4_000_000_000.0) for v in VENUES
        )
        await self.sessions.execute(SESSION, ADMIN, IssueLinks(links=links))


@asynccontextmanager
async def running_orchestrator(
    folder: Path, worker: str = "/nowhere", recorder: str | None = None
) -> AsyncIterator[Orchestrator]:
    """One with a session in it; stopped afterwards."""
    orchestrator = Orchestrator(folder, worker, recorder)
    await orchestrator.start()
    await orchestrator.create_session()
    try:
        yield orchestrator
    finally:
        await orchestrator.stop()


class Failed(Exception):
    """An error answer."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code = error["code"]
        self.reason = error["data"]["reason"]


class Tab:
    """One page: a WebSocket that reads all the time and keeps a view as a client does."""

    def __init__(self, url: str, who: str, venue: str | None = None) -> None:
        self.client_id = secrets.token_hex(8)
        self.who = who
        self.venue = venue
        self.view: dict[str, Any] = {}
        self.version = 0
        self.joined: dict[str, Any] = {}
        self.notifications: list[tuple[str, dict[str, Any]]] = []
        self.close_code: int | None = None
        self.http: aiohttp.ClientSession | None = None
        self._url = url
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._changed = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None
        self.socket: aiohttp.ClientWebSocketResponse

    async def connect(self, **headers: str) -> "Tab":
        query = f"session={SESSION}" + (f"&venue={self.venue}" if self.venue else "")
        if self.http is not None:
            await self._end()
        self.http = aiohttp.ClientSession()
        self.close_code = None
        self.socket = await self.http.ws_connect(
            f"{self._url}/signal?{query}",
            headers={"X-Who": self.who, "Origin": self._url, **headers},
            max_msg_size=0,
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def join(self, **params: Any) -> dict[str, Any]:
        if self.version:
            params.setdefault("last_version", self.version)
        joined: dict[str, Any] = await self.call("session.join", client_id=self.client_id, **params)
        self.joined = joined
        if joined.get("view") is not None:
            self.view = joined["view"]
        for frame in joined.get("frames", ()):
            self.view = apply_patch(self.view, frame["patch"])
        self.version = joined["version"]
        return joined

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        future = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        await self.socket.send_json(message)
        answer = await asyncio.wait_for(future, 10)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["result"]

    async def command(self, method: str, **params: Any) -> Any:
        params.setdefault("key", secrets.token_hex(8))
        return await self.call(method, **params)

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until `condition` holds; looked at after each message."""
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(condition), seconds)

    async def reach(self, version: int) -> None:
        """Wait until the view is that of this version."""
        await self.until(lambda: self.version == version)

    async def stop_reading(self) -> None:
        """Whoever calls this reads the socket from now on, or nobody does."""
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.wait([self._reader])

    def got(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.notifications if name == method]

    async def close(self) -> None:
        """As a page that closes."""
        with contextlib.suppress(Exception):
            await asyncio.wait_for(self.socket.close(), 2)
        await self._end()

    async def cut(self) -> None:
        """As a network that is gone: the connection is reset."""
        transport = self.socket._response.connection.transport  # type: ignore[union-attr] # open
        transport.abort()  # type: ignore[union-attr] # open
        await self._end()

    async def _end(self) -> None:
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=3)
            self._reader.cancel()
        if self.http is not None:
            await self.http.close()

    async def _read(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self._take(message.json())
                async with self._changed:
                    self._changed.notify_all()
        self.close_code = self.socket.close_code
        for future in self._waiting.values():
            if not future.done():
                future.cancel()
        async with self._changed:
            self._changed.notify_all()

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message:
            self.notifications.append((message["method"], message["params"]))
            if message["method"] == "session.events":
                assert message["params"]["version"] > self.version
                self.view = apply_patch(self.view, message["params"]["patch"])
                self.version = message["params"]["version"]
            return
        future = self._waiting.pop(message["id"], None) if message["id"] else None
        if future is not None and not future.done():
            future.set_result(message)
