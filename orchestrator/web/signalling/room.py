"""Everybody who looks at one session here: they are told of each change in the order of the log.

Frames are made in a task of the room, after the conductor was woken by the same change: a revoke is
on its way to the worker before anybody is told of it.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

import structlog

from orchestrator.conduct.conductor import Conductor, MediaReady, Notice, ToClient
from orchestrator.conduct.recorder_link import RecorderLink
from orchestrator.conduct.sessions import Change, Sessions
from orchestrator.consultation.events import LinkRevoked, VenueJoined
from orchestrator.health.venues import Health
from orchestrator.protocol import signalling as wire
from orchestrator.web.signalling.connection import LINK_REVOKED, NEWER_TAB, Connection
from orchestrator.web.signalling.frames import FrameMaker

log = structlog.get_logger(__name__)

MONITOR_INTERVAL = 1.0


class Room:
    """`enter` and `leave` connections; `close()` when the server stops. `conductor` is None for a
    session that is over."""

    def __init__(
        self,
        session_id: str,
        sessions: Sessions,
        health: Health,
        conductor: Conductor | None,
        recorder: RecorderLink | None,
    ) -> None:
        self.session_id = session_id
        self.conductor = conductor
        self._sessions = sessions
        self._health = health
        self._recorder = recorder
        self._frames = FrameMaker()
        self._connections: dict[Connection, None] = {}
        self._watching: dict[Connection, None] = {}
        self._changes: asyncio.Queue[Change] = asyncio.Queue()
        self._stop: list[Callable[[], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.visitors = 0
        """WebSockets that use this room, joined or not yet."""

    def open(self) -> None:
        """Begin to follow the session."""
        self._stop.append(self._sessions.subscribe(self.session_id, self._changes.put_nowait))
        if self.conductor is not None:
            self._stop.append(self.conductor.listen(self._noticed))
        self._tasks.append(asyncio.create_task(self._fan_out(), name=f"room-{self.session_id}"))
        self._tasks.append(asyncio.create_task(self._monitor(), name=f"stats-{self.session_id}"))

    async def close(self) -> None:
        """Stop following; connections are closed by their owner. Idempotent."""
        for stop in self._stop:
            stop()
        self._stop.clear()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def connections(self) -> list[Connection]:
        """Who looks."""
        return list(self._connections)

    def enter(self, connection: Connection) -> None:
        """From now on it is told of every change after its `version`. An older connection of the
        same tab (a socket that has not noticed its end, a duplicated tab) is sent away."""
        for other in self.connections():
            if other is not connection and other.client == connection.client:
                other.notify("session.superseded", wire.Superseded())
                other.close_soon(NEWER_TAB, "this tab joined again on a newer connection")
        self._connections[connection] = None

    def leave(self, connection: Connection) -> None:
        """It is gone; idempotent."""
        self._connections.pop(connection, None)
        self._watching.pop(connection, None)

    def watch(self, connection: Connection, *, on: bool) -> None:
        """Send it `monitor.stats` each second, or no more."""
        if on:
            self._watching[connection] = None
            self._send_stats([connection])
        else:
            self._watching.pop(connection, None)

    # --- changes of the session ---------------------------------------------------------------

    async def _fan_out(self) -> None:
        while True:
            change = await self._changes.get()
            try:
                self._deliver(change)
            except Exception:
                # A room that stopped telling would look like a session that stopped.
                log.exception("fan_out_failed", session=self.session_id, version=change.version)

    def _deliver(self, change: Change) -> None:
        frames = self._frames.begin(change)
        for connection in self.connections():
            if connection.version >= change.version:
                continue  # its snapshot had this
            connection.version = change.version
            text = frames.text(connection.viewer)
            if text is not None:
                connection.notify("session.events", text)
        for _, event in change.events:
            if isinstance(event, VenueJoined):
                self._supersede(event)
            elif isinstance(event, LinkRevoked):
                self._revoke(event.link_id)

    def _supersede(self, event: VenueJoined) -> None:
        state = self._sessions.known(self.session_id)
        venue = state.venues[event.venue_id] if state is not None else None
        if venue is None or venue.connection is None:
            return
        # The log may have gone on: whoever has the place now keeps it.
        holder = venue.connection.connection_id
        for connection in self.connections():
            if (
                connection.publisher
                and connection.principal.venue_id == event.venue_id
                and connection.client != holder
            ):
                connection.publisher = False
                connection.notify("session.superseded", wire.Superseded())

    def _revoke(self, link_id: str) -> None:
        for connection in self.connections():
            if connection.principal.link_id == link_id:
                connection.leaving = True
                connection.notify("session.link_revoked", wire.LinkRevoked())
                connection.close_soon(LINK_REVOKED, "the join link was revoked")

    # --- media and monitoring -----------------------------------------------------------------

    def _noticed(self, notice: Notice) -> None:
        if isinstance(notice, ToClient):
            for connection in self.connections():
                if connection.client == notice.client:
                    connection.notify("media.transport", notice.notice)
        elif isinstance(notice, MediaReady):
            reset = wire.MediaReset(generation=notice.generation, ready=True, reason="worker_ready")
            for connection in self.connections():
                if not connection.told_ready:
                    connection.told_ready = True
                    connection.notify("media.reset", reset)
        elif isinstance(notice, wire.MediaReset):
            for connection in self.connections():
                connection.told_ready = notice.ready
                connection.notify("media.reset", notice)
        else:
            for connection in self.connections():
                connection.notify("stage.switched", notice)

    async def _monitor(self) -> None:
        while True:
            await asyncio.sleep(MONITOR_INTERVAL)
            if self._watching:
                with contextlib.suppress(Exception):
                    self._send_stats(list(self._watching))

    def _send_stats(self, connections: list[Connection]) -> None:
        state = self._sessions.known(self.session_id)
        if state is None:
            return
        stats = self._health.snapshot(state, time.time())
        recording = state.recording_now
        if recording is not None and self._recorder is not None:
            stats = stats.model_copy(
                update={"recorder": self._recorder.health(recording.recording_id)}
            )
        for connection in connections:
            connection.notify("monitor.stats", stats)
