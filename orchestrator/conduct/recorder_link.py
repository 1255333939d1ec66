"""The recorder, told what to capture: what the session log says, again after each of its starts.

A recorder that dies never stops a session; it is told again when it is back, and what it had
written stays playable. The control connection is the same as a worker's.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from pydantic import ValidationError

from orchestrator.conduct.control_link import ControlLink
from orchestrator.conduct.worker_link import WorkerLink
from orchestrator.protocol.signalling import RecorderHealth
from sfu.control.errors import ControlError, NotFound
from sfu.control.messages import Empty, RecordingState, StartRecording, StopRecording

log = structlog.get_logger(__name__)

RETRY_AFTER = 0.2
LONGEST_RETRY = 5.0
STOP_TIMEOUT = 30.0
"""Seconds for closing files and completing the manifest."""


class ArchiveOfRecordings(Protocol):
    """What the archive is told; see `orchestrator.archive.recordings`. Times in Unix seconds."""

    async def recording_started(
        self, session_id: str, recording_id: str, folder: str, at: float
    ) -> None: ...

    async def recording_captured(self, recording_id: str, at: float) -> None: ...


@dataclass(slots=True)
class _Wanted:
    session_id: str
    recording_id: str
    at: float
    stopped_at: float | None = None
    told: bool = False
    announced: bool = False
    task: asyncio.Task[None] | None = None


class RecorderLink:
    """`capture` and `finish` say what should be; both return at once and are idempotent.

    `on_state(state)` gets each `recording.state`, for monitoring and metrics.
    """

    def __init__(self, recorder_id: str, address: str, worker: WorkerLink) -> None:
        self.link = ControlLink(recorder_id, address)
        self.link.on_up = self._up
        self.link.on_event = self._said
        self.on_state: Callable[[RecordingState], None] = lambda state: None
        self.archive: ArchiveOfRecordings | None = None
        self.states: dict[str, RecordingState] = {}
        self._worker = worker
        self._wanted: dict[str, _Wanted] = {}

    def start(self) -> None:
        """Begin to connect."""
        self.link.start()

    async def close(self) -> None:
        """End the connection; captures go on without us. Idempotent."""
        tasks = [w.task for w in self._wanted.values() if w.task is not None]
        self._wanted.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.link.close()

    def capture(self, session_id: str, recording_id: str, at: float) -> None:
        """The log says that this recording has run since `at` (Unix seconds)."""
        if recording_id not in self._wanted:
            self._wanted[recording_id] = _Wanted(session_id, recording_id, at)
            self._pursue(self._wanted[recording_id])

    def finish(self, session_id: str, recording_id: str, at: float, stopped_at: float) -> None:
        """The log says that this recording has stopped: its files are to be completed."""
        wanted = self._wanted.setdefault(recording_id, _Wanted(session_id, recording_id, at))
        if wanted.stopped_at is None:
            wanted.stopped_at = stopped_at
            self._pursue(wanted)

    def health(self, recording_id: str) -> RecorderHealth:
        """How the capture of a running recording goes."""
        state = self.states.get(recording_id)
        if not self.link.is_up or state is None:
            return RecorderHealth(state="lost")
        return RecorderHealth(**state.model_dump(exclude={"recording_id"}))

    def _up(self, _hello: dict[str, Any]) -> None:
        self.states.clear()
        for wanted in self._wanted.values():
            wanted.told = False
            self._pursue(wanted)

    def _pursue(self, wanted: _Wanted) -> None:
        if wanted.task is None or wanted.task.done():
            wanted.task = asyncio.create_task(
                self._until_done(wanted), name=f"recording-{wanted.recording_id}"
            )

    async def _until_done(self, wanted: _Wanted) -> None:
        if not wanted.announced:
            wanted.announced = True
            await self._tell_archive_started(wanted)
        pause = RETRY_AFTER
        while wanted.stopped_at is not None or not wanted.told:
            try:
                if wanted.stopped_at is not None:
                    await self._stop(wanted, wanted.stopped_at)
                    return
                await self._begin(wanted)
            except ControlError as error:
                log.warning("recorder_retry", recording=wanted.recording_id, error=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_RETRY)

    async def _begin(self, wanted: _Wanted) -> None:
        if self._worker.hello is None:
            raise ControlError("no worker has told where its tap is")
        await self.link.request(
            "recording.start",
            StartRecording(
                session_id=wanted.session_id,
                recording_id=wanted.recording_id,
                tap_address=self._worker.hello.tap_address,
                folder=wanted.recording_id,
            ),
            Empty,
        )
        wanted.told = True

    async def _stop(self, wanted: _Wanted, stopped_at: float) -> None:
        # A recorder that was started anew knows nothing of it: what it had written is all there is.
        with contextlib.suppress(NotFound):
            await self.link.request(
                "recording.stop",
                StopRecording(recording_id=wanted.recording_id),
                Empty,
                timeout=STOP_TIMEOUT,
            )
        self._wanted.pop(wanted.recording_id, None)
        self.states.pop(wanted.recording_id, None)
        await self._tell_archive_captured(wanted, stopped_at)

    async def _tell_archive_started(self, wanted: _Wanted) -> None:
        if self.archive is None:
            return
        try:
            await self.archive.recording_started(
                wanted.session_id, wanted.recording_id, wanted.recording_id, wanted.at
            )
        except Exception:
            # Capturing matters more than the list of recordings, which can be made again.
            log.exception("archive_not_told_of_start", recording=wanted.recording_id)

    async def _tell_archive_captured(self, wanted: _Wanted, stopped_at: float) -> None:
        if self.archive is None:
            return
        try:
            await self.archive.recording_captured(wanted.recording_id, stopped_at)
        except Exception:
            # The files are safe; the next start of the orchestrator finds it unfinished.
            log.exception("archive_not_told_of_end", recording=wanted.recording_id)

    def _said(self, name: str, params: dict[str, Any]) -> None:
        if name != "recording.state":
            return
        with contextlib.suppress(ValidationError):
            state = RecordingState.model_validate(params)
            self.states[state.recording_id] = state
            self.on_state(state)
