"""The control connection to one media worker, shared by all sessions placed on it."""

from collections.abc import Callable
from typing import Any, Protocol

import structlog
from pydantic import ValidationError

from orchestrator.conduct.control_link import ControlLink
from sfu.control.messages import HelloReply, SlotSwitched, Stats, TransportState, WorkerStats

log = structlog.get_logger(__name__)

SESSION_EVENTS: dict[str, type[TransportState | SlotSwitched | Stats]] = {
    "transport.state": TransportState,
    "slot.switched": SlotSwitched,
    "stats": Stats,
}


class WorkerUser(Protocol):
    """A session's side of the link; every method returns at once."""

    def worker_up(self) -> None:
        """The worker answered hello; `link.hello` says which start of it this is."""

    def worker_gone(self) -> None:
        """Nobody listens at the worker's address: its process is dead."""

    def transport_changed(self, notice: TransportState) -> None: ...

    def slot_switched(self, notice: SlotSwitched) -> None: ...


class WorkerLink(ControlLink):
    """Adds to `ControlLink`: who uses the worker, by session, and what it says, parsed.

    `on_stats(stats)` and `on_worker_stats(worker_id, stats)` get the figures of each second.
    """

    def __init__(self, worker_id: str, address: str) -> None:
        super().__init__(worker_id, address)
        self.worker_id = worker_id
        self.hello: HelloReply | None = None
        self.on_stats: Callable[[Stats], None] = lambda stats: None
        self.on_worker_stats: Callable[[str, WorkerStats], None] = lambda worker, stats: None
        self._users: dict[str, WorkerUser] = {}
        self.on_up = self._worker_up
        self.on_refused = self._worker_gone
        self.on_event = self._worker_said

    @property
    def session_count(self) -> int:
        """How many sessions are placed here."""
        return len(self._users)

    def use(self, session_id: str, user: WorkerUser) -> None:
        """Deliver what concerns `session_id` to `user`; if the link is up, `worker_up` follows."""
        self._users[session_id] = user
        if self.is_up:
            user.worker_up()

    def leave(self, session_id: str) -> None:
        """The session is not here any more; idempotent."""
        self._users.pop(session_id, None)

    def _worker_up(self, hello: dict[str, Any]) -> None:
        try:
            self.hello = HelloReply.model_validate(hello)
        except ValidationError:
            log.exception("worker_hello_unreadable", worker=self.worker_id)
            return
        for user in list(self._users.values()):
            user.worker_up()

    def _worker_gone(self) -> None:
        for user in list(self._users.values()):
            user.worker_gone()

    def _worker_said(self, name: str, params: dict[str, Any]) -> None:
        if name == "worker.stats":
            self.on_worker_stats(self.worker_id, WorkerStats.model_validate(params))
            return
        schema = SESSION_EVENTS.get(name)
        if schema is None:
            return  # a newer worker may say more
        notice = schema.model_validate(params)
        if isinstance(notice, Stats):
            self.on_stats(notice)
            return
        user = self._users.get(notice.session_id)
        if user is None:
            return
        if isinstance(notice, TransportState):
            user.transport_changed(notice)
        elif isinstance(notice, SlotSwitched):
            user.slot_switched(notice)
