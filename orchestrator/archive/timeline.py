"""From the session log to `timeline.json`: who spoke, who was heard, how the stage looked. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.archive.errors import NoSuchRecording
from orchestrator.consultation import events as ev
from orchestrator.consultation.evolve import evolve
from orchestrator.consultation.state import SessionState, heard
from sfu.record.timeline import FloorTurn, HeardInterval, LayoutChange, PhaseChange, Timeline


def timeline_of(events: Sequence[ev.Event], recording_id: str) -> Timeline:
    """The timeline of one recording of the session whose whole log is `events`.

    What stood when the recording began is there with the time of its beginning. A recording that
    the log does not end is taken to last until the newest event. Raises NoSuchRecording.
    """
    reader = _Reader(recording_id)
    for event in events:
        reader.read(event)
    return reader.timeline()


@dataclass(slots=True)
class _Reader:
    """Walks the log once; turns and heard intervals that ended before the recording are dropped."""

    recording_id: str
    state: SessionState | None = None
    started_at: float | None = None
    stopped_at: float | None = None
    layouts: list[LayoutChange] = field(default_factory=list)
    phases: list[PhaseChange] = field(default_factory=list)
    turns: list[FloorTurn] = field(default_factory=list)
    open_turns: dict[str, FloorTurn] = field(default_factory=dict)
    heard: list[HeardInterval] = field(default_factory=list)
    heard_since: dict[str, float] = field(default_factory=dict)

    def read(self, event: ev.Event) -> None:
        before = self.state
        self.state = evolve(before, event)
        if self.stopped_at is None:
            self._changes(before, self.state, event.at)
        if isinstance(event, ev.RecordingStarted) and event.recording_id == self.recording_id:
            self._begin(self.state, event.at)
        if isinstance(event, ev.RecordingStopped) and event.recording_id == self.recording_id:
            self.stopped_at = event.at

    def _begin(self, state: SessionState, at: float) -> None:
        self.started_at = at
        self.layouts = [LayoutChange(at=at, layout=state.stage.layout)]
        self.phases = [PhaseChange(at=at, phase=state.phase)]
        self.turns = []
        self.heard = []
        self.heard_since = dict.fromkeys(self.heard_since, at)

    def _changes(self, before: SessionState | None, state: SessionState, at: float) -> None:
        if before is None or before.stage.layout != state.stage.layout:
            self.layouts.append(LayoutChange(at=at, layout=state.stage.layout))
        if before is None or before.phase != state.phase:
            self.phases.append(PhaseChange(at=at, phase=state.phase))
        self._floor(state, at)
        self._heard(state, at)

    def _floor(self, state: SessionState, at: float) -> None:
        holders = state.floor.holders
        for venue_id, turn in list(self.open_turns.items()):
            holder = holders.get(venue_id)
            if holder is None or holder.granted_at != turn.granted_at:
                self.turns.append(turn.model_copy(update={"ended_at": at}))
                del self.open_turns[venue_id]
        for venue_id, holder in holders.items():
            if venue_id not in self.open_turns:
                self.open_turns[venue_id] = FloorTurn(
                    venue_id=venue_id,
                    speaker=holder.speaker,
                    subject=holder.subject,
                    granted_at=holder.granted_at,
                )

    def _heard(self, state: SessionState, at: float) -> None:
        now = heard(state)
        for venue_id in [v for v in self.heard_since if v not in now]:
            since = self.heard_since.pop(venue_id)
            self.heard.append(HeardInterval(venue_id=venue_id, start=since, end=at))
        for venue_id in now:
            self.heard_since.setdefault(venue_id, at)

    def timeline(self) -> Timeline:
        state = self.state
        if state is None or self.started_at is None:
            raise NoSuchRecording(f"the session log has no recording {self.recording_id}")
        # A session that ends stops its recording at the same moment: both orders are one.
        intervals = [
            *self.heard,
            *(HeardInterval(venue_id=v, start=at) for v, at in self.heard_since.items()),
        ]
        return Timeline(
            recording_id=self.recording_id,
            session_id=state.session_id,
            title=state.title,
            venues={v.venue_id: v.name for v in state.venues.values()},
            recording_started_at=self.started_at,
            recording_stopped_at=state.last_at if self.stopped_at is None else self.stopped_at,
            layouts=tuple(self.layouts),
            phases=tuple(self.phases),
            turns=tuple(sorted([*self.turns, *self.open_turns.values()], key=_granted_at)),
            heard=tuple(sorted(intervals, key=lambda i: (i.start, i.venue_id))),
        )


def _granted_at(turn: FloorTurn) -> tuple[float, str]:
    return turn.granted_at, turn.venue_id
