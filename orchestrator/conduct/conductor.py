"""The conductor of one session: makes the worker run what the log has decided.

It claims the session's epoch, places the session on a worker, and after each change of state sends
the whole plan over a direct connection: neither Redis nor any client is part of that way. What it
knows of running media is `SessionMedia`; it is rebuilt from the worker after a restart.

The **media generation** counts the lives of the session's media: it rises when the worker that had
them is gone (another `boot_id`), never with a restart of the orchestrator, and is kept in SQL.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from orchestrator.conduct.attendance import Attendance
from orchestrator.conduct.departures import Departures
from orchestrator.conduct.floor_timer import FloorTimer
from orchestrator.conduct.media import SessionMedia
from orchestrator.conduct.publications import Publications
from orchestrator.conduct.recorder_link import RecorderLink
from orchestrator.conduct.sessions import Change, Sessions
from orchestrator.conduct.worker_link import WorkerLink
from orchestrator.consultation.media import media_plan
from orchestrator.consultation.state import RUNNING, SessionState
from orchestrator.protocol.signalling import MediaReset, StageSwitched, TransportNotice
from orchestrator.store.errors import StoreError, VersionConflict
from orchestrator.store.placements import Placement, Placements
from sfu.control import messages as control
from sfu.control.errors import ControlError, StaleEpoch
from sfu.control.plan import MediaPlan

log = structlog.get_logger(__name__)

APPLY_TIMEOUT = 2.0
RETRY_AFTER = 0.1
LONGEST_RETRY = 2.0
CLOSE_AFTER_END = 5.0
"""Seconds after the end of a session that its media is taken down: the recorder closes first."""


@dataclass(frozen=True, slots=True)
class ToClient:
    """A transport's notice, for the client that owns it."""

    client: str
    notice: TransportNotice


@dataclass(frozen=True, slots=True)
class MediaReady:
    """A worker runs the session now: for those who were told that none did."""

    generation: int


Notice = MediaReset | MediaReady | StageSwitched | ToClient
Listener = Callable[[Notice], None]


class Conductor:
    """`start()`, then `close()`. Listeners are called in order and must not block."""

    def __init__(
        self,
        session_id: str,
        sessions: Sessions,
        placements: Placements,
        link: WorkerLink,
        recorder: RecorderLink,
    ) -> None:
        self.session_id = session_id
        self.generation = 1
        self.media = SessionMedia(session_id, link)
        self.publications = Publications(session_id, sessions, self.media)
        self.attendance = Attendance(session_id, sessions)
        self.departures = Departures(self.publications, self.media)
        self._floor_timer = FloorTimer(session_id, sessions)
        self._sessions = sessions
        self._placements = placements
        self._link = link
        self._recorder = recorder
        self._listeners: list[Listener] = []
        self._wake = asyncio.Event()
        self._pause = RETRY_AFTER
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._synced_boot: str | None = None
        self._told_gone = False
        self._applied: MediaPlan | None = None
        self._closed_media = False
        self._finished: set[str] = set()

    # --- life -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Claim the session and begin. Raises NoSuchSession."""
        state = await self._sessions.state(self.session_id)
        self.media.epoch = await self._placements.claim_epoch(self.session_id)
        placed = await self._placements.placement(self.session_id)
        self.generation = placed.generation if placed is not None else 1
        self._unsubscribe = self._sessions.subscribe(self.session_id, self._changed)
        self._floor_timer.look(state)
        self._look_at_recording(state)
        await self.attendance.start()
        self._task = asyncio.create_task(self._run(), name=f"conductor-{self.session_id}")
        self._link.use(self.session_id, self)
        log.info("conducting", session=self.session_id, epoch=self.media.epoch)

    async def close(self) -> None:
        """Stop conducting; media runs on at the worker. Idempotent."""
        self._unsubscribe()
        self._link.leave(self.session_id)
        self._floor_timer.close()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.attendance.close()
        await self.departures.close()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Get resets, switches and transport notices; returns what ends it."""
        self._listeners.append(listener)

        def stop() -> None:
            with contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return stop

    @property
    def media_ready(self) -> bool:
        """True when a worker runs this session with the present generation."""
        return self._ready.is_set()

    async def wait_media_ready(self, timeout: float) -> bool:
        """Wait for `media_ready`, at most `timeout` seconds; returns it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        return self.media_ready

    # --- what the worker says (WorkerUser) --------------------------------------------------

    def worker_up(self) -> None:
        """Look again at what runs there."""
        self._ready.clear()
        self._synced_boot = None
        self._wake.set()

    def worker_gone(self) -> None:
        """The process is dead: clients are told to drop what they had, once."""
        self._ready.clear()
        if self._told_gone or not self._listeners:
            return
        self._told_gone = True
        self._tell(MediaReset(generation=self.generation, ready=False, reason="worker_gone"))

    def transport_changed(self, notice: control.TransportState) -> None:
        """Tell its owner; a closed transport ends with its publications. One that failed may come
        back by an ICE restart, as long as its client is there to ask for it."""
        transport = self.media.get(notice.transport_id)
        if transport is None:
            return
        transport.state = notice.state
        if notice.state == "closed":
            self.media.dropped(notice.transport_id)
            self.departures.transport_closed(transport)
        elif notice.state == "failed":
            self.departures.transport_failed(transport)
        self._tell(
            ToClient(
                transport.client,
                TransportNotice(transport_id=notice.transport_id, state=notice.state),
            )
        )

    def slot_switched(self, notice: control.SlotSwitched) -> None:
        """Everybody is told that the slot's new picture or sound is on its way."""
        venue_id = notice.publication.venue_id if notice.publication is not None else None
        self._tell(StageSwitched(slot=notice.slot, kind=notice.kind, venue_id=venue_id))

    # --- making it so -----------------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        self._wake.set()
        self._floor_timer.look(change.after)
        self._look_at_recording(change.after)

    def _look_at_recording(self, state: SessionState) -> None:
        recording = state.recording
        if recording is None:
            return
        if state.recording_now is not None:
            self._recorder.capture(self.session_id, recording.recording_id, recording.started_at)
        elif recording.recording_id not in self._finished and recording.stopped_at is not None:
            # Once in each life of the conductor: the recorder and the archive take it twice.
            self._finished.add(recording.recording_id)
            self._recorder.finish(
                self.session_id,
                recording.recording_id,
                recording.started_at,
                recording.stopped_at,
            )

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._link.is_up:
                continue  # `worker_up` wakes again
            try:
                await self._reconcile()
                self._pause = RETRY_AFTER
            except (StaleEpoch, VersionConflict):
                log.error("conductor_superseded", session=self.session_id)
                await self._claim_again()
                self._retry_soon()
            except (ControlError, StoreError) as error:
                log.warning("conductor_retries", session=self.session_id, error=str(error))
                self._retry_soon()
            except Exception:
                # A conductor that died silently would freeze the floor: say so and go on.
                log.exception("conductor_failed", session=self.session_id)
                self._retry_soon()

    def _retry_soon(self) -> None:
        asyncio.get_running_loop().call_later(self._pause, self._wake.set)
        self._pause = min(self._pause * 2, LONGEST_RETRY)

    async def _claim_again(self) -> None:
        """Another conductor has spoken: whoever speaks last has the log's newest state."""
        try:
            self.media.epoch = await self._placements.claim_epoch(self.session_id)
        except StoreError as error:
            log.warning("epoch_not_claimed", session=self.session_id, error=str(error))

    async def _reconcile(self) -> None:
        state = await self._sessions.state(self.session_id)
        if self._closed_media:
            return
        reset = False
        if self._synced_boot is None:
            reset = await self._sync()
            state = await self._sessions.state(self.session_id)
        await self._apply(state)
        if state.phase in ("ended", "archived"):
            asyncio.get_running_loop().call_later(CLOSE_AFTER_END, self._close_media_soon)
            return
        if not self._ready.is_set():
            self._ready.set()
            self._tell(
                MediaReset(generation=self.generation, ready=True, reason="worker_restarted")
                if reset
                else MediaReady(self.generation)
            )

    async def _sync(self) -> bool:
        """Match a worker that has just answered; returns whether the clients start anew."""
        hello = self._link.hello
        if hello is None:
            raise ControlError("the worker has not said hello")
        placed = await self._placements.placement(self.session_id)
        self._applied = None
        same = placed is not None and placed.boot_id == hello.boot_id and not self._told_gone
        if same:
            await self._adopt()
        else:
            told = self._told_gone
            self.generation = 1 if placed is None else placed.generation + 1
            await self._placements.place(
                self.session_id,
                Placement(self._link.worker_id, hello.boot_id, self.generation),
                epoch=self.media.epoch,
            )
            self.media.clear()
            await self.publications.end_all("worker_gone")
            self._told_gone = False
            self._synced_boot = hello.boot_id
            return told or placed is not None
        self._synced_boot = hello.boot_id
        return False

    async def _adopt(self) -> None:
        described = await self._link.request(
            "session.describe",
            control.DescribeSession(epoch=self.media.epoch, session_id=self.session_id),
            control.SessionDescription,
            timeout=APPLY_TIMEOUT,
        )
        nameless = self.media.adopt(described)
        await self.publications.agree_with_worker()
        for transport_id in nameless:
            await self.media.close_transport(transport_id)
        self.departures.expect_returns()

    async def _apply(self, state: SessionState) -> None:
        plan = media_plan(state)
        if self._applied is not None and _same(plan, self._applied):
            return
        await self._link.request(
            "session.apply",
            control.ApplyPlan(epoch=self.media.epoch, plan=plan),
            control.Applied,
            timeout=APPLY_TIMEOUT,
        )
        self._applied = plan

    def _close_media_soon(self) -> None:
        if self._task is not None and not self._closed_media:
            self._closed_media = True
            self.departures.later(self._close_media())

    async def _close_media(self) -> None:
        await self.publications.end_all("session_ended")
        with contextlib.suppress(ControlError):
            await self._link.request(
                "session.close",
                control.CloseSession(epoch=self.media.epoch, session_id=self.session_id),
                control.Empty,
            )
        self._ready.clear()
        self.media.clear()

    def _tell(self, notice: Notice) -> None:
        for listener in list(self._listeners):
            listener(notice)


def needs_conductor(state: SessionState) -> bool:
    """Whether the session runs, so that somebody must conduct it even when nobody looks."""
    return state.phase in RUNNING


def _same(one: MediaPlan, other: MediaPlan) -> bool:
    return one.model_copy(update={"log_version": other.log_version}) == other
