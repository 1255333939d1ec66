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
from sfu.routing.bus import Bus, audio_bus, slot_bus, wall_bus
from sfu.routing.consumer import Consumer, open_consumer
from sfu.routing.numbers import Numbers
from sfu.routing.ortc import consumer_parameters, producer_format
from sfu.routing.producer import KIND_OF, Producer, open_producer
from sfu.routing.tap import Tap
from sfu.transport.dtls import DtlsCertificate
from sfu.transport.webrtc import WebRtcTransport

StateChanged = Callable[["Router", WebRtcTransport, str], None]
_SlotKey = tuple[int, Kind]
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
        self._slots: dict[_SlotKey, Bus] = {}
        self._audio: dict[int, Bus] = {}
        self._live: dict[_SourceKey, Producer] = {}
        self._publications: dict[int, PublicationKey] = {}
        self._taps: list[Tap] = []
        self._make_buses()

    # -- the plan

    def apply(self, plan: MediaPlan) -> None:
        """Make the session run as planned. Raises BadRequest for a plan that cannot run."""
        check_plan(plan)
        if plan.codec != self.plan.codec and any(self.producers()):
            raise BadRequest("the stage codec of a session cannot change while venues publish")
        self.plan = plan
        self._make_buses()
        self._route()

    def _make_buses(self) -> None:
        slots: set[_SlotKey] = set()
        for slot in self.plan.slots:
            slots |= {(slot.slot, "video"), (slot.slot, "audio")}
        for key in slots - self._slots.keys():
            self._slots[key] = slot_bus(self._engine, *key, tag=self._numbers.tag())
        for key in self._slots.keys() - slots:
            self._remove_bus(self._slots.pop(key))
        audio = {planned.bus for planned in self.plan.audio_buses}
        for number in audio - self._audio.keys():
            self._audio[number] = audio_bus(self._engine, number)
        for number in self._audio.keys() - audio:
            self._remove_bus(self._audio.pop(number))

    def _remove_bus(self, bus: Bus) -> None:
        for member in self.members.values():
            for consumer in [c for c in member.consumers.values() if c.bus is bus]:
                self._close_consumer(member, consumer)
        self._engine.remove_bus(bus.handle)

    def _route(self) -> None:
        """Point every bus and tap at the newest live publication of its planned source."""
        for slot in self.plan.slots:
            self._slots[slot.slot, "video"].point(
                self._engine, self._stream(slot.video), self._stream(slot.alternate)
            )
            self._slots[slot.slot, "audio"].point(self._engine, self._stream(slot.audio))
        for planned in self.plan.audio_buses:
            self._audio[planned.bus].point(self._engine, self._stream(planned.source))
        for member in self.members.values():
            for tile, bus in member.wall.items():
                bus.point(self._engine, self._stream(member.tiles.get(tile)))
        for tap in list(self._taps):
            self._follow(tap)

    def _stream(self, source: SourceRef | None) -> int:
        if source is None:
            return 0
        producer = self._live.get((source.venue_id, source.source))
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
        return self._owners.setdefault(venue_id, 0) or self._new_owner(venue_id)

    def _new_owner(self, venue_id: str) -> int:
        self._owners[venue_id] = owner = self._numbers.owner()
        return owner

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
        if isinstance(target, AudioBusTarget):
            bus = self._audio.get(target.bus)
        else:
            bus = self._slots.get((target.slot, target.kind))
        if bus is None:
            raise NotFound("the session has no such slot or audio bus")
        return bus

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
        """A recorder is here: it takes the place of an earlier connection of its recording."""
        for earlier in [t for t in self._taps if t.recording_id == tap.recording_id]:
            self._close_tap(earlier)
        self._taps.append(tap)
        self._follow(tap)

    def tap_closed(self, handle: int) -> bool:
        """The engine reported that a tap ended; False when it is none of ours."""
        for tap in self._taps:
            if tap.handle == handle:
                self._taps.remove(tap)
                return True
        return False

    def request_tapped_key_frames(self) -> None:
        """Called every few seconds: a recording can be entered and cut only at key frames."""
        for tap in self._taps:
            tap.request_key_frames()

    def _follow(self, tap: Tap) -> None:
        recording = self.plan.recording
        if recording is None or recording.recording_id != tap.recording_id:
            self._close_tap(tap)
            return
        named = ((source.venue_id, source.source) for source in recording.taps)
        tap.follow([self._live[key] for key in dict.fromkeys(named) if key in self._live])
        tap.follow_slots(self._slots.values())

    def _close_tap(self, tap: Tap) -> None:
        tap.follow(())  # the recorder learns that these publications ended here
        self._taps.remove(tap)
        self._engine.close_tap(tap.handle)

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

    def slot_bus(self, handle: int) -> Bus | None:
        """The stage bus with this engine handle."""
        return next((bus for bus in self._slots.values() if bus.handle == handle), None)

    def close(self) -> None:
        """End everything of the session; idempotent."""
        for tap in list(self._taps):
            self._close_tap(tap)
        for transport_id in list(self.members):
            self.close_transport(transport_id)
        for bus in [*self._slots.values(), *self._audio.values()]:
            self._engine.remove_bus(bus.handle)
        self._slots.clear()
        self._audio.clear()

    def _member(self, transport_id: str) -> Member:
        member = self.members.get(transport_id)
        if member is None:
            raise NotFound(f"no transport {transport_id}")
        return member


def check_plan(plan: MediaPlan) -> None:
    """Raises BadRequest for a plan that puts sound on a picture bus or names a place twice."""
    slots = [slot.slot for slot in plan.slots]
    buses = [planned.bus for planned in plan.audio_buses]
    if len(set(slots)) != len(slots) or len(set(buses)) != len(buses):
        raise BadRequest("the plan names a slot or an audio bus twice")
    pictures = [source for slot in plan.slots for source in (slot.video, slot.alternate)]
    sounds = [slot.audio for slot in plan.slots] + [bus.source for bus in plan.audio_buses]
    for kind, sources in (("video", pictures), ("audio", sounds)):
        for source in sources:
            if source is not None and KIND_OF[source.source] != kind:
                raise BadRequest(f"the plan puts a {source.source} on a bus for {kind}")


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
