"""`project(state, viewer)` and `visible(event, viewer)`: what one viewer may know.

Three audiences share almost everything among themselves: the chair (host, admin, the server)
knows all, the roster (venues, members, technicians, archivists) all but the subjects of others'
waiting requests and the links, the public only what is on air. `project_shared` makes the part
that an audience has in common, `personalise` adds the viewer: a shell with 118 viewers computes
the first once a version.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from orchestrator.consultation import events as ev
from orchestrator.consultation.actors import Viewer
from orchestrator.consultation.events import Event
from orchestrator.consultation.state import (
    WAITING,
    FloorRequest,
    Holder,
    SessionState,
    Venue,
    heard,
)
from orchestrator.consultation.view import (
    FloorRequestView,
    FloorView,
    HolderView,
    RecordingView,
    Role,
    SessionSummary,
    SessionView,
    SlotView,
    StageView,
    VenueView,
    YouView,
)

Audience = Literal["chair", "roster", "public"]

_AUDIENCES: Mapping[Role, Audience] = {
    "admin": "chair",
    "host": "chair",
    "system": "chair",
    "technician": "roster",
    "archivist": "roster",
    "venue": "roster",
    "member": "roster",
    "public": "public",
}


@dataclass(frozen=True, slots=True)
class VisibleData:
    """An event as a viewer may see it; the shell adds the log version."""

    type: str
    at: float
    data: dict[str, Any]


def audience_of(viewer: Viewer) -> Audience:
    """The audience; a venue without an identity, and any unknown role, is the public."""
    if viewer.role == "venue" and viewer.venue_id is None:
        return "public"
    return _AUDIENCES.get(viewer.role, "public")


def project(state: SessionState, viewer: Viewer) -> SessionView:
    """The session as `viewer` may see it."""
    if viewer.role == "venue" and viewer.venue_id not in state.venues:
        # A stranger: the venue of another session.
        return personalise(project_shared(state, "public"), state, Viewer("public"))
    return personalise(project_shared(state, audience_of(viewer)), state, viewer)


# --- the shared part ------------------------------------------------------------------------


def project_shared(state: SessionState, audience: Audience) -> SessionView:
    """What all viewers of `audience` see alike; `you` is that of nobody in particular."""
    audible = frozenset(heard(state))
    on_air = audible | set(state.stage.slots) | {state.main_venue_id}
    return SessionView(
        session=_summary(state),
        venues={
            venue_id: _venue(state, venue, audible, audience)
            for venue_id, venue in state.venues.items()
            if audience != "public" or venue_id in on_air
        },
        floor=_floor(state, audience),
        stage=StageView(
            mode=state.stage.mode,
            layout=state.stage.layout,
            slots={
                str(number): SlotView(slot=number, venue_id=venue_id)
                for number, venue_id in enumerate(state.stage.slots, start=1)
            },
        ),
        recording=_recording(state),
        you=YouView(role="public"),
    )


def _summary(state: SessionState) -> SessionSummary:
    return SessionSummary(
        session_id=state.session_id,
        title=state.title,
        phase=state.phase,
        codec=state.codec,
        created_at=state.created_at,
        started_at=state.started_at,
        paused_at=state.paused_at,
        ended_at=state.ended_at,
    )


def _venue(
    state: SessionState, venue: Venue, audible: frozenset[str], audience: Audience
) -> VenueView:
    return VenueView(
        venue_id=venue.venue_id,
        name=venue.name,
        kind=venue.kind,
        order=venue.order,
        connected=venue.connection is not None,
        publications={} if audience == "public" else dict(venue.publications),
        open=venue.open,
        muted=venue.muted,
        holder=venue.venue_id in state.floor.holders,
        heard=venue.venue_id in audible,
    )


def _floor(state: SessionState, audience: Audience) -> FloorView:
    floor = state.floor
    waiting = [r for r in floor.requests.values() if r.status in WAITING]
    shown = [] if audience == "public" else waiting
    positions = {request_id: i for i, request_id in enumerate(floor.queue, start=1)}
    return FloorView(
        policy=floor.policy,
        list_open=floor.list_open,
        limit=floor.limit,
        queue=() if audience == "public" else floor.queue,
        requests={
            r.request_id: _request(r, positions.get(r.request_id), subject=audience == "chair")
            for r in shown
        },
        holders={venue_id: _holder(holder) for venue_id, holder in floor.holders.items()},
    )


def _request(request: FloorRequest, position: int | None, *, subject: bool) -> FloorRequestView:
    return FloorRequestView(
        request_id=request.request_id,
        venue_id=request.venue_id,
        speaker=request.speaker,
        subject=request.subject if subject else "",
        status=request.status,
        position=position,
        requested_at=request.requested_at,
        moved_reason=request.moved_reason,
    )


def _holder(holder: Holder) -> HolderView:
    return HolderView(
        venue_id=holder.venue_id,
        request_id=holder.request_id,
        speaker=holder.speaker,
        subject=holder.subject,
        granted_at=holder.granted_at,
        disconnected_since=holder.disconnected_since,
    )


def _recording(state: SessionState) -> RecordingView | None:
    recording = state.recording
    if recording is None:
        return None
    return RecordingView(
        recording_id=recording.recording_id,
        state="recording" if recording.stopped_at is None else "stopped",
        policy=recording.policy,
        started_at=recording.started_at,
        stopped_at=recording.stopped_at,
    )


def personalise(shared: SessionView, state: SessionState, viewer: Viewer) -> SessionView:
    """The shared view with `you`, and the subject of the viewer's own waiting request."""
    venue_id = viewer.venue_id if viewer.role == "venue" else None
    own = state.floor.requests.get(venue_id) if venue_id is not None else None
    if own is None:
        return shared.model_copy(update={"you": YouView(role=viewer.role, venue_id=venue_id)})
    waits = own.status in WAITING
    position = state.floor.queue.index(own.request_id) + 1 if waits else None
    mine = _request(own, position, subject=True)
    update: dict[str, Any] = {"you": YouView(role=viewer.role, venue_id=venue_id, request=mine)}
    if waits:
        requests = {**shared.floor.requests, own.request_id: mine}
        update["floor"] = shared.floor.model_copy(update={"requests": requests})
    return shared.model_copy(update=update)


# --- events ---------------------------------------------------------------------------------

_CHAIR_ONLY = (ev.LinkIssued, ev.LinkRevoked)
_ON_AIR = (
    ev.SessionOpened,
    ev.SessionStarted,
    ev.SessionPaused,
    ev.SessionResumed,
    ev.SessionEnded,
    ev.SessionArchived,
    ev.FloorGranted,
    ev.FloorReleased,
    ev.StageSet,
    ev.RecordingStarted,
    ev.RecordingStopped,
)
"""All that the public is told of."""

_HIDDEN: Mapping[type[ev.EventBase], frozenset[str]] = {
    ev.VenueJoined: frozenset({"connection_id", "client_id"}),
    ev.VenueLeft: frozenset({"connection_id"}),
    ev.StageSet: frozenset({"chosen"}),
    ev.SessionCreated: frozenset({"recording_policy", "grace_seconds"}),
}
"""Fields that only the chair sees."""

_OWN: Mapping[type[ev.EventBase], frozenset[str]] = {
    ev.FloorRequested: frozenset({"subject"}),
    ev.FloorDenied: frozenset({"reason"}),
    ev.FloorRevoked: frozenset({"reason"}),
}
"""Fields that, of the venues, only the one concerned sees."""


def visible(event: Event, viewer: Viewer) -> VisibleData | None:
    """The event as `viewer` may see it, or None when he may not.

    A field that he may not see is left out. Who did it (`by`) only the chair sees.
    """
    audience = audience_of(viewer)
    if isinstance(event, _CHAIR_ONLY) and audience != "chair":
        return None
    if audience == "public" and not isinstance(event, _ON_AIR):
        return None
    hidden = {"type", "at", "schema_version"}
    if audience != "chair":
        hidden |= {"by"} | _HIDDEN.get(type(event), frozenset())
        if viewer.role != "venue" or getattr(event, "venue_id", None) != viewer.venue_id:
            hidden |= _OWN.get(type(event), frozenset())
    data = event.model_dump(mode="json", exclude=hidden, exclude_none=True)
    return VisibleData(type=event.type, at=event.at, data=data)
