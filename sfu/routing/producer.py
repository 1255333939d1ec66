"""A producer: one publication as it arrives on one transport."""

from dataclasses import dataclass

from sfu.control.errors import NotPermitted
from sfu.control.plan import PublicationKey, Source
from sfu.control.rtp import Kind
from sfu.engine.native import H264, OPUS, VP8, PacketEngine
from sfu.routing.ortc import StreamFormat

KIND_OF: dict[Source, Kind] = {
    "camera": "video",
    "screen": "video",
    "microphone": "audio",
    "screen_audio": "audio",
}
_ENGINE_CODECS = {"audio/opus": OPUS, "video/VP8": VP8, "video/H264": H264}


@dataclass(frozen=True)
class Producer:
    """`stream` is the engine's handle, `tag` the stream's name on taps."""

    producer_id: str
    transport_id: str
    publication: PublicationKey
    kind: Kind
    format: StreamFormat
    stream: int
    tag: int


def open_producer(
    engine: PacketEngine,
    *,
    producer_id: str,
    transport_id: str,
    transport: int,
    publication: PublicationKey,
    kind: Kind,
    stream_format: StreamFormat,
    tag: int,
) -> Producer:
    """Let the engine expect the stream. Raises NotPermitted for a source of the other kind."""
    if KIND_OF[publication.source] != kind:
        raise NotPermitted(f"a {publication.source} is not {kind}")
    stream = engine.add_stream(
        transport,
        ssrc=stream_format.ssrc,
        payload_type=stream_format.payload_type,
        codec=_ENGINE_CODECS[stream_format.mime_type],
        clock_rate=stream_format.clock_rate,
        tag=tag,
        mid=stream_format.mid.encode(),
        mid_extension=stream_format.mid_extension,
        abs_send_time_extension=stream_format.abs_send_time_extension,
        audio_level_extension=stream_format.audio_level_extension,
    )
    return Producer(producer_id, transport_id, publication, kind, stream_format, stream, tag)
