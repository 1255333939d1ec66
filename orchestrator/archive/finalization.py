"""The queue of recordings whose capture has ended: one at a time through the finalizer.

`captured → finalizing → ready | failed` in the catalogue. The finalizer is restartable, so after a
crash everything that was not ready is simply queued again at the next start.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from pathlib import Path

import structlog

from orchestrator.archive.errors import ArchiveError
from orchestrator.archive.finalizer_process import ARGV, Finalized, FinalizerFailed, run_finalizer
from orchestrator.archive.timeline import timeline_of
from orchestrator.consultation.errors import ConsultationError
from orchestrator.store.errors import StoreError
from orchestrator.store.recordings import RecordingRecord, Recordings
from orchestrator.store.session_log import SessionLog
from sfu.record.document import encode_line

log = structlog.get_logger(__name__)

PROGRESS_INTERVAL = 1.0
"""Seconds between two writes of a progress to the catalogue."""

RETRY_INTERVAL = 5.0
"""Seconds until the queue tries again when the catalogue itself cannot be written."""


class Finalization:
    """Usage: `start()` once (it also takes up what an earlier process left), `add()` each recording
    that was captured, `close()` at the end; a running finalizer is ended and resumed next time."""

    def __init__(
        self,
        catalogue: Recordings,
        session_log: SessionLog,
        folder: Path,
        *,
        argv: Sequence[str] = ARGV,
    ) -> None:
        """`folder`: the recordings folder."""
        self._catalogue = catalogue
        self._log = session_log
        self._folder = folder
        self._argv = argv
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Queue what was left, oldest first, and begin; idempotent."""
        if self._task is not None:
            return
        left = await self._catalogue.list_all(states=("captured", "finalizing"))
        for record in reversed(left):
            self.add(record.recording_id)
        self._task = asyncio.create_task(self._run(), name="finalization")

    def add(self, recording_id: str) -> None:
        """Finalize this recording after those before it; one that waits already is not added."""
        if recording_id not in self._waiting:
            self._waiting.add(recording_id)
            self._queue.put_nowait(recording_id)

    async def close(self) -> None:
        """End the queue and the running finalizer; idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run(self) -> None:
        while True:
            recording_id = await self._queue.get()
            self._waiting.discard(recording_id)
            try:
                await self._finalize(recording_id)
            except (StoreError, OSError) as error:
                # Disk full, read-only, database away: nothing is lost, it is tried again.
                log.error("finalization_postponed", recording=recording_id, error=str(error))
                await asyncio.sleep(RETRY_INTERVAL)
                self.add(recording_id)

    async def _finalize(self, recording_id: str) -> None:
        record = await self._catalogue.get(recording_id)
        if record is None or record.state not in ("captured", "finalizing"):
            return
        await self._catalogue.set_state(recording_id, "finalizing", progress=0.0)
        log.info("finalizing", recording=recording_id)
        try:
            result = await self._process(record)
        except FinalizerFailed as error:
            await self._fail(recording_id, error.code, str(error))
        except (ConsultationError, ArchiveError) as error:
            await self._fail(recording_id, error.code, str(error))
        except Exception as error:
            if isinstance(error, StoreError | OSError):
                raise
            log.exception("finalization_fault", recording=recording_id)
            await self._fail(recording_id, "internal_error", type(error).__name__)
        else:
            await self._catalogue.set_state(
                recording_id, "ready", progress=1.0, duration=result.duration, size=result.size
            )
            log.info("recording_ready", recording=recording_id, seconds=result.duration)

    async def _fail(self, recording_id: str, code: str, message: str) -> None:
        log.error("recording_failed", recording=recording_id, code=code, message=message)
        await self._catalogue.set_state(recording_id, "failed", error=f"{code}: {message}")

    async def _process(self, record: RecordingRecord) -> Finalized:
        folder = self._folder / record.folder
        events = await self._log.read(record.session_id)
        timeline = timeline_of(events, record.recording_id)
        file = folder / "timeline.json"
        await asyncio.to_thread(_write, file, encode_line(timeline))
        progress = _Progress(self._catalogue, record.recording_id)
        try:
            return await run_finalizer(folder, file, progress.report, self._argv)
        finally:
            await progress.close()


def _write(file: Path, data: bytes) -> None:
    if not file.parent.is_dir():
        raise FinalizerFailed(
            "recording_missing", f"the folder {file.parent.name} of this recording is not there"
        )
    draft = file.with_suffix(".draft")
    draft.write_bytes(data)
    draft.replace(file)


class _Progress:
    """Brings a progress to the catalogue, at most once in `PROGRESS_INTERVAL`, in order."""

    def __init__(self, catalogue: Recordings, recording_id: str) -> None:
        self._catalogue = catalogue
        self._recording_id = recording_id
        self._written_at = 0.0
        self._writing: asyncio.Task[None] | None = None

    def report(self, progress: float, stage: str) -> None:
        now = time.monotonic()
        busy = self._writing is not None and not self._writing.done()
        if busy or now - self._written_at < PROGRESS_INTERVAL:
            return
        self._written_at = now
        self._writing = asyncio.create_task(self._write(progress, stage))

    async def close(self) -> None:
        """No write comes after this, so that none overtakes the final state."""
        if self._writing is not None:
            await asyncio.wait({self._writing})

    async def _write(self, progress: float, stage: str) -> None:
        try:
            await self._catalogue.set_state(self._recording_id, "finalizing", progress=progress)
        except StoreError as error:
            log.warning("progress_not_written", stage=stage, error=str(error))
