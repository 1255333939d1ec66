"""The grace time of floor holders whose link is lost, on the server's clock."""

import asyncio
import time
from collections.abc import Callable

import structlog

from orchestrator.conduct.sessions import Sessions
from orchestrator.consultation.actors import SYSTEM
from orchestrator.consultation.commands import ReleaseAbsentHolder
from orchestrator.consultation.errors import ConsultationError
from orchestrator.consultation.state import SessionState

log = structlog.get_logger(__name__)


def next_absence(state: SessionState) -> tuple[float, str] | None:
    """When the first absent holder loses the floor (Unix seconds), and which venue that is."""
    due = [
        (holder.disconnected_since + state.floor.grace_seconds, holder.venue_id)
        for holder in state.floor.holders.values()
        if holder.disconnected_since is not None
    ]
    return min(due, default=None)


class FloorTimer:
    """Of one session; `look(state)` after each change."""

    def __init__(
        self, session_id: str, sessions: Sessions, now: Callable[[], float] = time.time
    ) -> None:
        self._session_id = session_id
        self._sessions = sessions
        self._now = now
        self._handle: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def look(self, state: SessionState) -> None:
        """Set the timer anew by `state`."""
        self.close()
        due = next_absence(state)
        if due is not None:
            at, venue_id = due
            self._handle = asyncio.get_running_loop().call_later(
                max(0.0, at - self._now()), self._release, venue_id
            )

    def close(self) -> None:
        """Forget the timer; idempotent."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _release(self, venue_id: str) -> None:
        self._task = asyncio.create_task(self._execute(venue_id), name=f"absent-{venue_id}")

    async def _execute(self, venue_id: str) -> None:
        try:
            await self._sessions.execute(
                self._session_id, SYSTEM, ReleaseAbsentHolder(venue_id=venue_id)
            )
        except ConsultationError as error:
            log.info("absent_holder_not_released", venue=venue_id, code=error.code)
            return
        state = await self._sessions.state(self._session_id)
        if venue_id in state.floor.holders:
            # The loop's clock ran a little ahead of the server's: a moment more.
            self._handle = asyncio.get_running_loop().call_later(0.05, self.look, state)
