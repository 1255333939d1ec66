"""Requests, replies and notifications on the connection conductor → worker.

Framing: 4 bytes big-endian length, then one UTF-8 JSON object, at most `MAX_FRAME` bytes.
Request: `{"id": n, "method": "...", "params": {...}}`; reply: `{"id": n, "result": {...}}` or
`{"id": n, "error": {"code": "...", "message": "..."}}`; notification: `{"event": "...",
"params": {...}}`. Every request for a session carries the conductor's epoch; a worker refuses an
older one with `stale_epoch`.
"""

from typing import Annotated, Literal

from pydantic import Field

from sfu.control.plan import (
    WALL_TILE_LIMIT,
    Frozen,
    Identifier,
    MediaPlan,
    PublicationKey,
    SourceRef,
)
from sfu.control.rtp import (
    DtlsParameters,
    IceCandidate,
    IceParameters,
    Kind,
    RtpCapabilities,
    RtpParameters,
)

PROTOCOL = 1
MAX_FRAME = 1 << 20

Epoch = Annotated[int, Field(ge=1)]


# --- requests -------------------------------------------------------------------------------


class Hello(Frozen):
    """First request on a connection (`hello`)."""

    protocol: int = PROTOCOL


class HelloReply(Frozen):
    """`boot_id` changes with each start of the worker: state of an older one is gone."""

    worker_id: Identifier
    boot_id: str
    protocol: int
    tap_address: str
    candidates: tuple[IceCandidate, ...]


class ApplyPlan(Frozen):
    """Make this session run as planned (`session.apply`)."""

    epoch: Epoch
    plan: MediaPlan


class Applied(Frozen):
    log_version: int


class CloseSession(Frozen):
    """End everything of a session (`session.close`)."""

    epoch: Epoch
    session_id: Identifier


class Capabilities(Frozen):
    """Router capabilities for a codec (`router.capabilities`); reply: `RtpCapabilities`."""

    codec: Literal["vp8", "h264"] = "vp8"


class CreateTransport(Frozen):
    """One WebRTC transport (`transport.create`); the orchestrator chooses its id.

    `venue_id` is None for viewers that are no venue (host page, technician).
    """

    epoch: Epoch
    session_id: Identifier
    transport_id: Identifier
    direction: Literal["send", "recv"]
    venue_id: Identifier | None = None
    force_tcp: bool = False
    client: Identifier | None = None
    """Opaque name of the client it belongs to; kept and given back by `session.describe`."""


class TransportParameters(Frozen):
    transport_id: Identifier
    ice_parameters: IceParameters
    ice_candidates: tuple[IceCandidate, ...]
    dtls_parameters: DtlsParameters


class ConnectTransport(Frozen):
    """The client's DTLS parameters (`transport.connect`); replied at once, before DTLS."""

    transport_id: Identifier
    dtls_parameters: DtlsParameters


class CloseTransport(Frozen):
    """(`transport.close`), with its producers and consumers; unknown ids are no error."""

    transport_id: Identifier


class RestartIce(Frozen):
    """New credentials for a transport (`transport.restart_ice`); reply: `IceParameters`."""

    transport_id: Identifier


class CreateProducer(Frozen):
    """A publication starts (`producer.create`)."""

    transport_id: Identifier
    producer_id: Identifier
    publication: PublicationKey
    kind: Kind
    rtp_parameters: RtpParameters


class CloseProducer(Frozen):
    """(`producer.close`); unknown ids are no error."""

    producer_id: Identifier


class SlotTarget(Frozen):
    """Consume the video or the paired audio of a stage slot."""

    type: Literal["slot"] = "slot"
    slot: Annotated[int, Field(ge=1, le=9)]
    kind: Kind


class AudioBusTarget(Frozen):
    """Consume an unpaired audio bus."""

    type: Literal["audio_bus"] = "audio_bus"
    bus: Annotated[int, Field(ge=1, le=16)]


class WallTarget(Frozen):
    """A switched wall tile private to this transport; its source is set by `wall.set`."""

    type: Literal["wall"] = "wall"
    tile: Annotated[int, Field(ge=1, le=WALL_TILE_LIMIT)]


Target = Annotated[SlotTarget | AudioBusTarget | WallTarget, Field(discriminator="type")]


class CreateConsumers(Frozen):
    """Consumers of buses on a receiving transport (`consumers.create`)."""

    transport_id: Identifier
    rtp_capabilities: RtpCapabilities
    targets: Annotated[tuple[Target, ...], Field(min_length=1, max_length=64)]


class ConsumerParameters(Frozen):
    """What `mediasoup-client`'s `transport.consume()` needs.

    `producer_id` is the bus's stable identity; `stream_id` is shared by a slot's video and its
    paired audio so that the browser keeps lip sync.
    """

    consumer_id: Identifier
    producer_id: Identifier
    target: Target
    kind: Kind
    stream_id: str
    rtp_parameters: RtpParameters


class Consumers(Frozen):
    consumers: tuple[ConsumerParameters, ...]


class WallTile(Frozen):
    tile: Annotated[int, Field(ge=1, le=WALL_TILE_LIMIT)]
    source: SourceRef | None


class SetWall(Frozen):
    """Give venues to the wall tiles of one transport (`wall.set`). Cameras and screens only."""

    transport_id: Identifier
    tiles: Annotated[tuple[WallTile, ...], Field(max_length=WALL_TILE_LIMIT)]


class RequestKeyFrame(Frozen):
    """A viewer's decoder asks for a fresh picture (`consumer.key_frame`)."""

    consumer_id: Identifier


class DescribeSession(Frozen):
    """What runs of a session (`session.describe`): an orchestrator that starts again finds the
    transports of its clients by it. A session the worker does not know has no transports."""

    epoch: Epoch
    session_id: Identifier


class ProducerDescription(Frozen):
    producer_id: Identifier
    publication: PublicationKey
    kind: Kind


class ConsumerDescription(Frozen):
    consumer_id: Identifier
    target: Target


class TransportDescription(Frozen):
    """`client` as given to `transport.create`."""

    transport_id: Identifier
    direction: Literal["send", "recv"]
    venue_id: Identifier | None
    client: Identifier | None
    state: Literal["connecting", "connected", "disconnected", "failed", "closed"]
    producers: tuple[ProducerDescription, ...] = ()
    consumers: tuple[ConsumerDescription, ...] = ()


class SessionDescription(Frozen):
    """`log_version` of the newest plan applied; 0 when there was none."""

    log_version: int
    transports: tuple[TransportDescription, ...] = ()


class Empty(Frozen):
    """The reply of requests that have nothing to say but "done"."""


# --- notifications --------------------------------------------------------------------------


class TransportState(Frozen):
    """`transport.state`: `connected` after DTLS; `failed` when consent expired (RFC 7675)."""

    session_id: Identifier
    transport_id: Identifier
    state: Literal["connecting", "connected", "disconnected", "failed", "closed"]
    reason: str = ""
    srtp_profile: str = ""


class SlotSwitched(Frozen):
    """`slot.switched`: a bus changed its source, at this packet.

    `monotonic_ns` is the worker's clock, `rtp_timestamp` the source's own.
    """

    session_id: Identifier
    slot: int
    kind: Kind
    publication: PublicationKey | None
    monotonic_ns: int
    rtp_timestamp: int


class StreamStats(Frozen):
    """One RTP stream, one direction, over the last interval; counters as in RFC 3550.

    Units: bit/s, fraction 0–1, ms, pixels, frames/s. `direction` is the worker's view: `in` from
    the venue, `out` to the venue. `loss` and `round_trip_ms` of `out` come from the venue's
    receiver reports.
    """

    direction: Literal["in", "out"]
    kind: Kind
    publication: PublicationKey | None = None
    target: Target | None = None
    bitrate: float
    packets: int
    packets_lost: int
    loss: float
    jitter_ms: float
    round_trip_ms: float | None = None
    width: int | None = None
    height: int | None = None
    frame_rate: float | None = None
    nack_count: int = 0
    pli_count: int = 0
    key_frames: int = 0


class TransportStats(Frozen):
    transport_id: Identifier
    venue_id: Identifier | None
    direction: Literal["send", "recv"]
    state: str
    streams: tuple[StreamStats, ...]


class Stats(Frozen):
    """`stats`: once a second per session, in frames of at most 32 transports."""

    session_id: Identifier
    monotonic_ns: int
    transports: tuple[TransportStats, ...]


class WorkerStats(Frozen):
    """`worker.stats`: once a second for the whole worker."""

    packets_in: int
    packets_out: int
    bytes_in: int
    bytes_out: int
    send_calls: int
    gso_messages: int
    dropped_events: int
    invalid_datagrams: int
    engine_cpu_seconds: float
    transports: int


# --- recorder -------------------------------------------------------------------------------


class StartRecording(Frozen):
    """To a recorder: tap this session (`recording.start`); repeating it is no error.

    `folder` is relative to the recorder's recordings folder.
    """

    session_id: Identifier
    recording_id: Identifier
    tap_address: str
    folder: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]


class StopRecording(Frozen):
    """To a recorder: end the capture, close files, complete the manifest (`recording.stop`)."""

    recording_id: Identifier


class RecordingState(Frozen):
    """From a recorder, on each change and once a second (`recording.state`)."""

    recording_id: Identifier
    state: Literal["recording", "waiting_for_worker", "stopped", "failed"]
    tracks: int = 0
    bytes_written: int = 0
    gaps: int = 0
    reason: str = ""
