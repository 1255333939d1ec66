"""What happened in a session: the only source of its state.

An event names facts that are complete in themselves (who, which venue, why), so that it can be
shown and exported without the state. It never holds a token, a secret or a statistic. `type` and
`schema_version` say how to read it; old versions are upcast on read and never rewritten.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypedDict, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from orchestrator.consultation.errors import UnreadableEvent
from orchestrator.consultation.view import FloorPolicy, Layout, Role, Source, StageMode

RecordingPolicy = Literal["stage", "stage_and_speakers", "everything"]
VenueKind = Literal["main", "branch"]
ReleaseReason = Literal["released", "absent", "session_ended"]
StageSlots = tuple[str | None, str | None]
"""Venue on slot 1 and on slot 2; None: an empty place, drawn as a slate."""


class Stamp(TypedDict):
    """When (Unix seconds of the server) and by whom (account, `venue:<id>` or `server`)."""

    at: float
    by: str


class EventBase(BaseModel):
    """Base of every event."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    current_schema: ClassVar[int] = 1

    at: float
    by: str
    schema_version: int = 1


# --- session --------------------------------------------------------------------------------


class SessionCreated(EventBase):
    """`grace_seconds`: how long a lost holder keeps the floor."""

    type: Literal["session.created"] = "session.created"
    session_id: str
    title: str
    codec: Literal["vp8", "h264"]
    floor_policy: FloorPolicy
    layout: Layout
    recording_policy: RecordingPolicy
    open_microphone_limit: int
    grace_seconds: float


class SessionOpened(EventBase):
    type: Literal["session.opened"] = "session.opened"


class SessionStarted(EventBase):
    type: Literal["session.started"] = "session.started"


class SessionPaused(EventBase):
    type: Literal["session.paused"] = "session.paused"


class SessionResumed(EventBase):
    type: Literal["session.resumed"] = "session.resumed"


class SessionEnded(EventBase):
    type: Literal["session.ended"] = "session.ended"


class SessionArchived(EventBase):
    type: Literal["session.archived"] = "session.archived"


# --- venues and links -----------------------------------------------------------------------


class VenueAdded(EventBase):
    type: Literal["venue.added"] = "venue.added"
    venue_id: str
    name: str
    kind: VenueKind
    order: int


class LinkIssued(EventBase):
    """A join link was made; the token itself is never stored."""

    type: Literal["link.issued"] = "link.issued"
    link_id: str
    venue_id: str
    role: Role
    expires_at: float


class LinkRevoked(EventBase):
    type: Literal["link.revoked"] = "link.revoked"
    link_id: str
    venue_id: str


class VenueJoined(EventBase):
    """`client_id` lives as long as the page's tab: the same one takes its place again."""

    type: Literal["venue.joined"] = "venue.joined"
    venue_id: str
    connection_id: str
    client_id: str


class VenueLeft(EventBase):
    """`reason`: `closed`, `lost`, `superseded`, `link_revoked`, `server_restarted`, …"""

    type: Literal["venue.left"] = "venue.left"
    venue_id: str
    connection_id: str
    reason: str


class PublicationStarted(EventBase):
    type: Literal["publication.started"] = "publication.started"
    venue_id: str
    source: Source
    generation: int


class PublicationEnded(EventBase):
    type: Literal["publication.ended"] = "publication.ended"
    venue_id: str
    source: Source
    generation: int
    reason: str


class VenueOpened(EventBase):
    """Heard without holding the floor."""

    type: Literal["venue.opened"] = "venue.opened"
    venue_id: str


class VenueClosed(EventBase):
    type: Literal["venue.closed"] = "venue.closed"
    venue_id: str


class VenueMuted(EventBase):
    """Silent, whatever it holds."""

    type: Literal["venue.muted"] = "venue.muted"
    venue_id: str


class VenueUnmuted(EventBase):
    type: Literal["venue.unmuted"] = "venue.unmuted"
    venue_id: str


class AllMuted(EventBase):
    """Every venue but the main one is muted."""

    type: Literal["venues.all_muted"] = "venues.all_muted"


# --- floor (words of RFC 8855) --------------------------------------------------------------


class FloorRequested(EventBase):
    """`sequence` is the server's order. Status: pending."""

    type: Literal["floor.requested"] = "floor.requested"
    request_id: str
    sequence: int
    venue_id: str
    speaker: str
    subject: str
    requester: Literal["venue", "host"]


class FloorAccepted(EventBase):
    """The request waits at `position` (from 1)."""

    type: Literal["floor.accepted"] = "floor.accepted"
    request_id: str
    venue_id: str
    position: int


class FloorDenied(EventBase):
    type: Literal["floor.denied"] = "floor.denied"
    request_id: str
    venue_id: str
    reason: str


class FloorCancelled(EventBase):
    type: Literal["floor.cancelled"] = "floor.cancelled"
    request_id: str
    venue_id: str
    reason: Literal["withdrawn", "by_host", "session_ended"]


class FloorMoved(EventBase):
    """The chair changed the order and said why; `position` counts from 1."""

    type: Literal["floor.moved"] = "floor.moved"
    request_id: str
    venue_id: str
    position: int
    reason: str


class FloorGranted(EventBase):
    """`request_id` is absent when the venue had not asked."""

    type: Literal["floor.granted"] = "floor.granted"
    venue_id: str
    request_id: str | None
    speaker: str
    subject: str


class FloorReleased(EventBase):
    type: Literal["floor.released"] = "floor.released"
    venue_id: str
    reason: ReleaseReason


class FloorRevoked(EventBase):
    type: Literal["floor.revoked"] = "floor.revoked"
    venue_id: str
    reason: str


class FloorPolicySet(EventBase):
    type: Literal["floor.policy_set"] = "floor.policy_set"
    policy: FloorPolicy


class FloorListClosed(EventBase):
    type: Literal["floor.list_closed"] = "floor.list_closed"


class FloorListReopened(EventBase):
    type: Literal["floor.list_reopened"] = "floor.list_reopened"


# --- stage and recording --------------------------------------------------------------------


class StageSet(EventBase):
    """What is seen from now on. `slots` is what is on stage; `chosen` what the host chose, kept
    while a phase shows something else."""

    type: Literal["stage.set"] = "stage.set"
    mode: StageMode
    layout: Layout
    slots: StageSlots
    chosen: StageSlots | None = None


class RecordingStarted(EventBase):
    type: Literal["recording.started"] = "recording.started"
    recording_id: str
    policy: RecordingPolicy


class RecordingStopped(EventBase):
    type: Literal["recording.stopped"] = "recording.stopped"
    recording_id: str
    reason: Literal["by_host", "session_ended", "failed"]


Event = (
    SessionCreated
    | SessionOpened
    | SessionStarted
    | SessionPaused
    | SessionResumed
    | SessionEnded
    | SessionArchived
    | VenueAdded
    | LinkIssued
    | LinkRevoked
    | VenueJoined
    | VenueLeft
    | PublicationStarted
    | PublicationEnded
    | VenueOpened
    | VenueClosed
    | VenueMuted
    | VenueUnmuted
    | AllMuted
    | FloorRequested
    | FloorAccepted
    | FloorDenied
    | FloorCancelled
    | FloorMoved
    | FloorGranted
    | FloorReleased
    | FloorRevoked
    | FloorPolicySet
    | FloorListClosed
    | FloorListReopened
    | StageSet
    | RecordingStarted
    | RecordingStopped
)

EVENT_TYPES: dict[str, type[EventBase]] = {
    cls.model_fields["type"].default: cls for cls in get_args(Event)
}
"""Name on the wire → class."""

Upcast = Callable[[dict[str, Any]], dict[str, Any]]

UPCASTS: Mapping[tuple[str, int], Upcast] = {}
"""(type, schema version) → function to the next version; each is pure and kept for ever."""

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


def dump_event(event: Event) -> dict[str, Any]:
    """The event as JSON data, `type` and `schema_version` included."""
    return event.model_dump(mode="json")


def load_event(
    data: Mapping[str, Any], upcasts: Mapping[tuple[str, int], Upcast] = UPCASTS
) -> Event:
    """Read an event of any version that was ever written.

    Raises UnreadableEvent for a type or version that this code does not know.
    """
    kind, version = data.get("type"), data.get("schema_version")
    cls = EVENT_TYPES.get(kind) if isinstance(kind, str) else None
    if cls is None or not isinstance(kind, str) or not isinstance(version, int):
        raise UnreadableEvent(f"the log has an event of unknown type {kind!r}; run a newer version")
    current = dict(data)
    while version < cls.current_schema and (kind, version) in upcasts:
        current = upcasts[(kind, version)](current)
        version += 1
        current["schema_version"] = version
    if version != cls.current_schema:
        raise UnreadableEvent(
            f"the log has {kind} in schema {version}, this version reads {cls.current_schema}; "
            "run the version that wrote it"
        )
    try:
        return _ADAPTER.validate_python(current)
    except ValidationError as error:
        raise UnreadableEvent(f"the log has a damaged {kind} event: {error}") from error
