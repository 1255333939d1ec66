"""What one viewer may know of a session: the projection that clients render.

Sent whole in a snapshot and as JSON merge patches (RFC 7396) afterwards. Keyed collections are
objects, so that patches stay small; a null in a patch removes a key, so absent values are left
out (`exclude_none`), never null.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Phase = Literal["scheduled", "open", "live", "paused", "ended", "archived"]
FloorPolicy = Literal["chair", "fifo"]
Layout = Literal["single", "side_by_side"]
StageMode = Literal["follow_floor", "manual"]
RequestStatus = Literal[
    "pending", "accepted", "granted", "released", "revoked", "denied", "cancelled"
]
Role = Literal["admin", "host", "technician", "archivist", "venue", "member", "public", "system"]
Source = Literal["camera", "microphone", "screen", "screen_audio"]


class View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SessionSummary(View):
    """Times are Unix seconds of the server's clock."""

    session_id: str
    title: str
    phase: Phase
    codec: Literal["vp8", "h264"]
    created_at: float
    started_at: float | None = None
    paused_at: float | None = None
    ended_at: float | None = None


class VenueView(View):
    """`heard`: its microphone reaches everybody. `open`: heard without holding the floor.
    `publications`: newest generation of each source that it publishes now.
    """

    venue_id: str
    name: str
    kind: Literal["main", "branch"]
    order: int
    connected: bool
    publications: dict[Source, int]
    open: bool
    muted: bool
    holder: bool
    heard: bool


class FloorRequestView(View):
    """`position` counts from 1 among those waiting. `subject` only to host and the venue itself
    and, once granted, to all."""

    request_id: str
    venue_id: str
    speaker: str = ""
    subject: str = ""
    status: RequestStatus
    position: int | None = None
    requested_at: float
    moved_reason: str | None = None


class HolderView(View):
    venue_id: str
    request_id: str | None = None
    speaker: str = ""
    subject: str = ""
    granted_at: float
    disconnected_since: float | None = None


class FloorView(View):
    """`requests`: those waiting (pending or accepted), by id; `queue`: their ids in order."""

    policy: FloorPolicy
    list_open: bool
    limit: int
    queue: tuple[str, ...]
    requests: dict[str, FloorRequestView]
    holders: dict[str, HolderView]


class SlotView(View):
    """`venue_id` left out: an empty place, drawn as a slate."""

    slot: int
    venue_id: str | None = None
    source: Source = "camera"


class StageView(View):
    mode: StageMode
    layout: Layout
    slots: dict[str, SlotView]


class RecordingView(View):
    recording_id: str
    state: Literal["recording", "stopped"]
    policy: Literal["stage", "stage_and_speakers", "everything"]
    started_at: float
    stopped_at: float | None = None


class YouView(View):
    """Who the viewer is to the server, and, for a venue, its own last request."""

    role: Role
    venue_id: str | None = None
    request: FloorRequestView | None = None


class SessionView(View):
    session: SessionSummary
    venues: dict[str, VenueView]
    floor: FloorView
    stage: StageView
    recording: RecordingView | None = None
    you: YouView
