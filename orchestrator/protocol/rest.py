"""Bodies of the REST API. Errors everywhere: `{"error": {"code", "message", "details"?}}`.

Authentication is a cookie (HttpOnly, SameSite=Strict): `plenary_account` for accounts,
`plenary_venue_<session_id>_<venue_id>` for join links
(so that one browser may hold several venues in several tabs). Every request that changes something
needs an allowed Origin.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.consultation.view import FloorPolicy, Layout, Phase, Role

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Password = Annotated[str, Field(min_length=10, max_length=200)]
Username = Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]{2,64}$")]


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Setup(Body):
    """POST /api/setup: redeem the one-time link of the first start. → Account"""

    token: Annotated[str, Field(max_length=200)]
    username: Username = "admin"
    password: Password


class Login(Body):
    """POST /api/login → Account; POST /api/logout → {}; GET /api/me → Me."""

    username: Annotated[str, Field(max_length=64)]
    password: Annotated[str, Field(max_length=200)]


class Account(Body):
    username: str
    roles: tuple[Role, ...]


class NewAccount(Body):
    """POST /api/accounts (admin) → Account; GET /api/accounts → {"accounts": [Account]}."""

    username: Username
    password: Password
    roles: Annotated[
        tuple[Literal["admin", "host", "technician", "archivist"], ...], Field(min_length=1)
    ]


class Me(Body):
    """`setup_needed`: no account exists yet. `account` absent: not signed in."""

    account: Account | None = None
    setup_needed: bool = False


class NewVenue(Body):
    name: Name
    kind: Literal["main", "branch"] = "branch"


class NewSession(Body):
    """POST /api/sessions (host) → SessionDetail. Exactly one venue is `main`."""

    title: Annotated[str, Field(min_length=1, max_length=120)]
    venues: Annotated[tuple[NewVenue, ...], Field(min_length=1, max_length=300)]
    floor_policy: FloorPolicy = "chair"
    layout: Layout = "single"
    recording_policy: Literal["stage", "stage_and_speakers", "everything"] = "stage_and_speakers"
    open_microphone_limit: Annotated[int, Field(ge=1, le=6)] = 6


class AddVenues(Body):
    """POST /api/sessions/{session_id}/venues (host) → SessionDetail."""

    venues: Annotated[tuple[NewVenue, ...], Field(min_length=1, max_length=300)]


class VenueCsv(Body):
    """POST /api/venues/csv → ParsedVenues: nothing is stored. Columns: name[, kind]; header
    optional, Chinese headers (名称, 类型) and kinds (主会场, 分会场) understood; separated by
    comma, tab or semicolon."""

    text: Annotated[str, Field(max_length=200_000)]


class CsvProblem(Body):
    line: int
    code: str
    message: str


class ParsedVenues(Body):
    venues: tuple[NewVenue, ...]
    problems: tuple[CsvProblem, ...]


class VenueLink(Body):
    """The join link of a venue. `url` is absolute: `<public_url>/join/<token>`."""

    venue_id: str
    name: str
    kind: Literal["main", "branch"]
    url: str
    expires_at: float
    revoked: bool = False


class SessionItem(Body):
    session_id: str
    title: str
    phase: Phase
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    venue_count: int
    connected_count: int


class SessionList(Body):
    """GET /api/sessions."""

    sessions: tuple[SessionItem, ...]


class SessionDetail(Body):
    """GET /api/sessions/{session_id}. GET /api/sessions/{session_id}/venues/{venue_id}/qr.svg gives
    the QR code; POST …/venues/{venue_id}/link → VenueLink revokes the old link and makes a new one.
    """

    session: SessionItem
    links: tuple[VenueLink, ...]


class JoinLink(Body):
    """POST /api/join: exchange the token of a link for a cookie. → JoinedVenue"""

    token: Annotated[str, Field(max_length=2000)]


class JoinedVenue(Body):
    """Also GET /api/venue?session=…&venue=… (who does my cookie say I am).

    `records_closed_microphones`: the session's recording policy is `everything`; the page says so
    before the venue joins.
    """

    session_id: str
    session_title: str
    venue_id: str
    venue_name: str
    kind: Literal["main", "branch"]
    phase: Phase
    records_closed_microphones: bool


class RecordingItem(Body):
    """`state`: `recording` → `captured` → `finalizing` (progress 0–1) → `ready` | `failed`."""

    recording_id: str
    session_id: str
    session_title: str
    state: Literal["recording", "captured", "finalizing", "ready", "failed"]
    progress: float = 0.0
    started_at: float
    ended_at: float | None = None
    duration: float | None = None
    size: int | None = None
    error: str | None = None


class RecordingList(Body):
    """GET /api/recordings (archivist, host, admin)."""

    recordings: tuple[RecordingItem, ...]


class Chapter(Body):
    """Seconds from the start of the program."""

    start: float
    end: float
    title: str
    venue_id: str | None = None


class TrackItem(Body):
    """One captured track file; GET /api/recordings/{recording_id}/files/{name} downloads it."""

    name: str
    venue_id: str
    venue_name: str
    source: str
    size: int
    started_at: float


class RecordingDetail(Body):
    """GET /api/recordings/{recording_id}. Files: …/files/program.webm (ranges), chapters.vtt,
    manifest.jsonl; POST …/finalize tries again; POST …/verify → Verification."""

    recording: RecordingItem
    chapters: tuple[Chapter, ...]
    tracks: tuple[TrackItem, ...]
    files: tuple[str, ...]


class VerificationProblem(Body):
    file: str
    code: str
    message: str


class Verification(Body):
    """`intact`: every segment's hash and the chain agree with the files."""

    intact: bool
    segments: int
    bytes: int
    problems: tuple[VerificationProblem, ...]
    checked_at: float


class ErrorBody(Body):
    code: str
    message: str
    details: list[dict[str, object]] | None = None
