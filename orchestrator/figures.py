"""Figures for /metrics that nobody reports by himself: counted in the store every few seconds."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

import structlog

from orchestrator.store.errors import StoreError
from orchestrator.store.recordings import Recordings
from orchestrator.store.session_log import SessionLog
from orchestrator.web.metrics import Metrics
from orchestrator.web.readiness import Readiness

INTERVAL = 10.0

log = structlog.get_logger(__name__)


class Figures:
    """Use `kept_fresh` as a context manager for as long as the process runs."""

    def __init__(
        self,
        metrics: Metrics,
        session_log: SessionLog,
        recordings: Recordings,
        readiness: Readiness,
    ) -> None:
        self._metrics = metrics
        self._log = session_log
        self._recordings = recordings
        self._readiness = readiness

    @contextlib.asynccontextmanager
    async def kept_fresh(self) -> AsyncIterator[None]:
        """Count now and every `INTERVAL` seconds until the end of the block."""
        task = asyncio.create_task(self._run(), name="figures")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def count(self) -> None:
        """One pass. Raises StoreError."""
        items = await self._log.sessions()
        self._metrics.sessions(Counter(item.phase for item in items))
        self._metrics.venues_connected(sum(item.connected_count for item in items))
        self._metrics.recordings(Counter(r.state for r in await self._recordings.list_all()))
        _, parts = await self._readiness.look()
        for name in ("database", "worker", "broker", "recorder"):
            self._metrics.dependency(name, up=parts[name] == "ok")
        self._metrics.draining(on=self._readiness.draining)

    async def _run(self) -> None:
        while True:
            try:
                await self.count()
            except StoreError as error:
                log.warning("figures_not_counted", code=error.code)
            await asyncio.sleep(INTERVAL)
