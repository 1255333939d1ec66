"""A consumer: what one receiving transport gets of one bus."""

from dataclasses import dataclass

from sfu.control.messages import ConsumerParameters, Target
from sfu.control.rtp import RtpParameters
from sfu.engine.native import PacketEngine
from sfu.routing.bus import Bus
from sfu.routing.ortc import StreamFormat


@dataclass(frozen=True)
class Consumer:
    """`handle` is the engine's."""

    consumer_id: str
    transport_id: str
    target: Target
    bus: Bus
    parameters: RtpParameters
    format: StreamFormat
    handle: int

    def describe(self) -> ConsumerParameters:
        """What the client needs to receive it."""
        return ConsumerParameters(
            consumer_id=self.consumer_id,
            producer_id=self.bus.identity,
            target=self.target,
            kind=self.bus.kind,
            stream_id=self.bus.stream_id,
            rtp_parameters=self.parameters,
        )


def open_consumer(
    engine: PacketEngine,
    *,
    consumer_id: str,
    transport_id: str,
    transport: int,
    target: Target,
    bus: Bus,
    parameters: RtpParameters,
    stream_format: StreamFormat,
) -> Consumer:
    """Let the engine feed the transport from the bus."""
    handle = engine.add_consumer(
        transport,
        bus.handle,
        ssrc=stream_format.ssrc,
        payload_type=stream_format.payload_type,
        clock_rate=stream_format.clock_rate,
        cname=(parameters.rtcp.cname or "").encode(),
        mid=stream_format.mid.encode(),
        mid_extension=stream_format.mid_extension,
        abs_send_time_extension=stream_format.abs_send_time_extension,
        audio_level_extension=stream_format.audio_level_extension,
    )
    return Consumer(consumer_id, transport_id, target, bus, parameters, stream_format, handle)
