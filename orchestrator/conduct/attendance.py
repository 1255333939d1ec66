"""Which connection publishes for which venue, and when a venue counts as gone.

The place itself is in the session log (`ConnectVenue`, `DisconnectVenue`). Here is only which of
those connections are alive at this orchestrator, and the patience before a closed one is said to
have left: a reload must not flap.
"""

import asyncio
from collections import defaultdict
from dataclasses import dataclass

import structlog

from orchestrator.conduct.sessions import Sessions
from orchestrator.consultation.actors import SYSTEM
from orchestrator.consultation.commands import ConnectVenue, DisconnectVenue
from orchestrator.consultation.errors import ConsultationError, VenueOccupied

log = structlog.get_logger(__name__)

LEAVE_AFTER = 2.0
"""Seconds without return after which a venue's closed connection is said to have left."""

RETURN_AFTER_RESTART = 10.0
"""Seconds that venues are given to come back to a restarted orchestrator."""


@dataclass(frozen=True, slots=True)
class Entered:
    """`occupied`: another client publishes, and `take_over` was not said."""

    publisher: bool
    occupied: bool


class Attendance:
    """Of one session. `start()` after a restart, `close()` at the end; both idempotent."""

    def __init__(
        self,
        session_id: str,
        sessions: Sessions,
        *,
        leave_after: float = LEAVE_AFTER,
        return_after: float = RETURN_AFTER_RESTART,
    ) -> None:
        self._session_id = session_id
        self._sessions = sessions
        self._leave_after = leave_after
        self._return_after = return_after
        self._alive: defaultdict[str, set[object]] = defaultdict(set)
        self._leaving: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Venues that the log has as connected from before have a moment to return."""
        state = await self._sessions.state(self._session_id)
        for venue in state.venues.values():
            if venue.connection is not None and not self._is_alive(venue.connection.connection_id):
                self._leave_later(
                    venue.venue_id,
                    venue.connection.connection_id,
                    self._return_after,
                    "server_restarted",
                )

    async def enter(
        self,
        venue_id: str,
        connection_id: str,
        client_id: str,
        *,
        take_over: bool,
        socket: object,
    ) -> Entered:
        """Take the venue's place. A place whose holder has no open socket is free.

        `connection_id` names the client for as long as its tab lives, so that its return with
        another `socket` changes nothing in the log. Call `gone` when the socket has closed.
        Raises ConsultationError, for a session that has ended among others.
        """
        state = await self._sessions.state(self._session_id)
        venue = state.venues.get(venue_id)
        holder = venue.connection if venue is not None else None
        free = holder is None or not self._is_alive(holder.connection_id)
        self._alive[connection_id].add(socket)
        self._stay(connection_id)
        try:
            await self._sessions.execute(
                self._session_id,
                SYSTEM,
                ConnectVenue(
                    venue_id=venue_id,
                    connection_id=connection_id,
                    client_id=client_id,
                    take_over=take_over or free,
                ),
            )
        except VenueOccupied:
            self._forget(connection_id, socket)
            return Entered(publisher=False, occupied=True)
        except BaseException:
            self._forget(connection_id, socket)
            raise
        if holder is not None:
            self._stay(holder.connection_id)
        return Entered(publisher=True, occupied=False)

    def gone(
        self, venue_id: str, connection_id: str, reason: str, *, socket: object, at_once: bool
    ) -> None:
        """A socket has closed: with its client's last one the venue leaves, unless it returns."""
        if socket not in self._alive.get(connection_id, ()):
            return
        self._forget(connection_id, socket)
        if not self._is_alive(connection_id):
            delay = 0.0 if at_once else self._leave_after
            self._leave_later(venue_id, connection_id, delay, reason)

    async def close(self) -> None:
        """Say nothing more; who was connected stays so in the log until the next start."""
        tasks = list(self._leaving.values())
        self._leaving.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_alive(self, connection_id: str) -> bool:
        return connection_id in self._alive

    def _forget(self, connection_id: str, socket: object) -> None:
        self._alive[connection_id].discard(socket)
        if not self._alive[connection_id]:
            del self._alive[connection_id]

    def _leave_later(self, venue_id: str, connection_id: str, delay: float, reason: str) -> None:
        self._stay(connection_id)
        self._leaving[connection_id] = asyncio.create_task(
            self._leave(venue_id, connection_id, delay, reason), name=f"leave-{venue_id}"
        )

    def _stay(self, connection_id: str) -> None:
        if (task := self._leaving.pop(connection_id, None)) is not None:
            task.cancel()

    async def _leave(self, venue_id: str, connection_id: str, delay: float, reason: str) -> None:
        await asyncio.sleep(delay)
        try:
            await self._sessions.execute(
                self._session_id,
                SYSTEM,
                DisconnectVenue(venue_id=venue_id, connection_id=connection_id, reason=reason),
            )
        except ConsultationError as error:
            log.info("leave_refused", venue=venue_id, code=error.code)
        finally:
            if self._leaving.get(connection_id) is asyncio.current_task():
                del self._leaving[connection_id]
