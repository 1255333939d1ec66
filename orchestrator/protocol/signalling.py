"""Signalling: JSON-RPC 2.0 over the WebSocket `/signal?session=<id>[&venue=<id>]`.

The cookie of a join link or of an account says who the client is; no message can. The first
request is `session.join`. Commands carry `key`, an idempotency key: repeating a command with the
same key returns the first outcome and changes nothing. Errors are `{code, message, data: {reason}}`
where `reason` is one of `orchestrator.protocol.reasons`.

A foreign Origin is refused with HTTP 403. Everything else is told by the code that the server
closes the WebSocket with (`CLOSE_CODES`). Heartbeats: the server sends WebSocket pings; a client
that hears nothing for 25 s may send `client.ping` and treats a missing answer as a lost connection.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.consultation.view import FloorPolicy, Layout, Role, SessionView, Source, StageMode
from sfu.control.messages import Target, TransportStats
from sfu.control.rtp import (
    DtlsParameters,
    IceCandidate,
    IceParameters,
    Kind,
    RtpCapabilities,
    RtpParameters,
)

SIGNALLING_PROTOCOL = 1
MAX_MESSAGE = 256 * 1024

CLOSE_CODES: dict[int, str] = {
    1000: "the client closed, or left",
    1001: "the server is stopping: come back with back-off, the session goes on",
    1009: "a message was over MAX_MESSAGE",
    1011: "an internal error: come back with back-off",
    4400: "a binary message, or one malformed message after another: a faulty client",
    4401: "no valid sign-in for this session or venue: open the join link or sign in again",
    4403: "the join link was revoked: do not come back with it",
    4404: "no such session or venue",
    4409: "this tab joined again on a newer connection: this one must not come back by itself",
    4408: "too slow to take what is sent: come back and join with last_version",
    4429: "too many messages: come back after 5 s",
}
"""What a close code of the WebSocket tells the client to do."""

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{8,64}$")]
ShortText = Annotated[str, Field(max_length=200)]
Reason = Annotated[str, Field(min_length=1, max_length=200)]


class Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


# --- joining --------------------------------------------------------------------------------


class Join(Message):
    """`session.join`. `client_id` lives as long as the page's tab (a reload keeps it): the same
    client takes its place again; another one must say `take_over`, else it only watches.
    `last_version`/`view_id`: what it has, to be sent only what it missed.
    """

    protocol: int = SIGNALLING_PROTOCOL
    client_id: Key
    publish: bool = True
    take_over: bool = False
    last_version: int | None = None
    transports: Annotated[tuple[Identifier, ...], Field(max_length=8)] | None = None
    """Own media transports that the page still has; the server closes its others at once (a
    reloaded page has none). Left out: all are kept."""
    language: Literal["zh-CN", "en"] = "en"
    user_agent: ShortText = ""


class Joined(Message):
    """`publisher`: this connection publishes for its venue. `occupied`: another one does, and this
    one only watches until it joins again with `take_over`. `view` is absent when `frames` carry
    all that was missed since `last_version`. `generation` is the media generation: changed since
    the client's last → drop transports and set media up again.
    """

    role: Role
    venue_id: str | None
    publisher: bool
    occupied: bool
    version: int
    server_time: float
    view: SessionView | None = None
    frames: tuple["EventFrame", ...] = ()
    generation: int
    media_ready: bool
    transports: tuple[str, ...] = ()
    """Own media transports that still run at the server from before (a lost WebSocket, a restart
    of the server): go on using them; one that is not named here must be created again."""


class Ping(Message):
    """`client.ping` → {}: the client's heartbeat, also allowed before `session.join`."""


class Leave(Message):
    """`session.leave`: the page closes on purpose; the server forgets it at once."""


class VisibleEvent(Message):
    """An event of the session log as this viewer may see it."""

    version: int
    at: float
    type: str
    data: dict[str, Any]


class EventFrame(Message):
    """Notification `session.events`: what happened up to `version`, and how the view changes:
    `patch` is a JSON merge patch (RFC 7396) to the client's view. Versions may skip."""

    version: int
    events: tuple[VisibleEvent, ...]
    patch: dict[str, Any]


# --- commands of a venue --------------------------------------------------------------------


class Command(Message):
    key: Key


class RequestFloor(Command):
    """`floor.request`. `venue_id` only from the host, who may ask on a venue's behalf."""

    subject: ShortText = ""
    speaker: Annotated[str, Field(max_length=80)] = ""
    venue_id: Identifier | None = None


class CancelRequest(Command):
    """`floor.cancel`: a venue its own request, the host any."""

    request_id: Identifier


class ReleaseFloor(Command):
    """`floor.release`: a holder gives the floor back."""


# --- commands of the host -------------------------------------------------------------------


class GrantFloor(Command):
    """`floor.grant`: a request, or a venue that did not ask. `exclusive`: revoke others first."""

    request_id: Identifier | None = None
    venue_id: Identifier | None = None
    exclusive: bool = False


class DenyRequest(Command):
    """`floor.deny`."""

    request_id: Identifier
    reason: ShortText = ""


class RevokeFloor(Command):
    """`floor.revoke`."""

    venue_id: Identifier
    reason: ShortText = ""


class MoveRequest(Command):
    """`floor.move`: the chair changes the order, and says why. `position` counts from 1."""

    request_id: Identifier
    position: Annotated[int, Field(ge=1, le=1000)]
    reason: Reason


class SetFloorPolicy(Command):
    """`floor.policy`; `list_open` False: no new requests."""

    policy: FloorPolicy | None = None
    list_open: bool | None = None


class MuteAll(Command):
    """`floor.mute_all`: every venue but the main one is silent until unmuted or granted."""


class SetVenueAudio(Command):
    """`venue.audio`: `open` hears it without the floor; `muted` silences it whatever it holds."""

    venue_id: Identifier
    open: bool | None = None
    muted: bool | None = None


class SetStage(Command):
    """`stage.set`: what is on stage. `slots` (slot number → venue id or null) only in `manual`."""

    mode: StageMode
    layout: Layout
    slots: dict[Literal["1", "2"], Identifier | None] = {}


class SessionCommand(Command):
    """`session.open`, `session.start`, `session.pause`, `session.resume`, `session.end`."""


class RecordingCommand(Command):
    """`recording.start`, `recording.stop`."""


class Accepted(Message):
    """Result of every command: the log version at which its events stand. `repeated`: this key
    had been carried out before. `request_id` for `floor.request`."""

    version: int
    repeated: bool = False
    request_id: str | None = None


# --- media ----------------------------------------------------------------------------------


class MediaCapabilities(Message):
    """`media.capabilities` → router RTP capabilities for `mediasoup-client`'s `Device.load`."""


class CapabilitiesResult(Message):
    generation: int
    rtp_capabilities: RtpCapabilities


class CreateTransport(Message):
    """`media.transport.create`. One of each direction per connection; again replaces it.
    Refused with `media_reset` when `generation` is not the present one."""

    generation: int
    direction: Literal["send", "recv"]


class TransportResult(Message):
    transport_id: str
    ice_parameters: IceParameters
    ice_candidates: tuple[IceCandidate, ...]
    dtls_parameters: DtlsParameters


class ConnectTransport(Message):
    """`media.transport.connect`: answered at once; DTLS follows."""

    transport_id: Identifier
    dtls_parameters: DtlsParameters


class RestartIce(Message):
    """`media.transport.restart_ice` → `IceParameters`."""

    transport_id: Identifier


class Produce(Message):
    """`media.produce`: publish a source of the own venue. Refused with `not_publisher` for a
    connection that only watches."""

    transport_id: Identifier
    kind: Kind
    source: Source
    rtp_parameters: RtpParameters


class ProduceResult(Message):
    """`publication_generation` counts the lives of this source of this venue."""

    producer_id: str
    publication_generation: int


class CloseProducer(Message):
    """`media.producer.close`."""

    producer_id: Identifier


class Consume(Message):
    """`media.consume`: all stage slots and audio buses at once, and `wall_tiles` switched tiles
    (host and technician only). Called once per receiving transport; never again for a change of
    speaker."""

    transport_id: Identifier
    rtp_capabilities: RtpCapabilities
    wall_tiles: Annotated[int, Field(ge=0, le=25)] = 0


class ConsumerResult(Message):
    consumer_id: str
    producer_id: str
    target: Target
    kind: Kind
    stream_id: str
    rtp_parameters: RtpParameters


class ConsumeResult(Message):
    consumers: tuple[ConsumerResult, ...]


class SetWall(Message):
    """`media.wall`: venue of each tile (tile number → venue id or null); host and technician."""

    tiles: dict[Annotated[str, Field(pattern=r"^([1-9]|1[0-9]|2[0-5])$")], Identifier | None]


class RequestKeyFrame(Message):
    """`media.key_frame`."""

    consumer_id: Identifier


class MediaReset(Message):
    """Notification `media.reset`: drop all transports; set up again with this generation. With
    `ready` False there is no worker now: wait for the next one."""

    generation: int
    ready: bool
    reason: str


class TransportNotice(Message):
    """Notification `media.transport`: state of an own transport as the server sees it."""

    transport_id: str
    state: Literal["connecting", "connected", "disconnected", "failed", "closed"]


class StageSwitched(Message):
    """Notification `stage.switched`: the slot's new picture is on its way, at this moment."""

    slot: int
    kind: Kind
    venue_id: str | None


# --- client condition and monitoring --------------------------------------------------------


class ClientReport(Message):
    """`client.report`: what only the page knows; shown to technicians, never trusted for more.
    `received` are its own decoder's figures."""

    sound_blocked: bool = False
    camera: Literal["ok", "none", "refused", "lost", "off"] = "none"
    microphone: Literal["ok", "none", "refused", "lost", "off"] = "none"
    visible: bool = True
    frames_per_second: Annotated[float, Field(ge=0, le=1000)] | None = None
    freeze_count: Annotated[int, Field(ge=0)] | None = None


class SubscribeMonitor(Message):
    """`monitor.subscribe`, `monitor.unsubscribe` (host, technician, admin)."""


class VenueHealth(Message):
    """State of one venue, both directions, as of the last second."""

    venue_id: str
    name: str
    connected: bool
    connection_state: str
    report: ClientReport | None
    transports: tuple[TransportStats, ...]


class RecorderHealth(Message):
    """The capture of the running recording. `state` `lost`: the recorder does not answer; it is
    started again and goes on by itself, and the session goes on meanwhile."""

    state: Literal["recording", "waiting_for_worker", "stopped", "failed", "lost"]
    tracks: int = 0
    bytes_written: int = 0
    gaps: int = 0
    reason: str = ""


class MonitorStats(Message):
    """Notification `monitor.stats`, each second. `recorder` while a recording runs."""

    server_time: float
    venues: tuple[VenueHealth, ...]
    recorder: RecorderHealth | None = None


class Superseded(Message):
    """Notification `session.superseded`: another connection publishes for this venue now."""


class LinkRevoked(Message):
    """Notification `session.link_revoked`, then the server closes with code 4403."""


METHODS: dict[str, type[Message]] = {
    "session.join": Join,
    "session.leave": Leave,
    "session.open": SessionCommand,
    "session.start": SessionCommand,
    "session.pause": SessionCommand,
    "session.resume": SessionCommand,
    "session.end": SessionCommand,
    "floor.request": RequestFloor,
    "floor.cancel": CancelRequest,
    "floor.release": ReleaseFloor,
    "floor.grant": GrantFloor,
    "floor.deny": DenyRequest,
    "floor.revoke": RevokeFloor,
    "floor.move": MoveRequest,
    "floor.policy": SetFloorPolicy,
    "floor.mute_all": MuteAll,
    "venue.audio": SetVenueAudio,
    "stage.set": SetStage,
    "recording.start": RecordingCommand,
    "recording.stop": RecordingCommand,
    "media.capabilities": MediaCapabilities,
    "media.transport.create": CreateTransport,
    "media.transport.connect": ConnectTransport,
    "media.transport.restart_ice": RestartIce,
    "media.produce": Produce,
    "media.producer.close": CloseProducer,
    "media.consume": Consume,
    "media.wall": SetWall,
    "media.key_frame": RequestKeyFrame,
    "client.report": ClientReport,
    "client.ping": Ping,
    "monitor.subscribe": SubscribeMonitor,
    "monitor.unsubscribe": SubscribeMonitor,
}
"""Method name → params."""

RESULTS: dict[str, type[BaseModel]] = {
    "session.join": Joined,
    "media.capabilities": CapabilitiesResult,
    "media.transport.create": TransportResult,
    "media.transport.restart_ice": IceParameters,
    "media.produce": ProduceResult,
    "media.consume": ConsumeResult,
}
"""Result of a method; commands (params with `key`) answer `Accepted`, the others `{}`."""

NOTIFICATIONS: dict[str, type[Message]] = {
    "session.events": EventFrame,
    "session.superseded": Superseded,
    "session.link_revoked": LinkRevoked,
    "media.reset": MediaReset,
    "media.transport": TransportNotice,
    "stage.switched": StageSwitched,
    "monitor.stats": MonitorStats,
}
