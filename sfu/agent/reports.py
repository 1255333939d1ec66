"""Once a second: what every stream does, to the conductor of its session."""

import time
from collections.abc import Iterable

from sfu.agent.server import Connection
from sfu.agent.sessions import Sessions
from sfu.control.messages import Stats, StreamStats, TransportStats, WorkerStats
from sfu.engine.native import ConsumerCounters, PacketEngine, StreamCounters
from sfu.routing.measurement import Sample, idle, incoming, outgoing
from sfu.routing.router import Member, Router

TRANSPORTS_PER_FRAME = 32


class Reporter:
    """Keeps the last samples, so that each report covers the time since the one before."""

    def __init__(self, engine: PacketEngine, sessions: Sessions) -> None:
        self._engine = engine
        self._sessions = sessions
        self._streams: dict[int, Sample[StreamCounters]] = {}
        self._consumers: dict[int, Sample[ConsumerCounters]] = {}

    def report(self, connections: Iterable[Connection]) -> None:
        """Send one report of everything."""
        streams: dict[int, Sample[StreamCounters]] = {}
        consumers: dict[int, Sample[ConsumerCounters]] = {}
        for session in self._sessions.all():
            if session.conductor is None:
                continue
            transports = self._measure(session.router, streams, consumers)
            now = time.monotonic_ns()
            for start in range(0, len(transports), TRANSPORTS_PER_FRAME):
                session.conductor.notify(
                    "stats",
                    Stats(
                        session_id=session.router.session_id,
                        monotonic_ns=now,
                        transports=tuple(transports[start : start + TRANSPORTS_PER_FRAME]),
                    ),
                )
        self._streams, self._consumers = streams, consumers
        self._report_worker(connections)

    def _measure(
        self,
        router: Router,
        streams: dict[int, Sample[StreamCounters]],
        consumers: dict[int, Sample[ConsumerCounters]],
    ) -> list[TransportStats]:
        sources: dict[int, StreamStats] = {}
        for producer in router.producers():
            now = Sample(time.monotonic_ns(), self._engine.stream_counters(producer.stream))
            sources[producer.stream] = incoming(producer, self._streams.get(producer.stream), now)
            streams[producer.stream] = now
        return [
            TransportStats(
                transport_id=member.transport.transport_id,
                venue_id=member.transport.venue_id,
                direction=member.transport.direction,
                state=member.transport.state,
                streams=(
                    *(sources[producer.stream] for producer in member.producers.values()),
                    *self._outgoing(member, sources, consumers),
                ),
            )
            for member in router.members.values()
        ]

    def _outgoing(
        self,
        member: Member,
        sources: dict[int, StreamStats],
        consumers: dict[int, Sample[ConsumerCounters]],
    ) -> Iterable[StreamStats]:
        for consumer in member.consumers.values():
            before = self._consumers.get(consumer.handle)
            now = Sample(time.monotonic_ns(), self._engine.consumer_counters(consumer.handle))
            consumers[consumer.handle] = now
            if not idle(before, now):
                source = sources.get(now.counters.current_stream)
                yield outgoing(consumer, before, now, source)

    def _report_worker(self, connections: Iterable[Connection]) -> None:
        counters = self._engine.counters()
        stats = WorkerStats(
            packets_in=counters.packets_in,
            packets_out=counters.packets_out,
            bytes_in=counters.bytes_in,
            bytes_out=counters.bytes_out,
            send_calls=counters.send_calls,
            gso_messages=counters.gso_messages,
            dropped_events=counters.dropped_events,
            invalid_datagrams=counters.invalid_datagrams,
            engine_cpu_seconds=counters.cpu_ns / 1e9,
            transports=self._sessions.transport_count,
        )
        for connection in connections:
            if connection.greeted:
                connection.notify("worker.stats", stats)
