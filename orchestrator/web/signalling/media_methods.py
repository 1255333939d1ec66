"""The methods `media.*`: each is checked against the client's own transports and role."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from pydantic import BaseModel

from orchestrator.conduct.conductor import Conductor
from orchestrator.conduct.errors import (
    MediaUnavailable,
    MediaWasReset,
    NotFound,
    NotPermitted,
    NotPublisher,
    Refused,
)
from orchestrator.conduct.publications import require_publisher
from orchestrator.conduct.sessions import Sessions
from orchestrator.protocol import signalling as wire
from sfu.control.errors import BadRequest
from sfu.control.messages import AudioBusTarget, SlotTarget, Target, WallTarget
from sfu.control.plan import AUDIO_BUS_COUNT, SLOT_COUNT

Wire = TypeVar("Wire", bound=wire.Message)

KINDS = {"camera": "video", "screen": "video", "microphone": "audio", "screen_audio": "audio"}


class MediaMethods:
    """Of one joined client. `venue_id` is None for accounts; `wall` says whether its role may
    choose tiles; `publisher()` whether this connection publishes for the venue now.

    Raises ConductError and ConsultationError.
    """

    def __init__(
        self,
        sessions: Sessions,
        conductor: Conductor,
        *,
        client: str,
        venue_id: str | None,
        wall: bool,
        publisher: Callable[[], bool],
    ) -> None:
        self._sessions = sessions
        self._conductor = conductor
        self._client = client
        self._venue_id = venue_id
        self._wall = wall
        self._publisher = publisher
        self._handlers: dict[str, Callable[[wire.Message], Awaitable[BaseModel | None]]] = {
            "media.capabilities": _typed(wire.MediaCapabilities, self._capabilities),
            "media.transport.create": _typed(wire.CreateTransport, self._create),
            "media.transport.connect": _typed(wire.ConnectTransport, self._connect),
            "media.transport.restart_ice": _typed(wire.RestartIce, self._restart_ice),
            "media.produce": _typed(wire.Produce, self._produce),
            "media.producer.close": _typed(wire.CloseProducer, self._close_producer),
            "media.consume": _typed(wire.Consume, self._consume),
            "media.wall": _typed(wire.SetWall, self._set_wall),
            "media.key_frame": _typed(wire.RequestKeyFrame, self._key_frame),
        }

    async def call(self, method: str, params: wire.Message) -> BaseModel | None:
        """Carry out one `media.*` request."""
        if not self._conductor.media_ready:
            raise MediaUnavailable("no media worker runs this session now; wait for media.reset")
        return await self._handlers[method](params)

    async def _capabilities(self, _: wire.MediaCapabilities) -> wire.CapabilitiesResult:
        state = await self._sessions.state(self._conductor.session_id)
        capabilities = await self._conductor.media.capabilities(state.codec)
        return wire.CapabilitiesResult(
            generation=self._conductor.generation, rtp_capabilities=capabilities
        )

    async def _create(self, params: wire.CreateTransport) -> wire.TransportResult:
        if params.generation != self._conductor.generation:
            raise MediaWasReset(
                f"the media generation is {self._conductor.generation} now; drop your transports "
                "and set up again with it"
            )
        if params.direction == "send":
            self._require_publisher()
        media = self._conductor.media
        older = [t for t in media.of_client(self._client) if t.direction == params.direction]
        created = await media.create(self._client, self._venue_id, params.direction)
        for transport in older:
            await self._conductor.publications.close_transport(transport.transport_id, "replaced")
        return wire.TransportResult(
            transport_id=created.transport_id,
            ice_parameters=created.ice_parameters,
            ice_candidates=created.ice_candidates,
            dtls_parameters=created.dtls_parameters,
        )

    async def _connect(self, params: wire.ConnectTransport) -> None:
        await self._conductor.media.connect(
            self._client, params.transport_id, params.dtls_parameters
        )

    async def _restart_ice(self, params: wire.RestartIce) -> BaseModel:
        return await self._conductor.media.restart_ice(self._client, params.transport_id)

    async def _produce(self, params: wire.Produce) -> wire.ProduceResult:
        venue_id = self._require_publisher()
        if KINDS[params.source] != params.kind:
            raise Refused(
                BadRequest(f"a {params.source} is {KINDS[params.source]}, not {params.kind}")
            )
        state = await self._sessions.state(self._conductor.session_id)
        require_publisher(state, venue_id, self._client)
        producer, generation = await self._conductor.publications.start(
            self._client,
            venue_id,
            params.transport_id,
            params.source,
            params.kind,
            params.rtp_parameters,
        )
        return wire.ProduceResult(
            producer_id=producer.producer_id, publication_generation=generation
        )

    async def _close_producer(self, params: wire.CloseProducer) -> None:
        await self._conductor.publications.end(self._client, params.producer_id)

    async def _consume(self, params: wire.Consume) -> wire.ConsumeResult:
        if params.wall_tiles and not self._wall:
            raise NotPermitted("the wall is for the host and the technician")
        made = await self._conductor.media.consume(
            self._client,
            params.transport_id,
            params.rtp_capabilities,
            targets(params.wall_tiles),
        )
        return wire.ConsumeResult(
            consumers=tuple(
                wire.ConsumerResult(
                    consumer_id=c.consumer_id,
                    producer_id=c.producer_id,
                    target=c.target,
                    kind=c.kind,
                    stream_id=c.stream_id,
                    rtp_parameters=c.rtp_parameters,
                )
                for c in made.consumers
            )
        )

    async def _set_wall(self, params: wire.SetWall) -> None:
        state = await self._sessions.state(self._conductor.session_id)
        tiles = {int(tile): venue for tile, venue in params.tiles.items()}
        for venue_id in tiles.values():
            if venue_id is not None and venue_id not in state.venues:
                raise NotFound(f"there is no venue {venue_id} in this session")
        await self._conductor.media.set_wall(self._client, tiles)

    async def _key_frame(self, params: wire.RequestKeyFrame) -> None:
        await self._conductor.media.request_key_frame(self._client, params.consumer_id)

    def _require_publisher(self) -> str:
        if self._venue_id is None or not self._publisher():
            raise NotPublisher("this connection only watches; join with publish to send media")
        return self._venue_id


def targets(wall_tiles: int) -> list[Target]:
    """Everything that a receiving transport consumes, once and for all."""
    result: list[Target] = []
    for slot in range(1, SLOT_COUNT + 1):
        result += [SlotTarget(slot=slot, kind="video"), SlotTarget(slot=slot, kind="audio")]
    result += [AudioBusTarget(bus=bus) for bus in range(1, AUDIO_BUS_COUNT + 1)]
    result += [WallTarget(tile=tile) for tile in range(1, wall_tiles + 1)]
    return result


def _typed(
    schema: type[Wire], handler: Callable[[Wire], Awaitable[BaseModel | None]]
) -> Callable[[wire.Message], Awaitable[BaseModel | None]]:
    def checked(message: wire.Message) -> Awaitable[BaseModel | None]:
        assert isinstance(message, schema)
        return handler(message)

    return checked
