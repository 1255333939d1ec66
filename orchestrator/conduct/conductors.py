"""The conductors of this orchestrator: one for each session that runs or that somebody looks at."""

import asyncio
from collections.abc import Iterable

import structlog

from orchestrator.conduct.conductor import Conductor, needs_conductor
from orchestrator.conduct.recorder_link import RecorderLink
from orchestrator.conduct.sessions import Change, Sessions
from orchestrator.conduct.worker_link import WorkerLink
from orchestrator.consultation.errors import NoSuchSession
from orchestrator.store.placements import Placements

log = structlog.get_logger(__name__)


class Conductors:
    """`start(session_ids)` with the sessions that ran before; `close()` at the end.

    A session is placed on the worker with the fewest sessions; there is one worker in the
    embedded set-up. `close()` stops conducting and leaves all media running.
    """

    def __init__(
        self,
        sessions: Sessions,
        placements: Placements,
        workers: Iterable[WorkerLink],
        recorder: RecorderLink,
    ) -> None:
        self._sessions = sessions
        self._placements = placements
        self._workers = list(workers)
        self._recorder = recorder
        self._conductors: dict[str, asyncio.Task[Conductor]] = {}
        self._unsubscribe = sessions.subscribe_all(self._changed)
        if not self._workers:
            raise ValueError("a conductor needs at least one media worker")

    async def start(
        self, session_ids: Iterable[str], unfinished: Iterable[tuple[str, str]] = ()
    ) -> None:
        """Connect to workers and recorder, and conduct the sessions that run. Sessions that do
        not run are left alone, so all known ids may be given. `unfinished`: (session id, recording
        id) of captures that the archive has not heard the end of."""
        for worker in self._workers:
            worker.start()
        self._recorder.start()
        for session_id in session_ids:
            try:
                state = await self._sessions.state(session_id)
            except NoSuchSession:
                log.warning("session_without_log", session=session_id)
                continue
            if needs_conductor(state):
                await self.get(session_id)
        for session_id, recording_id in unfinished:
            state = await self._sessions.state(session_id)
            last = state.recording
            if last is None or last.recording_id != recording_id:
                # An older recording of the session, which has stopped since.
                self._recorder.finish(session_id, recording_id, state.last_at, state.last_at)
            elif last.stopped_at is not None:
                self._recorder.finish(session_id, recording_id, last.started_at, last.stopped_at)

    async def get(self, session_id: str) -> Conductor:
        """The session's conductor, started when there is none. Raises NoSuchSession."""
        return await asyncio.shield(self._begin(session_id))

    def known(self, session_id: str) -> Conductor | None:
        """The session's conductor if it has started."""
        task = self._conductors.get(session_id)
        if task is None or not task.done() or task.cancelled() or task.exception() is not None:
            return None
        return task.result()

    async def close(self) -> None:
        """Stop conducting everything; idempotent."""
        self._unsubscribe()
        tasks, self._conductors = list(self._conductors.values()), {}
        for conductor in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(conductor, Conductor):
                await conductor.close()
        await self._recorder.close()
        for worker in self._workers:
            await worker.close()

    def _begin(self, session_id: str) -> asyncio.Task[Conductor]:
        task = self._conductors.get(session_id)
        if task is None:
            task = asyncio.create_task(self._start(session_id), name=f"conduct-{session_id}")
            task.add_done_callback(lambda done: self._started(session_id, done))
            self._conductors[session_id] = task
        return task

    def _started(self, session_id: str, task: asyncio.Task[Conductor]) -> None:
        """One that failed to start is tried again by whoever asks next."""
        if task.cancelled() or task.exception() is None:
            return
        log.error("conductor_not_started", session=session_id, error=repr(task.exception()))
        if self._conductors.get(session_id) is task:
            del self._conductors[session_id]

    async def _start(self, session_id: str) -> Conductor:
        conductor = Conductor(
            session_id, self._sessions, self._placements, self._choose(), self._recorder
        )
        await conductor.start()
        return conductor

    def _choose(self) -> WorkerLink:
        return min(self._workers, key=lambda worker: worker.session_count)

    def _changed(self, change: Change) -> None:
        """A session that opens is conducted from that moment, whether or not anybody looks."""
        if needs_conductor(change.after) and change.session_id not in self._conductors:
            self._begin(change.session_id)
