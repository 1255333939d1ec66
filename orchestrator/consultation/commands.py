"""What may be asked of a session. The shell turns wire messages into these; `decide` judges them.

Identifiers that must be unique beyond the session (venues, links, recordings, connections) are
made by the shell, since nothing here knows randomness; the rest is counted by the session itself.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.consultation.events import RecordingPolicy, VenueKind
from orchestrator.consultation.view import FloorPolicy, Layout, Role, Source, StageMode

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
NoNul = Field(pattern=r"^[^\x00]*$")
"""PostgreSQL stores no NUL in text."""
VENUE_LIMIT = 300
"""Most venues of a session."""


class Command(BaseModel):
    """Base of every command."""

    model_config = ConfigDict(frozen=True, extra="forbid")


CommandT = TypeVar("CommandT", bound=Command)


# --- set-up: host and admin -----------------------------------------------------------------


class NewVenue(Command):
    """Not a command by itself: one venue of `CreateSession` and `AddVenues`."""

    venue_id: Identifier
    name: Annotated[str, Field(min_length=1, max_length=80), NoNul]
    kind: VenueKind = "branch"


class CreateSession(Command):
    """The first command of a log; exactly one venue is `main`."""

    session_id: Identifier
    title: Annotated[str, Field(min_length=1, max_length=120), NoNul]
    venues: Annotated[tuple[NewVenue, ...], Field(min_length=1, max_length=VENUE_LIMIT)]
    codec: Literal["vp8", "h264"] = "vp8"
    floor_policy: FloorPolicy = "chair"
    layout: Layout = "single"
    recording_policy: RecordingPolicy = "stage_and_speakers"
    open_microphone_limit: Annotated[int, Field(ge=1, le=6)] = 6
    grace_seconds: Annotated[float, Field(ge=0, le=3600)] = 60.0


class AddVenues(Command):
    """More branch venues, until the session ends."""

    venues: Annotated[tuple[NewVenue, ...], Field(min_length=1, max_length=VENUE_LIMIT)]


class NewLink(Command):
    """Not a command by itself: one link of `IssueLinks`."""

    link_id: Identifier
    venue_id: Identifier
    role: Role = "venue"
    expires_at: float


class IssueLinks(Command):
    """Join links, many at once. `replace` revokes the older links of the same venues."""

    links: Annotated[tuple[NewLink, ...], Field(min_length=1, max_length=VENUE_LIMIT)]
    replace: bool = True


class RevokeLink(Command):
    link_id: Identifier


class OpenSession(Command):
    """scheduled → open (lobby, rehearsal)."""


class StartSession(Command):
    """open → live."""


class PauseSession(Command):
    """live → paused."""


class ResumeSession(Command):
    """paused → live."""


class EndSession(Command):
    """open, live or paused → ended: floor, stage and recording end with it."""


# --- floor: venues for themselves, host for any ---------------------------------------------


class RequestFloor(Command):
    """`venue_id` None: the actor's own venue. Gives `FloorRequested` with the new id."""

    venue_id: Identifier | None = None
    subject: Annotated[str, Field(max_length=200)] = ""
    speaker: Annotated[str, Field(max_length=80)] = ""


class CancelRequest(Command):
    request_id: Identifier


class ReleaseFloor(Command):
    """The actor's own venue gives the floor back."""


class GrantFloor(Command):
    """A waiting request, or a venue that did not ask. `exclusive`: revoke all others first."""

    request_id: Identifier | None = None
    venue_id: Identifier | None = None
    exclusive: bool = False


class DenyRequest(Command):
    request_id: Identifier
    reason: Annotated[str, Field(max_length=200)] = ""


class RevokeFloor(Command):
    venue_id: Identifier
    reason: Annotated[str, Field(max_length=200)] = ""


class MoveRequest(Command):
    """`position` counts from 1; beyond the end means last."""

    request_id: Identifier
    position: Annotated[int, Field(ge=1)]
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class SetFloorPolicy(Command):
    """`list_open` False: no new requests."""

    policy: FloorPolicy | None = None
    list_open: bool | None = None


class MuteAll(Command):
    """All but the main venue."""


class SetVenueAudio(Command):
    venue_id: Identifier
    open: bool | None = None
    muted: bool | None = None


# --- stage and recording: host and admin ----------------------------------------------------


class SetStage(Command):
    """`slots` only in `manual`: a slot that is not named keeps what it shows."""

    mode: StageMode
    layout: Layout
    slots: dict[Literal["1", "2"], Identifier | None] = {}


class StartRecording(Command):
    """`recording_id` is made by the shell; policy is the session's."""

    recording_id: Identifier


class StopRecording(Command):
    """Also the server itself, when a recorder failed for good."""


# --- the server itself ----------------------------------------------------------------------


class ConnectVenue(Command):
    """A connection that will publish for the venue. Another client's place is taken only with
    `take_over`; the same `client_id` (a reload) always takes its own."""

    venue_id: Identifier
    connection_id: Identifier
    client_id: Identifier
    take_over: bool = False


class DisconnectVenue(Command):
    """A connection that is no longer the venue's changes nothing."""

    venue_id: Identifier
    connection_id: Identifier
    reason: Annotated[str, Field(max_length=64)] = "closed"


class StartPublication(Command):
    """Gives `PublicationStarted` with the new generation."""

    venue_id: Identifier
    connection_id: Identifier
    source: Source


class EndPublication(Command):
    """An older generation changes nothing."""

    venue_id: Identifier
    source: Source
    generation: int
    reason: Annotated[str, Field(max_length=64)] = "closed"


class ReleaseAbsentHolder(Command):
    """A holder lost for the grace time loses the floor; too early changes nothing."""

    venue_id: Identifier


class ArchiveSession(Command):
    """ended → archived (also the archivist)."""
