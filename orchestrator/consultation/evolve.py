"""`evolve(state, event)`: the next state. It judges nothing: what the log says has happened."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import singledispatch
from typing import TypeVar

from orchestrator.consultation import events as ev
from orchestrator.consultation.events import Event
from orchestrator.consultation.state import (
    Connection,
    Floor,
    FloorRequest,
    Holder,
    Link,
    Recording,
    SessionState,
    Stage,
    Venue,
    heard,
)
from orchestrator.consultation.view import RequestStatus, Source

K = TypeVar("K")
V = TypeVar("V")


def evolve(state: SessionState | None, event: Event) -> SessionState:
    """The state after `event`; `state` is None only before `SessionCreated`.

    Raises ValueError when the log does not begin with `SessionCreated`.
    """
    if state is None:
        if not isinstance(event, ev.SessionCreated):
            raise ValueError(f"a session log begins with session.created, not {event.type}")
        return _created(event)
    after = _apply(event, state)
    return replace(
        after,
        version=state.version + 1,
        last_at=event.at,
        audio_buses=_place(after, state.audio_buses),
    )


def fold(events: Iterable[Event], state: SessionState | None = None) -> SessionState | None:
    """The state after all `events`; None for an empty log."""
    for event in events:
        state = evolve(state, event)
    return state


def _created(event: ev.SessionCreated) -> SessionState:
    return SessionState(
        session_id=event.session_id,
        title=event.title,
        version=1,
        last_at=event.at,
        phase="scheduled",
        codec=event.codec,
        recording_policy=event.recording_policy,
        created_at=event.at,
        floor=Floor(
            policy=event.floor_policy,
            limit=event.open_microphone_limit,
            grace_seconds=event.grace_seconds,
        ),
        stage=Stage(mode="follow_floor", layout=event.layout),
    )


def _place(state: SessionState, buses: tuple[str | None, ...]) -> tuple[str | None, ...]:
    """Each heard venue keeps its bus; a new one takes the lowest that is free."""
    now = heard(state)
    if set(now) == {venue for venue in buses if venue is not None}:
        return buses
    placed = [venue if venue in now else None for venue in buses]
    for venue in now:
        if venue not in placed and None in placed:
            placed[placed.index(None)] = venue
    return tuple(placed)


# --- small changes --------------------------------------------------------------------------


def _with_venue(
    state: SessionState, venue_id: str, change: Callable[[Venue], Venue]
) -> SessionState:
    venues = {**state.venues, venue_id: change(state.venues[venue_id])}
    return replace(state, venues=venues)


def _without(mapping: Mapping[K, V], key: K) -> dict[K, V]:
    return {k: v for k, v in mapping.items() if k != key}


def _close_request(
    floor: Floor, venue_id: str, request_id: str | None, status: RequestStatus
) -> Floor:
    """The venue's request leaves the queue, or ends, with this status."""
    request = floor.requests.get(venue_id)
    if request is None or request.request_id != request_id:
        return floor
    return replace(
        floor,
        queue=tuple(r for r in floor.queue if r != request_id),
        requests={**floor.requests, venue_id: replace(request, status=status)},
    )


def _drop_holder(state: SessionState, venue_id: str, status: RequestStatus) -> SessionState:
    holder = state.floor.holders[venue_id]
    floor = _close_request(state.floor, venue_id, holder.request_id, status)
    return replace(state, floor=replace(floor, holders=_without(floor.holders, venue_id)))


def _freeze(state: SessionState, venue_id: str, since: float | None) -> SessionState:
    """The venue's link was lost at `since`, or is back (None)."""
    holder = state.floor.holders.get(venue_id)
    if holder is None:
        return state
    holders = {**state.floor.holders, venue_id: replace(holder, disconnected_since=since)}
    return replace(state, floor=replace(state.floor, holders=holders))


# --- one function an event ------------------------------------------------------------------


@singledispatch
def _apply(event: ev.EventBase, state: SessionState) -> SessionState:
    raise TypeError(f"no rule for {type(event).__name__}")


@_apply.register
def _(event: ev.SessionCreated, state: SessionState) -> SessionState:
    raise ValueError("session.created stands only at the beginning of a log")


@_apply.register
def _(event: ev.SessionOpened, state: SessionState) -> SessionState:
    return replace(state, phase="open")


@_apply.register
def _(event: ev.SessionStarted, state: SessionState) -> SessionState:
    return replace(state, phase="live", started_at=event.at)


@_apply.register
def _(event: ev.SessionPaused, state: SessionState) -> SessionState:
    return replace(state, phase="paused", paused_at=event.at)


@_apply.register
def _(event: ev.SessionResumed, state: SessionState) -> SessionState:
    return replace(state, phase="live", paused_at=None)


@_apply.register
def _(event: ev.SessionEnded, state: SessionState) -> SessionState:
    return replace(state, phase="ended", paused_at=None, ended_at=event.at)


@_apply.register
def _(event: ev.SessionArchived, state: SessionState) -> SessionState:
    return replace(state, phase="archived")


@_apply.register
def _(event: ev.VenueAdded, state: SessionState) -> SessionState:
    main = event.kind == "main"
    venue = Venue(event.venue_id, event.name, event.kind, event.order, open=main)
    return replace(
        state,
        venues={**state.venues, event.venue_id: venue},
        main_venue_id=event.venue_id if main else state.main_venue_id,
    )


@_apply.register
def _(event: ev.LinkIssued, state: SessionState) -> SessionState:
    link = Link(event.link_id, event.venue_id, event.role, event.expires_at)
    return replace(state, links={**state.links, event.link_id: link})


@_apply.register
def _(event: ev.LinkRevoked, state: SessionState) -> SessionState:
    link = replace(state.links[event.link_id], revoked=True)
    return replace(state, links={**state.links, event.link_id: link})


@_apply.register
def _(event: ev.VenueJoined, state: SessionState) -> SessionState:
    connection = Connection(event.connection_id, event.client_id, event.at)
    state = _with_venue(state, event.venue_id, lambda v: replace(v, connection=connection))
    return _freeze(state, event.venue_id, None)


@_apply.register
def _(event: ev.VenueLeft, state: SessionState) -> SessionState:
    state = _with_venue(
        state, event.venue_id, lambda v: replace(v, connection=None, publications={})
    )
    return _freeze(state, event.venue_id, event.at)


@_apply.register
def _(event: ev.PublicationStarted, state: SessionState) -> SessionState:
    new: dict[Source, int] = {event.source: event.generation}
    return _with_venue(
        state,
        event.venue_id,
        lambda v: replace(
            v, publications={**v.publications, **new}, generations={**v.generations, **new}
        ),
    )


@_apply.register
def _(event: ev.PublicationEnded, state: SessionState) -> SessionState:
    if state.venues[event.venue_id].publications.get(event.source) != event.generation:
        return state
    return _with_venue(
        state,
        event.venue_id,
        lambda v: replace(v, publications=_without(v.publications, event.source)),
    )


@_apply.register
def _(event: ev.VenueOpened, state: SessionState) -> SessionState:
    return _with_venue(state, event.venue_id, lambda v: replace(v, open=True))


@_apply.register
def _(event: ev.VenueClosed, state: SessionState) -> SessionState:
    return _with_venue(state, event.venue_id, lambda v: replace(v, open=False))


@_apply.register
def _(event: ev.VenueMuted, state: SessionState) -> SessionState:
    return _with_venue(state, event.venue_id, lambda v: replace(v, muted=True))


@_apply.register
def _(event: ev.VenueUnmuted, state: SessionState) -> SessionState:
    return _with_venue(state, event.venue_id, lambda v: replace(v, muted=False))


@_apply.register
def _(event: ev.AllMuted, state: SessionState) -> SessionState:
    venues = {
        venue_id: venue if venue.kind == "main" else replace(venue, muted=True)
        for venue_id, venue in state.venues.items()
    }
    return replace(state, venues=venues)


@_apply.register
def _(event: ev.FloorRequested, state: SessionState) -> SessionState:
    request = FloorRequest(
        request_id=event.request_id,
        sequence=event.sequence,
        venue_id=event.venue_id,
        speaker=event.speaker,
        subject=event.subject,
        status="pending",
        requested_at=event.at,
    )
    floor = replace(
        state.floor,
        last_sequence=event.sequence,
        queue=(*state.floor.queue, event.request_id),
        requests={**state.floor.requests, event.venue_id: request},
    )
    return replace(state, floor=floor)


@_apply.register
def _(event: ev.FloorAccepted, state: SessionState) -> SessionState:
    request = replace(state.floor.requests[event.venue_id], status="accepted")
    requests = {**state.floor.requests, event.venue_id: request}
    return replace(state, floor=replace(state.floor, requests=requests))


@_apply.register
def _(event: ev.FloorDenied, state: SessionState) -> SessionState:
    floor = _close_request(state.floor, event.venue_id, event.request_id, "denied")
    return replace(state, floor=floor)


@_apply.register
def _(event: ev.FloorCancelled, state: SessionState) -> SessionState:
    floor = _close_request(state.floor, event.venue_id, event.request_id, "cancelled")
    return replace(state, floor=floor)


@_apply.register
def _(event: ev.FloorMoved, state: SessionState) -> SessionState:
    request = replace(state.floor.requests[event.venue_id], moved_reason=event.reason)
    queue = [r for r in state.floor.queue if r != event.request_id]
    queue.insert(event.position - 1, event.request_id)
    requests = {**state.floor.requests, event.venue_id: request}
    return replace(state, floor=replace(state.floor, queue=tuple(queue), requests=requests))


@_apply.register
def _(event: ev.FloorGranted, state: SessionState) -> SessionState:
    connected = state.venues[event.venue_id].connection is not None
    holder = Holder(
        venue_id=event.venue_id,
        request_id=event.request_id,
        speaker=event.speaker,
        subject=event.subject,
        granted_at=event.at,
        disconnected_since=None if connected else event.at,
    )
    floor = _close_request(state.floor, event.venue_id, event.request_id, "granted")
    holders = {**_without(floor.holders, event.venue_id), event.venue_id: holder}
    return replace(state, floor=replace(floor, holders=holders))


@_apply.register
def _(event: ev.FloorReleased, state: SessionState) -> SessionState:
    return _drop_holder(state, event.venue_id, "released")


@_apply.register
def _(event: ev.FloorRevoked, state: SessionState) -> SessionState:
    return _drop_holder(state, event.venue_id, "revoked")


@_apply.register
def _(event: ev.FloorPolicySet, state: SessionState) -> SessionState:
    return replace(state, floor=replace(state.floor, policy=event.policy))


@_apply.register
def _(event: ev.FloorListClosed, state: SessionState) -> SessionState:
    return replace(state, floor=replace(state.floor, list_open=False))


@_apply.register
def _(event: ev.FloorListReopened, state: SessionState) -> SessionState:
    return replace(state, floor=replace(state.floor, list_open=True))


@_apply.register
def _(event: ev.StageSet, state: SessionState) -> SessionState:
    return replace(state, stage=Stage(event.mode, event.layout, event.slots, event.chosen))


@_apply.register
def _(event: ev.RecordingStarted, state: SessionState) -> SessionState:
    return replace(state, recording=Recording(event.recording_id, event.policy, event.at))


@_apply.register
def _(event: ev.RecordingStopped, state: SessionState) -> SessionState:
    recording = state.recording
    if recording is None or recording.recording_id != event.recording_id:
        return state
    return replace(state, recording=replace(recording, stopped_at=event.at))
