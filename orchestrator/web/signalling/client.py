"""What one joined client asks for: its join, its commands, its media, its monitoring."""

import time
from collections.abc import Awaitable, Callable

import structlog
from pydantic import BaseModel

from orchestrator.conduct.conductor import Conductor
from orchestrator.conduct.media import client_name
from orchestrator.conduct.sessions import Sessions
from orchestrator.consultation.errors import WrongPhase
from orchestrator.consultation.state import SessionState
from orchestrator.health.venues import Health
from orchestrator.protocol import signalling as wire
from orchestrator.protocol.reasons import Reason
from orchestrator.web.signalling.commands import COMMANDS, actor_of
from orchestrator.web.signalling.connection import Connection
from orchestrator.web.signalling.frames import missed_frame, view_of
from orchestrator.web.signalling.media_methods import MediaMethods
from orchestrator.web.signalling.room import Room
from orchestrator.web.signalling.rpc import Request, refused

log = structlog.get_logger(__name__)

WAIT_FOR_MEDIA = 2.0
"""Seconds that a join waits for a worker, so that a restart needs no second negotiation."""

REPLAY_LIMIT = 300
"""Changes after which a returning client is given a snapshot instead."""


class Client:
    """One connection's requests. `handle` is what its `Connection` calls; `ended` comes last."""

    def __init__(self, sessions: Sessions, health: Health, room: Room) -> None:
        self._sessions = sessions
        self._health = health
        self._room = room
        self._connection: Connection | None = None
        self._media: MediaMethods | None = None
        self._placed = False
        self._handlers: dict[str, Callable[[Request], Awaitable[BaseModel | None]]] = {
            "client.ping": self._ping,
            "session.join": self._join,
            "session.leave": self._leave,
            "client.report": self._report,
            "monitor.subscribe": self._watch,
            "monitor.unsubscribe": self._watch,
        }

    def attach(self, connection: Connection) -> None:
        """The connection whose requests these are."""
        self._connection = connection

    @property
    def _conn(self) -> Connection:
        assert self._connection is not None
        return self._connection

    async def handle(self, request: Request) -> BaseModel | None:
        """Carry out a permitted request. Raises whatever `failures` can tell."""
        if request.method in COMMANDS:
            return await self._command(request)
        if request.method.startswith("media."):
            return await self._media_request(request)
        return await self._handlers[request.method](request)

    def ended(self) -> None:
        """The connection is closed: its place and its media wait a while for its return."""
        conn = self._conn
        self._room.leave(conn)
        conductor, client = self._room.conductor, conn.client
        if conductor is None or client is None:
            return
        venue_id = conn.principal.venue_id
        if self._placed and venue_id is not None:
            conductor.attendance.gone(
                venue_id,
                client,
                "closed" if conn.ended_cleanly else "lost",
                socket=conn,
                at_once=conn.leaving,
            )
            if conn.publisher:
                self._health.gone(self._room.session_id, venue_id)
        conductor.departures.left(client, clean=conn.ended_cleanly, at_once=conn.leaving)

    # --- joining ----------------------------------------------------------------------------

    async def _join(self, request: Request) -> wire.Joined:
        params = request.params
        assert isinstance(params, wire.Join)
        if params.protocol != wire.SIGNALLING_PROTOCOL:
            raise refused(Reason.BAD_REQUEST, "this page is of another version: reload it")
        conn, conductor = self._conn, self._room.conductor
        who = conn.principal.venue_id or f"account:{conn.principal.account}"
        client = client_name(self._room.session_id, who, params.client_id)
        occupied = False
        if conductor is not None:
            self._arrive(conductor, client)
            occupied = await self._take_place(conductor, client, params)
            await self._keep_only(conductor, client, params)
            await conductor.wait_media_ready(WAIT_FOR_MEDIA)
        state = await self._sessions.state(self._room.session_id)
        missed = await self._missed(params, state)
        # From here to the answer nothing waits: no change can fall between snapshot and frames.
        return self._joined(client, params, state, missed, occupied=occupied)

    def _arrive(self, conductor: Conductor, client: str) -> None:
        conn = self._conn
        if conn.client == client:
            return
        if conn.client is not None:
            raise refused(Reason.BAD_REQUEST, "a connection keeps its client_id; open another one")
        conn.client = client
        conductor.departures.arrived(client)
        self._media = MediaMethods(
            self._sessions,
            conductor,
            client=client,
            venue_id=conn.principal.venue_id,
            wall=conn.role in ("host", "technician"),
            publisher=lambda: conn.publisher,
        )

    async def _take_place(self, conductor: Conductor, client: str, params: wire.Join) -> bool:
        """Take the venue's place, if it is wanted; returns whether another has it."""
        conn = self._conn
        venue_id = conn.principal.venue_id
        if venue_id is None or not params.publish:
            return False
        if conn.publisher:
            return False
        try:
            entered = await conductor.attendance.enter(
                venue_id, client, params.client_id, take_over=params.take_over, socket=conn
            )
        except WrongPhase:
            return False  # the session is over: there is only something to look at
        if entered.publisher:
            self._placed = True
            conn.publisher = True
            await conductor.publications.take_from_others(client, venue_id)
            await conductor.publications.resume(client, venue_id)
        return entered.occupied

    async def _keep_only(self, conductor: Conductor, client: str, params: wire.Join) -> None:
        if params.transports is None:
            return
        for transport in conductor.media.of_client(client):
            if transport.transport_id not in params.transports:
                await conductor.publications.close_transport(transport.transport_id, "reloaded")

    async def _missed(
        self, params: wire.Join, state: SessionState
    ) -> tuple[wire.EventFrame, ...] | None:
        """What happened since the client's version; None: a snapshot it is."""
        if params.last_version is None:
            return None
        changes = await self._sessions.since(self._room.session_id, params.last_version)
        if changes is None or len(changes) > REPLAY_LIMIT:
            return None
        if not changes:
            return ()
        return (missed_frame(changes, self._conn.viewer),)

    def _joined(
        self,
        client: str,
        params: wire.Join,
        state: SessionState,
        missed: tuple[wire.EventFrame, ...] | None,
        *,
        occupied: bool,
    ) -> wire.Joined:
        conn, conductor = self._conn, self._room.conductor
        ready = conductor is not None and conductor.media_ready
        conn.client = client
        conn.joined = True
        conn.version = state.version
        conn.told_ready = ready
        self._room.enter(conn)
        view = None if missed is not None else view_of(state, conn.viewer)
        log.info(
            "joined",
            session=state.session_id,
            role=conn.role,
            venue=conn.principal.venue_id,
            publisher=conn.publisher,
            resumed=missed is not None,
        )
        return wire.Joined.model_validate(
            {
                "role": conn.role,
                "venue_id": conn.principal.venue_id,
                "publisher": conn.publisher,
                "occupied": occupied,
                "version": state.version,
                "server_time": time.time(),
                "view": view,
                "frames": missed or (),
                "generation": conductor.generation if conductor is not None else 0,
                "media_ready": ready,
                "transports": [
                    t.transport_id
                    for t in (conductor.media.of_client(client) if conductor is not None else ())
                ],
            }
        )

    async def _leave(self, request: Request) -> None:
        """The page closes: its connection follows."""
        self._conn.leaving = True

    # --- commands ---------------------------------------------------------------------------

    async def _command(self, request: Request) -> wire.Accepted:
        params = request.params
        assert isinstance(params, wire.Command)
        try:
            command = COMMANDS[request.method](params)
        except ValueError as error:  # pydantic's, where the core is stricter than the wire
            raise refused(Reason.BAD_REQUEST, str(error).splitlines()[0]) from error
        return await self._sessions.execute(
            self._room.session_id, actor_of(self._conn.principal), command, params.key
        )

    async def _media_request(self, request: Request) -> BaseModel | None:
        if self._media is None:
            raise refused(Reason.MEDIA_UNAVAILABLE, "the session is over: there is no media")
        return await self._media.call(request.method, request.params)

    # --- condition --------------------------------------------------------------------------

    async def _ping(self, request: Request) -> None:
        """Nothing but the answer."""

    async def _report(self, request: Request) -> None:
        venue_id = self._conn.principal.venue_id
        if venue_id is not None and self._conn.publisher:
            assert isinstance(request.params, wire.ClientReport)
            self._health.report(self._room.session_id, venue_id, request.params)

    async def _watch(self, request: Request) -> None:
        self._room.watch(self._conn, on=request.method == "monitor.subscribe")
