"""Every session as this orchestrator has it: the state folded from its log, and the one way to
change it.

A command is judged on the state (`decide`), its events are appended at the version it was judged
at, and only then the state here changes and listeners are told, in the order of the log. Another
orchestrator may append too: then the append conflicts, its events are read, and the command is
judged again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

import structlog

from orchestrator.consultation import errors
from orchestrator.consultation.actors import Actor
from orchestrator.consultation.commands import Command, CreateSession
from orchestrator.consultation.decide import decide
from orchestrator.consultation.errors import ConsultationError, NoSuchSession
from orchestrator.consultation.events import Event, FloorRequested
from orchestrator.consultation.evolve import evolve, fold
from orchestrator.consultation.state import SessionState
from orchestrator.protocol.signalling import Accepted
from orchestrator.store.errors import CommandRepeated, VersionConflict
from orchestrator.store.session_log import Outcome, SessionLog

log = structlog.get_logger(__name__)

HISTORY = 512
"""Changes kept in memory for each session, for clients that return."""

Judged = Literal["accepted", "refused", "repeated"]

ATTEMPTS = 20
"""Times that a command is judged again when others append at the same moment."""

T = TypeVar("T")
OutcomeName = Literal["accepted", "refused", "repeated"]

REFUSALS: dict[str, type[ConsultationError]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, ConsultationError)
}


@dataclass(frozen=True, slots=True)
class Change:
    """Consecutive events and the states around them; `version` is that of the last."""

    session_id: str
    version: int
    events: tuple[tuple[int, Event], ...]
    before: SessionState
    after: SessionState


Listener = Callable[[Change], None]


@dataclass(slots=True)
class _Entry:
    state: SessionState
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    history: deque[Change] = field(default_factory=lambda: deque(maxlen=HISTORY))
    listeners: list[Listener] = field(default_factory=list)


class Sessions:
    """Usage: `execute` to change, `state` to read, `subscribe` to follow.

    `now` gives Unix seconds. `announce(session_id, version)` tells other orchestrators,
    `on_outcome` counts `accepted`, `refused` and `repeated`; both must not block.
    """

    def __init__(
        self,
        session_log: SessionLog,
        *,
        now: Callable[[], float] = time.time,
        announce: Callable[[str, int], None] = lambda session_id, version: None,
        on_outcome: Callable[[OutcomeName], None] = lambda outcome: None,
    ) -> None:
        self._log = session_log
        self._now = now
        self._announce = announce
        self._on_outcome = on_outcome
        self._entries: dict[str, _Entry] = {}
        self._loading: dict[str, asyncio.Task[_Entry]] = {}
        self._everywhere: list[Listener] = []
        self._tasks: set[asyncio.Task[Any]] = set()

    # --- reading --------------------------------------------------------------------------

    async def state(self, session_id: str) -> SessionState:
        """The session now. Raises NoSuchSession."""
        return (await self._entry(session_id)).state

    def known(self, session_id: str) -> SessionState | None:
        """The session as it is in memory; None when nobody has asked for it yet."""
        entry = self._entries.get(session_id)
        return entry.state if entry is not None else None

    async def since(self, session_id: str, version: int) -> Sequence[Change] | None:
        """The changes after `version`, oldest first; None when they are not all in memory (a
        snapshot is needed then). Raises NoSuchSession."""
        entry = await self._entry(session_id)
        if version == entry.state.version:
            return ()
        missed = [change for change in entry.history if change.version > version]
        if not missed or missed[0].before.version != version:
            return None
        return missed

    def subscribe(self, session_id: str, listener: Listener) -> Callable[[], None]:
        """Call `listener` with each change of a session that was loaded before (`state`), in the
        order of the log; it must not block. Returns what ends it."""
        listeners = self._entries[session_id].listeners
        listeners.append(listener)
        return lambda: listeners.remove(listener) if listener in listeners else None

    def subscribe_all(self, listener: Listener) -> Callable[[], None]:
        """The same for every session; called after the session's own listeners."""
        everywhere = self._everywhere
        everywhere.append(listener)
        return lambda: everywhere.remove(listener) if listener in everywhere else None

    # --- changing -------------------------------------------------------------------------

    async def create(
        self, command: CreateSession, actor: Actor, key: str | None = None
    ) -> Accepted:
        """Begin a session. Raises ConsultationError: Conflict when the id is taken."""
        return await self._whole(self._create(command, actor, key))

    async def execute(
        self, session_id: str, actor: Actor, command: Command, key: str | None = None
    ) -> Accepted:
        """Carry out a command. With a `key` that the same actor has used in this session before,
        nothing happens and the first outcome is given (or raised) again.

        A caller that is cancelled does not cut it in half. Raises ConsultationError, StoreError.
        """
        return await self._whole(self._execute(session_id, actor, command, key))

    async def catch_up(self, session_id: str) -> None:
        """Another orchestrator may have appended: read what is new. Unknown sessions are left."""
        entry = self._entries.get(session_id)
        if entry is not None:
            async with entry.lock:
                await self._read_new(entry)

    async def close(self) -> None:
        """Let what is being carried out end."""
        if self._tasks:
            await asyncio.wait(self._tasks)

    # --- inside -----------------------------------------------------------------------------

    async def _whole(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` to its end whatever becomes of the caller: an append that is done must be
        told to everybody."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # a caller that was cancelled does not fetch it

    async def _entry(self, session_id: str) -> _Entry:
        entry = self._entries.get(session_id)
        if entry is not None:
            return entry
        task = self._loading.get(session_id)
        if task is None:
            task = asyncio.create_task(self._load(session_id))
            self._loading[session_id] = task
            task.add_done_callback(lambda _: self._loading.pop(session_id, None))
        return await asyncio.shield(task)

    async def _load(self, session_id: str) -> _Entry:
        events = await self._log.read(session_id)
        recent = max(1, len(events) - HISTORY)
        state = fold(events[:recent])
        if state is None:
            raise NoSuchSession
        entry = _Entry(state)
        for event in events[recent:]:
            entry.history.append(_advance(entry, (event,)))
        return self._entries.setdefault(session_id, entry)

    async def _create(self, command: CreateSession, actor: Actor, key: str | None) -> Accepted:
        events = decide(None, command, actor, self._now())
        state = fold(events)
        assert state is not None
        try:
            await self._log.append(
                command.session_id, 0, events, state=state, actor_key=actor.name, key=key
            )
        except CommandRepeated as repeated:
            return self._again(repeated.outcome)
        except VersionConflict as error:
            raise errors.Conflict from error
        self._entries[command.session_id] = _Entry(state)
        self._on_outcome("accepted")
        return Accepted(version=state.version)

    async def _execute(
        self, session_id: str, actor: Actor, command: Command, key: str | None
    ) -> Accepted:
        entry = await self._entry(session_id)
        async with entry.lock:
            if key is not None:
                first = await self._log.outcome(session_id, actor.name, key)
                if first is not None:
                    return self._again(first)
            for _ in range(ATTEMPTS):
                try:
                    return await self._try(entry, actor, command, key)
                except CommandRepeated as repeated:
                    return self._again(repeated.outcome)
                except VersionConflict:
                    await self._read_new(entry)
                except ConsultationError as refusal:
                    if await self._read_new(entry):
                        continue  # it was judged on a state that is past
                    self._on_outcome("refused")
                    if key is not None:
                        await self._remember_refusal(entry.state, actor, key, refusal)
                    raise
        raise errors.Conflict("others change this session at the same moment; try again")

    async def _try(
        self, entry: _Entry, actor: Actor, command: Command, key: str | None
    ) -> Accepted:
        state = entry.state
        events = decide(state, command, actor, self._now())
        after = fold(events, state)
        assert after is not None
        result = _result(events)
        if events or key is not None:
            await self._log.append(
                state.session_id,
                state.version,
                events,
                state=after,
                actor_key=actor.name,
                key=key,
                outcome=Outcome(version=after.version, at=after.last_at, result=result),
            )
        self._on_outcome("accepted")
        if events:
            self._tell(entry, tuple(events))
        return Accepted(version=after.version, **result)

    async def _remember_refusal(
        self, state: SessionState, actor: Actor, key: str, refusal: ConsultationError
    ) -> None:
        await self._log.record_refusal(
            state.session_id,
            actor_key=actor.name,
            key=key,
            outcome=Outcome(
                version=state.version,
                at=self._now(),
                refusal=refusal.code,
                message=refusal.message,
            ),
        )

    def _again(self, first: Outcome) -> Accepted:
        self._on_outcome("repeated")
        if first.refusal is not None:
            raise REFUSALS.get(first.refusal, ConsultationError)(first.message)
        return Accepted(version=first.version, repeated=True, **first.result)

    async def _read_new(self, entry: _Entry) -> bool:
        """Read what others have appended; returns whether there was anything."""
        events = await self._log.read(entry.state.session_id, entry.state.version)
        if events:
            self._tell(entry, tuple(events))
        return bool(events)

    def _tell(self, entry: _Entry, events: tuple[Event, ...]) -> None:
        change = _advance(entry, events)
        entry.history.append(change)
        for listener in (*entry.listeners, *self._everywhere):
            try:
                listener(change)
            except Exception:
                # The log has changed; a listener's fault must not look like a refusal.
                log.exception("listener_failed", session=change.session_id)
        self._announce(change.session_id, change.version)


def _advance(entry: _Entry, events: tuple[Event, ...]) -> Change:
    """Fold the events into the entry; returns the change."""
    before = entry.state
    for event in events:
        entry.state = evolve(entry.state, event)
    return Change(
        session_id=before.session_id,
        version=entry.state.version,
        events=tuple(enumerate(events, start=before.version + 1)),
        before=before,
        after=entry.state,
    )


def _result(events: Sequence[Event]) -> dict[str, Any]:
    """What the asker is told besides the version."""
    for event in events:
        if isinstance(event, FloorRequested):
            return {"request_id": event.request_id}
    return {}
