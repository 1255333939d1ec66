"""Figures of streams from differences of the engine's counters: counters in, `StreamStats` out."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from sfu.control.messages import StreamStats
from sfu.engine.native import ConsumerCounters, StreamCounters
from sfu.routing.consumer import Consumer
from sfu.routing.producer import Producer

Counters_co = TypeVar("Counters_co", covariant=True)


@dataclass(frozen=True)
class Sample(Generic[Counters_co]):
    """Counters_co as of a moment of the worker's monotonic clock."""

    at_ns: int
    counters: Counters_co


def incoming(
    producer: Producer, before: Sample[StreamCounters] | None, now: Sample[StreamCounters]
) -> StreamStats:
    """A publication as it arrives; loss is what was lost in the interval after repairs."""
    counters = now.counters
    earlier, seconds = _interval(before, now)
    expected = counters.expected - (earlier.expected if earlier else 0)
    lost = counters.lost - (earlier.lost if earlier else 0)
    return StreamStats(
        direction="in",
        kind=producer.kind,
        publication=producer.publication,
        bitrate=_rate(counters.bytes, earlier.bytes if earlier else None, seconds) * 8,
        packets=counters.packets,
        packets_lost=counters.lost,
        loss=min(max(lost / expected, 0.0), 1.0) if earlier and expected > 0 else 0.0,
        jitter_ms=1000 * counters.jitter / producer.format.clock_rate,
        width=counters.width or None,
        height=counters.height or None,
        frame_rate=_frame_rate(producer, counters, earlier, seconds),
        nack_count=counters.nacks_sent,
        pli_count=counters.plis_sent,
        key_frames=counters.key_frames,
    )


def outgoing(
    consumer: Consumer,
    before: Sample[ConsumerCounters] | None,
    now: Sample[ConsumerCounters],
    source: StreamStats | None,
) -> StreamStats:
    """What a viewer is sent. Picture size and frame rate are those of the present source."""
    counters = now.counters
    earlier, seconds = _interval(before, now)
    return StreamStats(
        direction="out",
        kind=consumer.bus.kind,
        publication=source.publication if source else None,
        target=consumer.target,
        bitrate=_rate(counters.bytes, earlier.bytes if earlier else None, seconds) * 8,
        packets=counters.packets,
        packets_lost=counters.lost,
        loss=min(max(counters.fraction_lost, 0.0), 1.0),
        jitter_ms=1000 * counters.jitter / consumer.format.clock_rate,
        round_trip_ms=counters.round_trip_us / 1000 if counters.round_trip_us else None,
        width=source.width if source else None,
        height=source.height if source else None,
        frame_rate=source.frame_rate if source else None,
        nack_count=counters.nacks_received,
        pli_count=counters.plis_received,
        key_frames=0,
    )


def idle(before: Sample[ConsumerCounters] | None, now: Sample[ConsumerCounters]) -> bool:
    """Nothing feeds it and nothing was sent since: not worth a line to the orchestrator."""
    sent = now.counters.packets - (before.counters.packets if before else 0)
    return now.counters.current_stream == 0 and sent == 0


def _interval(
    before: Sample[Counters_co] | None, now: Sample[Counters_co]
) -> tuple[Counters_co | None, float]:
    if before is None or now.at_ns <= before.at_ns:
        return None, 0.0
    return before.counters, (now.at_ns - before.at_ns) / 1e9


def _rate(total: int, before: int | None, seconds: float) -> float:
    """Per second; 0 until there is an interval."""
    return max(total - before, 0) / seconds if before is not None and seconds else 0.0


def _frame_rate(
    producer: Producer,
    counters: StreamCounters,
    earlier: StreamCounters | None,
    seconds: float,
) -> float | None:
    if producer.kind != "video" or earlier is None:
        return None
    return round(_rate(counters.frames, earlier.frames, seconds), 1)
