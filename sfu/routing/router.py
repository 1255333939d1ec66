"""A router: everything of one session that runs in this worker, made to match its plan.

The plan alone decides. Viewers consume buses only, and a bus is fed only from what the plan
names, so a microphone that is not open is on no bus, whatever any client asks for.
"""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from sfu.control.errors import BadRequest, NotFound, NotPermitted, StaleEpoch
from sfu.control.messages import (
    AudioBusTarget,
    ConsumerDescription,
    ConsumerParameters,
    ProducerDescription,
    SessionDescription,
    SlotTarget,
    Target,
    TransportDescription,
    WallTarget,
    WallTile,
)
from sfu.control.plan import MediaPlan, PublicationKey, Source, SourceRef
from sfu.control.rtp import Kind, RtpCapabilities, RtpParameters
from sfu.engine.native import PacketEngine
from sfu.routing.bus import Bus, wall_bus
from sfu.routing.consumer import Consumer, open_consumer
from sfu.routing.numbers import Numbers
from sfu.routing.ortc import consumer_parameters, producer_format
from sfu.routing.producer import KIND_OF, Producer, open_producer
from sfu.routing.stage import Stage, check_plan
from sfu.routing.tap import Tap, Taps
from sfu.transport.dtls import DtlsCertificate
from sfu.transport.webrtc import WebRtcTransport

StateChanged = Callable[["Router", WebRtcTransport, str], None]
_SourceKey = tuple[str, Source]


@dataclass
class Member:
    """A transport with what depends on it."""

    transport: WebRtcTransport
    producers: dict[str, Producer] = field(default_factory=dict)
    consumers: dict[str, Consumer] = field(default_factory=dict)
    by_target: dict[tuple[object, ...], Consumer] = field(default_factory=dict)
    wall: dict[int, Bus] = field(default_factory=dict)
    tiles: dict[int, SourceRef] = field(default_factory=dict)
    next_mid: int = 0


class Router:
    """One session. All calls come from the worker's event loop and return at once."""

    def __init__(
        self,
        engine: PacketEngine,
        certificate: DtlsCertificate,
        numbers: Numbers,
        plan: MediaPlan,
        *,
        state_changed: StateChanged,
    ) -> None:
        check_plan(plan)
        self.session_id = plan.session_id
        self.plan = plan
        self.members: dict[str, Member] = {}
        self._engine = engine
        self._certificate = certificate
        self._numbers = numbers
        self._state_changed = state_changed
        self._owners: dict[str, int] = {}
        self._stage = Stage(engine, numbers)
        self._taps = Taps(engine)
        self._live: dict[_SourceKey, Producer] = {}
        self._publications: dict[int, PublicationKey] = {}
        self._shape()

    # -- the plan

    def apply(self, plan: MediaPlan) -> None:
        """Make the session run as planned. Raises BadRequest for a plan that cannot run."""
        check_plan(plan)
        if plan.codec != self.plan.codec and any(self.producers()):
            raise BadRequest("the stage codec of a session cannot change while venues publish")
        self.plan = plan
        self._shape()
        self._route()

    def _shape(self) -> None:
        for bus in self._stage.shape(self.plan):
            self._remove_bus(bus)

    def _remove_bus(self, bus: Bus) -> None:
        for member in self.members.values():
            for consumer in [c for c in member.consumers.values() if c.bus is bus]:
                self._close_consumer(member, consumer)
        self._engine.remove_bus(bus.handle)

    def _route(self) -> None:
        """Point every bus and tap at the newest live publication of its planned source."""
        self._stage.point(self.plan, self._stream)
        for member in self.members.values():
            for tile, bus in member.wall.items():
                bus.point(self._engine, self._stream(member.tiles.get(tile)))
        self._taps.follow(self.plan.recording, self._producer, self._stage.buses)

    def _producer(self, source: SourceRef) -> Producer | None:
        return self._live.get((source.venue_id, source.source))

    def _stream(self, source: SourceRef | None) -> int:
        producer = self._producer(source) if source else None
        return producer.stream if producer else 0

    # -- transports

    def open_transport(
        self,
        transport_id: str,
        direction: Literal["send", "recv"],
        venue_id: str | None,
        client: str | None,
    ) -> WebRtcTransport:
        """A new one. Raises BadRequest for an id in use."""
        if transport_id in self.members:
            raise BadRequest(f"a transport {transport_id} exists already: choose another id")
        transport = WebRtcTransport(
            self._engine,
            self._certificate,
            transport_id=transport_id,
            direction=direction,
            venue_id=venue_id,
            client=client,
            owner=self._owner(venue_id),
            changed=self._transport_changed,
        )
        self.members[transport_id] = Member(transport)
        return transport

    def close_transport(self, transport_id: str) -> None:
        """With its producers and consumers; an unknown id is no error."""
        member = self.members.get(transport_id)
        if member is None:
            return
        for producer in list(member.producers.values()):
            self.close_producer(producer.producer_id)
        for consumer in list(member.consumers.values()):
            self._close_consumer(member, consumer)
        for bus in member.wall.values():
            self._engine.remove_bus(bus.handle)
        del self.members[transport_id]
        member.transport.close()

    def _owner(self, venue_id: str | None) -> int:
        if venue_id is None:
            return 0
        if venue_id not in self._owners:
            self._owners[venue_id] = self._numbers.owner()
        return self._owners[venue_id]

    def _transport_changed(self, transport: WebRtcTransport, reason: str) -> None:
        if transport.state == "connected":
            # What was forwarded before the keys were there is lost: start with a whole picture.
            member = self.members[transport.transport_id]
            for consumer in member.consumers.values():
                self._refresh(member, consumer)
        self._state_changed(self, transport, reason)

    # -- producers

    def producers(self) -> Iterator[Producer]:
        """All live ones."""
        for member in self.members.values():
            yield from member.producers.values()

    def open_producer(
        self,
        transport_id: str,
        producer_id: str,
        publication: PublicationKey,
        kind: Kind,
        parameters: RtpParameters,
    ) -> Producer:
        """A publication starts; an older one of the same source ends.

        Raises NotPermitted, BadRequest, UnsupportedCodec and StaleEpoch (an older generation than
        the one that is live).
        """
        member = self._member(transport_id)
        self._check_publisher(member, producer_id, publication)
        stream_format = producer_format(parameters, kind, self.plan.codec)
        taken = {p.format.ssrc for p in member.producers.values()} - {0}
        key = (publication.venue_id, publication.source)
        older = self._live.get(key)
        if older is not None and older.publication.generation >= publication.generation:
            raise StaleEpoch(
                f"generation {older.publication.generation} of this source is live already"
            )
        if older is not None and older.transport_id == transport_id:
            taken.discard(older.format.ssrc)
        if stream_format.ssrc in taken:
            raise BadRequest(f"SSRC {stream_format.ssrc} is in use on this transport")
        if older is not None and older.format.ssrc == stream_format.ssrc:
            self.close_producer(older.producer_id)  # the engine must not see an SSRC twice
            older = None
        producer = open_producer(
            self._engine,
            producer_id=producer_id,
            transport_id=transport_id,
            transport=member.transport.handle,
            publication=publication,
            kind=kind,
            stream_format=stream_format,
            tag=self._numbers.tag(),
        )
        member.producers[producer_id] = producer
        self._publications[producer.stream] = publication
        self._live[key] = producer
        self._route()
        if older is not None:
            self.close_producer(older.producer_id)
        return producer

    def _check_publisher(
        self, member: Member, producer_id: str, publication: PublicationKey
    ) -> None:
        if member.transport.direction != "send":
            raise NotPermitted("publish on a transport of direction send")
        if member.transport.venue_id != publication.venue_id:
            raise NotPermitted("a transport publishes only for its own venue")
        if any(producer.producer_id == producer_id for producer in self.producers()):
            raise BadRequest(f"a producer {producer_id} exists already: choose another id")

    def close_producer(self, producer_id: str) -> None:
        """An unknown id is no error."""
        for member in self.members.values():
            producer = member.producers.pop(producer_id, None)
            if producer is not None:
                break
        else:
            return
        key = (producer.publication.venue_id, producer.publication.source)
        if self._live.get(key) is producer:
            del self._live[key]
            self._route()
        self._engine.remove_stream(producer.stream)

    def publication(self, stream: int) -> PublicationKey | None:
        """What a stream handle was or is; None for 0."""
        return self._publications.get(stream)

    # -- consumers

    def open_consumers(
        self, transport_id: str, capabilities: RtpCapabilities, targets: tuple[Target, ...]
    ) -> tuple[ConsumerParameters, ...]:
        """Consumers of buses; one that exists already is given again.

        Raises NotPermitted, NotFound for a slot or bus the plan does not have, UnsupportedCodec.
        """
        member = self._member(transport_id)
        if member.transport.direction != "recv":
            raise NotPermitted("consume on a transport of direction recv")
        return tuple(self._consume(member, capabilities, target).describe() for target in targets)

    def _consume(self, member: Member, capabilities: RtpCapabilities, target: Target) -> Consumer:
        key = _target_key(target)
        existing = member.by_target.get(key)
        if existing is not None:
            return existing
        # Negotiate before anything is made: a refusal leaves nothing half-started.
        kind: Kind = target.kind if isinstance(target, SlotTarget) else _kind_of(target)
        ssrc = self._numbers.ssrc()
        try:
            parameters, stream_format = consumer_parameters(
                capabilities,
                kind,
                self.plan.codec,
                ssrc=ssrc,
                mid=str(member.next_mid),
                cname=_cname(self.session_id, target),
            )
            bus = self._target_bus(member, target)
            consumer = open_consumer(
                self._engine,
                consumer_id=f"c{secrets.token_hex(8)}",
                transport_id=member.transport.transport_id,
                transport=member.transport.handle,
                target=target,
                bus=bus,
                parameters=parameters,
                stream_format=stream_format,
            )
        except BaseException:
            self._numbers.free_ssrc(ssrc)
            raise
        member.next_mid += 1
        member.consumers[consumer.consumer_id] = consumer
        member.by_target[key] = consumer
        self._refresh(member, consumer)
        return consumer

    def _target_bus(self, member: Member, target: Target) -> Bus:
        if isinstance(target, WallTarget):
            if target.tile not in member.wall:
                member.wall[target.tile] = wall_bus(self._engine, target.tile)
            return member.wall[target.tile]
        return self._stage.bus(target)

    def set_wall(self, transport_id: str, tiles: tuple[WallTile, ...]) -> None:
        """Give venues to wall tiles. Raises NotPermitted for anything that is no picture."""
        member = self._member(transport_id)
        for tile in tiles:
            if tile.source is not None and KIND_OF[tile.source.source] != "video":
                raise NotPermitted("a wall tile shows cameras and screens only")
            if tile.tile not in member.wall:
                raise NotFound(f"this transport consumes no wall tile {tile.tile}")
        for tile in tiles:
            if tile.source is None:
                member.tiles.pop(tile.tile, None)
            else:
                member.tiles[tile.tile] = tile.source
        self._route()

    def request_key_frame(self, consumer_id: str) -> None:
        """Ask the source of a video consumer for a picture. Raises NotFound."""
        for member in self.members.values():
            consumer = member.consumers.get(consumer_id)
            if consumer is not None:
                self._refresh(member, consumer)
                return
        raise NotFound(f"no consumer {consumer_id}")

    def _refresh(self, member: Member, consumer: Consumer) -> None:
        bus = consumer.bus
        if bus.kind != "video" or not bus.source:
            return
        publication = self.publication(bus.source)
        own = publication is not None and publication.venue_id == member.transport.venue_id
        stream = bus.alternate if own else bus.source
        if stream:
            self._engine.request_key_frame(stream)

    def _close_consumer(self, member: Member, consumer: Consumer) -> None:
        member.consumers.pop(consumer.consumer_id, None)
        member.by_target.pop(_target_key(consumer.target), None)
        self._engine.remove_consumer(consumer.handle)
        self._numbers.free_ssrc(consumer.format.ssrc)

    # -- taps

    def add_tap(self, tap: Tap) -> None:
        """A recorder that the plan allows is here."""
        self._taps.add(tap)
        self._route()

    def tap_ended(self, handle: int) -> bool:
        """The engine reported that a tap's reader went away; False when it is none of ours."""
        return self._taps.ended(handle)

    def request_tapped_key_frames(self) -> None:
        """Called every few seconds: a recording can be entered and cut only at key frames."""
        self._taps.request_key_frames()

    # -- the whole

    def describe(self) -> SessionDescription:
        """What runs, for an orchestrator that starts again."""
        return SessionDescription(
            log_version=self.plan.log_version,
            transports=tuple(
                TransportDescription(
                    transport_id=member.transport.transport_id,
                    direction=member.transport.direction,
                    venue_id=member.transport.venue_id,
                    client=member.transport.client,
                    state=member.transport.state,
                    producers=tuple(
                        ProducerDescription(
                            producer_id=p.producer_id, publication=p.publication, kind=p.kind
                        )
                        for p in member.producers.values()
                    ),
                    consumers=tuple(
                        ConsumerDescription(consumer_id=c.consumer_id, target=c.target)
                        for c in member.consumers.values()
                    ),
                )
                for member in self.members.values()
            ),
        )

    def slot_of(self, handle: int) -> Bus | None:
        """The stage slot's bus with this engine handle."""
        return self._stage.slot_of(handle)

    def close(self) -> None:
        """End everything of the session; idempotent."""
        self._taps.close()
        for transport_id in list(self.members):
            self.close_transport(transport_id)
        self._stage.close()

    def _member(self, transport_id: str) -> Member:
        member = self.members.get(transport_id)
        if member is None:
            raise NotFound(f"no transport {transport_id}")
        return member


def _target_key(target: Target) -> tuple[object, ...]:
    if isinstance(target, SlotTarget):
        return ("slot", target.slot, target.kind)
    if isinstance(target, AudioBusTarget):
        return ("audio_bus", target.bus)
    return ("wall", target.tile)


def _kind_of(target: AudioBusTarget | WallTarget) -> Kind:
    return "audio" if isinstance(target, AudioBusTarget) else "video"


def _cname(session_id: str, target: Target) -> str:
    """The same for a slot's video and audio: receivers keep lip sync by it (RFC 3550)."""
    name, number, *_kind = _target_key(target)
    return f"{session_id}-{name}-{number}"
