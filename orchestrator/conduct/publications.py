"""Publications: the producers that run at the worker, as the session log tells them.

A publication starts in the log after the worker has accepted its producer, and ends there when the
producer ends for whatever reason. When a venue's signalling was lost for longer than the patience
for it, the log has ended its publications although the media never stopped: `resume` starts them
again in the log, and the worker's key keeps its older generation, which is its file's name only.
"""

import asyncio
from collections import defaultdict

import structlog

from orchestrator.conduct.errors import NotPublisher
from orchestrator.conduct.media import Producer, SessionMedia, Transport
from orchestrator.conduct.sessions import Sessions
from orchestrator.consultation.actors import SYSTEM
from orchestrator.consultation.commands import EndPublication, StartPublication
from orchestrator.consultation.errors import ConsultationError, NotJoined
from orchestrator.consultation.state import SessionState
from orchestrator.consultation.view import Source
from sfu.control.plan import PublicationKey
from sfu.control.rtp import Kind, RtpParameters

log = structlog.get_logger(__name__)


class Publications:
    """Of one session. Methods raise ConductError and ConsultationError."""

    def __init__(self, session_id: str, sessions: Sessions, media: SessionMedia) -> None:
        self._session_id = session_id
        self._sessions = sessions
        self._media = media
        self._log_generations: dict[str, int] = {}
        # One publication of a venue starts at a time: its generation is foretold to the worker.
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(
        self,
        client: str,
        venue_id: str,
        transport_id: str,
        source: Source,
        kind: Kind,
        rtp_parameters: RtpParameters,
    ) -> tuple[Producer, int]:
        """Publish a source for the venue whose publisher this client is; an older publication of
        the same source ends. Returns the producer and the publication's generation."""
        async with self._turns[venue_id]:
            state = await self._sessions.state(self._session_id)
            require_publisher(state, venue_id, client)
            generation = state.venues[venue_id].generations.get(source, 0) + 1
            older = self._running(venue_id, source)
            key = PublicationKey(venue_id=venue_id, source=source, generation=generation)
            producer = await self._media.produce(client, transport_id, key, kind, rtp_parameters)
            try:
                await self._log_start(client, venue_id, source, producer.producer_id)
            except BaseException:
                transport = self._media.get(transport_id)
                if transport is not None:
                    await self._media.close_producer(transport, producer.producer_id)
                raise
            for transport, replaced in older:
                await self._media.close_producer(transport, replaced.producer_id)
                self._log_generations.pop(replaced.producer_id, None)
            return producer, self._log_generations[producer.producer_id]

    async def end(self, client: str, producer_id: str) -> None:
        """A client ends one of its own publications; an unknown one has ended already."""
        for transport in self._media.of_client(client):
            if producer_id in transport.producers:
                producer = transport.producers[producer_id]
                # The log first: nobody is shown a picture whose worker has let it go.
                await self._log_end(producer, "closed")
                await self._media.close_producer(transport, producer_id)

    async def transport_ended(self, transport: Transport, reason: str) -> None:
        """All that was published on a transport has ended with it."""
        for producer in list(transport.producers.values()):
            await self._log_end(producer, reason)

    async def close_transport(self, transport_id: str, reason: str) -> None:
        """Close a transport with its publications."""
        transport = await self._media.close_transport(transport_id)
        if transport is not None:
            await self.transport_ended(transport, reason)

    async def resume(self, client: str, venue_id: str) -> None:
        """The venue's client is back: what it still sends is in the log again."""
        async with self._turns[venue_id]:
            state = await self._sessions.state(self._session_id)
            published = state.venues[venue_id].publications
            for transport in self._media.of_client(client):
                for producer in transport.producers.values():
                    if producer.publication.source not in published:
                        await self._log_start(
                            client, venue_id, producer.publication.source, producer.producer_id
                        )

    async def take_from_others(self, client: str, venue_id: str) -> None:
        """`client` publishes for the venue now: whatever another client of it sends has ended."""
        for transport in self._media.of_venue(venue_id):
            if transport.client != client and transport.direction == "send":
                await self.close_transport(transport.transport_id, "superseded")

    async def end_all(self, reason: str) -> None:
        """The worker that had them is gone."""
        state = await self._sessions.state(self._session_id)
        for venue in state.venues.values():
            for source, generation in venue.publications.items():
                await self._execute_end(venue.venue_id, source, generation, reason)
        self._log_generations.clear()

    async def agree_with_worker(self) -> None:
        """After a restart: publications without a producer have ended while nobody was here."""
        state = await self._sessions.state(self._session_id)
        self._log_generations.clear()
        running: set[tuple[str, Source]] = set()
        for transport in self._media.all():
            for producer in transport.producers.values():
                key = producer.publication
                venue = state.venues.get(key.venue_id)
                if venue is not None and key.source in venue.publications:
                    generation = venue.publications[key.source]
                    self._log_generations[producer.producer_id] = generation
                    running.add((key.venue_id, key.source))
        for venue in state.venues.values():
            for source, generation in venue.publications.items():
                if (venue.venue_id, source) not in running:
                    await self._execute_end(venue.venue_id, source, generation, "lost")

    # --- inside -----------------------------------------------------------------------------

    def _running(self, venue_id: str, source: Source) -> list[tuple[Transport, Producer]]:
        return [
            (transport, producer)
            for transport in self._media.of_venue(venue_id)
            for producer in transport.producers.values()
            if producer.publication.source == source
        ]

    async def _log_start(
        self, client: str, venue_id: str, source: Source, producer_id: str
    ) -> None:
        try:
            await self._sessions.execute(
                self._session_id,
                SYSTEM,
                StartPublication(venue_id=venue_id, connection_id=client, source=source),
            )
        except NotJoined as error:
            raise NotPublisher("another connection publishes for this venue now") from error
        state = await self._sessions.state(self._session_id)
        self._log_generations[producer_id] = state.venues[venue_id].generations[source]

    async def _log_end(self, producer: Producer, reason: str) -> None:
        generation = self._log_generations.pop(producer.producer_id, None)
        if generation is not None:
            key = producer.publication
            await self._execute_end(key.venue_id, key.source, generation, reason)

    async def _execute_end(
        self, venue_id: str, source: Source, generation: int, reason: str
    ) -> None:
        try:
            await self._sessions.execute(
                self._session_id,
                SYSTEM,
                EndPublication(
                    venue_id=venue_id, source=source, generation=generation, reason=reason
                ),
            )
        except ConsultationError as error:
            log.info("publication_end_refused", venue=venue_id, source=source, code=error.code)


def require_publisher(state: SessionState, venue_id: str, client: str) -> None:
    """Raises NotPublisher unless the log has this client on the venue's place."""
    venue = state.venues.get(venue_id)
    if venue is None or venue.connection is None or venue.connection.connection_id != client:
        raise NotPublisher("this connection only watches; join with take_over to publish")
