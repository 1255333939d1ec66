"""The route `/signal`: who may open a WebSocket, and the rooms of the sessions they look at."""

import asyncio
from collections.abc import Callable

import structlog
from aiohttp import web

from orchestrator.conduct.conductors import Conductors
from orchestrator.conduct.recorder_link import RecorderLink
from orchestrator.conduct.sessions import Sessions
from orchestrator.consultation.errors import NoSuchSession
from orchestrator.consultation.state import JOINABLE
from orchestrator.health.venues import Health
from orchestrator.identity.errors import LinkRefused
from orchestrator.identity.errors import LinkRevoked as LinkIsRevoked
from orchestrator.identity.principal import Principal
from orchestrator.protocol.signalling import MAX_MESSAGE
from orchestrator.web.guard import Authenticate
from orchestrator.web.origin import OriginRule
from orchestrator.web.signalling.client import Client
from orchestrator.web.signalling.connection import LINK_REVOKED, Connection
from orchestrator.web.signalling.roles import acting_role
from orchestrator.web.signalling.room import Room

log = structlog.get_logger(__name__)

HEARTBEAT = 10.0
"""Seconds between the server's pings; without a pong for half of it the connection is lost."""

NOT_SIGNED_IN = 4401
NOT_FOUND = 4404
STOPPING = 1001
FAILED = 1011


class Signalling:
    """`add_to(app)`, and `close()` before the conductors are closed: every client is told to come
    back. `on_count` is for metrics."""

    def __init__(
        self,
        sessions: Sessions,
        conductors: Conductors,
        health: Health,
        authenticate: Authenticate,
        origins: OriginRule,
        *,
        recorder: RecorderLink | None = None,
        on_count: Callable[[int], None] = lambda count: None,
    ) -> None:
        self._sessions = sessions
        self._conductors = conductors
        self._health = health
        self._authenticate = authenticate
        self._origins = origins
        self._recorder = recorder
        self._on_count = on_count
        self._rooms: dict[str, Room] = {}
        self._opening: dict[str, asyncio.Lock] = {}
        self._open: set[Connection] = set()
        self._all_gone = asyncio.Event()
        self._all_gone.set()
        self._stopping = False

    def add_to(self, app: web.Application) -> None:
        """Register the route."""
        app.router.add_get("/signal", self.serve)

    async def close(self) -> None:
        """Send everybody away with 1001 and let the rooms end. Idempotent."""
        self._stopping = True
        for connection in list(self._open):
            connection.close_soon(STOPPING, "the server is stopping: come back")
        await self._all_gone.wait()
        for room in self._rooms.values():
            await room.close()
        self._rooms.clear()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One WebSocket from its upgrade to its end. Raises ApiError for a foreign Origin."""
        self._origins.check(request)
        socket = web.WebSocketResponse(
            max_msg_size=MAX_MESSAGE, heartbeat=HEARTBEAT, compress=False, timeout=2.0
        )
        await socket.prepare(request)
        code, message, principal = await self._who(request)
        if principal is None:
            await socket.close(code=code, message=message.encode())
            return socket
        session_id = request.query["session"]
        try:
            room = await self._room(session_id)
        except NoSuchSession:
            await socket.close(code=NOT_FOUND, message=b"no such session")
            return socket
        except Exception:
            log.exception("room_not_opened", session=session_id)
            await socket.close(code=FAILED, message=b"internal error: come back")
            return socket
        await self._serve(request, socket, principal, room)
        return socket

    async def _serve(
        self,
        request: web.Request,
        socket: web.WebSocketResponse,
        principal: Principal,
        room: Room,
    ) -> None:
        def abort() -> None:
            if request.transport is not None:
                request.transport.abort()

        client = Client(self._sessions, self._health, room)
        connection = Connection(socket, principal, handle=client.handle, abort=abort)
        client.attach(connection)
        self._open.add(connection)
        self._all_gone.clear()
        self._on_count(len(self._open))
        try:
            if self._stopping:
                connection.close_soon(STOPPING, "the server is stopping: come back")
            await connection.run()
        finally:
            client.ended()
            self._open.discard(connection)
            if not self._open:
                self._all_gone.set()
            self._on_count(len(self._open))
            room.visitors -= 1
            await self._tidy(room)

    async def _who(self, request: web.Request) -> tuple[int, str, Principal | None]:
        """Who asks, or the code and words to send him away with."""
        session_id, venue_id = request.query.get("session"), request.query.get("venue")
        if not session_id:
            return NOT_FOUND, "name a session: /signal?session=…", None
        try:
            principal = await self._authenticate(request, session_id, venue_id)
        except LinkIsRevoked:
            return LINK_REVOKED, "the join link was revoked", None
        except (LinkRefused, NoSuchSession):
            principal = None
        if principal is None or acting_role(principal) is None:
            return NOT_SIGNED_IN, "open the join link, or sign in", None
        if principal.session_id not in (None, session_id):
            return NOT_SIGNED_IN, "this link is for another session", None
        return 0, "", principal

    async def _room(self, session_id: str) -> Room:
        """The room of a session, opened when there is none. Raises NoSuchSession."""
        lock = self._opening.setdefault(session_id, asyncio.Lock())
        async with lock:
            room = self._rooms.get(session_id)
            if room is None:
                state = await self._sessions.state(session_id)
                conductor = None
                if state.phase in JOINABLE:
                    conductor = await self._conductors.get(session_id)
                room = Room(session_id, self._sessions, self._health, conductor, self._recorder)
                room.open()
                self._rooms[session_id] = room
            room.visitors += 1
            return room

    async def _tidy(self, room: Room) -> None:
        """A room that nobody looks at is closed; its session goes on without it."""
        if not room.visitors and not self._stopping and self._rooms.get(room.session_id) is room:
            del self._rooms[room.session_id]
            await room.close()
