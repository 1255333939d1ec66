"""The state of a session: a fold of its events, and what follows from it at once.

Frozen all through; mappings are never changed in place. `version` counts the events folded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.consultation.errors import (
    LinkExpired,
    LinkInvalid,
    LinkWithdrawn,
    NoSuchRequest,
    NoSuchVenue,
)
from orchestrator.consultation.events import RecordingPolicy, StageSlots, VenueKind
from orchestrator.consultation.view import (
    FloorPolicy,
    Layout,
    Phase,
    RequestStatus,
    Role,
    Source,
    StageMode,
)
from sfu.control.plan import AUDIO_BUS_COUNT, StageCodec

WAITING: frozenset[RequestStatus] = frozenset({"pending", "accepted"})
JOINABLE: frozenset[Phase] = frozenset({"scheduled", "open", "live", "paused"})
RUNNING: frozenset[Phase] = frozenset({"open", "live", "paused"})


@dataclass(frozen=True, slots=True)
class Connection:
    """The one connection that publishes for a venue."""

    connection_id: str
    client_id: str
    since: float


@dataclass(frozen=True, slots=True)
class Venue:
    """`generations` counts the lives of each source, ended ones too."""

    venue_id: str
    name: str
    kind: VenueKind
    order: int
    open: bool = False
    muted: bool = False
    connection: Connection | None = None
    publications: Mapping[Source, int] = field(default_factory=dict)
    generations: Mapping[Source, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Link:
    link_id: str
    venue_id: str
    role: Role
    expires_at: float
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class FloorRequest:
    request_id: str
    sequence: int
    venue_id: str
    speaker: str
    subject: str
    status: RequestStatus
    requested_at: float
    moved_reason: str | None = None


@dataclass(frozen=True, slots=True)
class Holder:
    """`disconnected_since`: its link is lost; its floor is frozen for the grace time."""

    venue_id: str
    request_id: str | None
    speaker: str
    subject: str
    granted_at: float
    disconnected_since: float | None = None


@dataclass(frozen=True, slots=True)
class Floor:
    """`requests` has the last request of each venue, waiting or not; `queue` the ids of those that
    wait, in order; `holders` by venue in the order of their grants (newest last)."""

    policy: FloorPolicy
    limit: int
    grace_seconds: float
    list_open: bool = True
    last_sequence: int = 0
    queue: tuple[str, ...] = ()
    requests: Mapping[str, FloorRequest] = field(default_factory=dict)
    holders: Mapping[str, Holder] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stage:
    mode: StageMode
    layout: Layout
    slots: StageSlots = (None, None)
    chosen: StageSlots | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    recording_id: str
    policy: RecordingPolicy
    started_at: float
    stopped_at: float | None = None


@dataclass(frozen=True, slots=True)
class SessionState:
    """`last_at` is the time of the newest event: no event is older than the one before it.

    `audio_buses` reserves an unpaired bus for each heard venue for as long as it is heard, also
    while its sound comes with its slot, so that its place is stable.
    """

    session_id: str
    title: str
    version: int
    last_at: float
    phase: Phase
    codec: StageCodec
    recording_policy: RecordingPolicy
    created_at: float
    floor: Floor
    stage: Stage
    started_at: float | None = None
    paused_at: float | None = None
    ended_at: float | None = None
    main_venue_id: str | None = None
    venues: Mapping[str, Venue] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    recording: Recording | None = None
    audio_buses: tuple[str | None, ...] = (None,) * AUDIO_BUS_COUNT

    @property
    def recording_now(self) -> Recording | None:
        """The recording that runs, if one does."""
        if self.recording is None or self.recording.stopped_at is not None:
            return None
        return self.recording


def venue_of(state: SessionState, venue_id: str) -> Venue:
    """The venue. Raises NoSuchVenue."""
    venue = state.venues.get(venue_id)
    if venue is None:
        raise NoSuchVenue
    return venue


def waiting_request(state: SessionState, request_id: str) -> FloorRequest:
    """The waiting request with this id. Raises NoSuchRequest."""
    if request_id in state.floor.queue:
        for request in state.floor.requests.values():
            if request.request_id == request_id:
                return request
    raise NoSuchRequest


def check_link(state: SessionState, link_id: str, now: float) -> Link:
    """A link that may be used now. Raises LinkInvalid, LinkWithdrawn, LinkExpired."""
    link = state.links.get(link_id)
    if link is None:
        raise LinkInvalid
    if link.revoked:
        raise LinkWithdrawn
    if now >= link.expires_at:
        raise LinkExpired
    return link


def heard(state: SessionState) -> tuple[str, ...]:
    """Venues whose microphone reaches everybody: holders in the order of their grants, then open
    venues in the order of the roster; nobody who is muted, and only the main venue in the lobby
    and in a pause."""
    if state.phase not in RUNNING:
        return ()
    holders = state.floor.holders
    entitled = [*holders, *(v.venue_id for v in state.venues.values() if v.open)]
    only_main = state.phase != "live"
    return tuple(
        venue_id
        for venue_id in dict.fromkeys(entitled)
        if not state.venues[venue_id].muted and (not only_main or venue_id == state.main_venue_id)
    )


def open_microphones(state: SessionState) -> frozenset[str]:
    """Branch venues that hold the floor or are open, muted or not: what the limit counts. The
    main venue has a bus of its own."""
    open_venues = {v.venue_id for v in state.venues.values() if v.open}
    return frozenset((open_venues | state.floor.holders.keys()) - {state.main_venue_id})
