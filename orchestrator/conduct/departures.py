"""What becomes of the media of clients that went away: it is kept for a while, then closed."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine

import structlog

from orchestrator.conduct.errors import ConductError
from orchestrator.conduct.media import SessionMedia, Transport
from orchestrator.conduct.publications import Publications
from orchestrator.consultation.errors import ConsultationError

log = structlog.get_logger(__name__)

KEEP_AFTER_LOSS = 30.0
"""Seconds that the transports of a lost connection are kept: its media may still run."""

KEEP_AFTER_CLOSE = 5.0
"""Seconds after a WebSocket closed in good order (a reload, a closed tab)."""


class Departures:
    """Of one session. `arrived` and `left` come in pairs, one for each open connection."""

    def __init__(
        self,
        publications: Publications,
        media: SessionMedia,
        *,
        keep_after_loss: float = KEEP_AFTER_LOSS,
        keep_after_close: float = KEEP_AFTER_CLOSE,
    ) -> None:
        self._publications = publications
        self._media = media
        self._keep_after_loss = keep_after_loss
        self._keep_after_close = keep_after_close
        self._present: Counter[str] = Counter()
        self._ending: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def arrived(self, client: str) -> None:
        """A connection of this client has joined."""
        self._present[client] += 1
        self._spare(client)

    def left(self, client: str, *, clean: bool, at_once: bool = False) -> None:
        """A connection of this client has closed; `clean`: by a closing handshake."""
        self._present[client] -= 1
        if self._present[client] > 0:
            return
        del self._present[client]
        keep = self._keep_after_close if clean else self._keep_after_loss
        self._end_later(client, 0.0 if at_once else keep)

    def expect_returns(self) -> None:
        """After a restart: clients whose media was found have the usual time to come back."""
        for transport in self._media.all():
            if transport.client not in self._present and transport.client not in self._ending:
                self._end_later(transport.client, self._keep_after_loss)

    def transport_closed(self, transport: Transport) -> None:
        """The worker reports that a transport has closed: what it published has ended."""
        self.later(self._publications.transport_ended(transport, "transport_closed"))

    def transport_failed(self, transport: Transport) -> None:
        """Its consent expired. A client that is away asks for no ICE restart: it is closed."""
        if transport.client not in self._present:
            self.later(self._publications.close_transport(transport.transport_id, "left"))

    def later(self, work: Coroutine[None, None, None]) -> None:
        """Do `work` in the background; `close()` waits for it."""
        task = asyncio.create_task(self._guard(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # A task that is cancelled before its first step would leave `work` unawaited.
        task.add_done_callback(lambda _: work.close())

    async def close(self) -> None:
        """Let everything be as it is, and end the background work. Idempotent."""
        for handle in self._ending.values():
            handle.cancel()
        self._ending.clear()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _end_later(self, client: str, delay: float) -> None:
        self._spare(client)
        loop = asyncio.get_running_loop()
        self._ending[client] = loop.call_later(delay, self._end, client)

    def _spare(self, client: str) -> None:
        if (handle := self._ending.pop(client, None)) is not None:
            handle.cancel()

    def _end(self, client: str) -> None:
        self._ending.pop(client, None)
        for transport in self._media.of_client(client):
            self.later(self._publications.close_transport(transport.transport_id, "left"))

    @staticmethod
    async def _guard(work: Coroutine[None, None, None]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            try:
                await work
            except (ConductError, ConsultationError) as error:
                log.info("departure_incomplete", code=error.code, error=str(error))
            except Exception:
                log.exception("departure_failed")
