"""The media of one session as this orchestrator knows it: whose transports run at the worker.

A client is known by a name made of the session, who signed in, and the tab (`client_name`), so
that a tab that comes back finds its transports by name, also after a restart of the orchestrator
(`adopt`). Every request is checked against the client's own transports.
"""

import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from orchestrator.conduct.errors import MediaUnavailable, NotFound, Refused
from orchestrator.conduct.worker_link import WorkerLink
from orchestrator.consultation.view import Source
from sfu.control import messages as control
from sfu.control.errors import ControlError
from sfu.control.plan import PublicationKey, SourceRef
from sfu.control.rtp import (
    DtlsParameters,
    IceParameters,
    Kind,
    RtpCapabilities,
    RtpParameters,
)

ReplyType = TypeVar("ReplyType", bound=BaseModel)

MEDIA_TIMEOUT = 5.0
"""Seconds that a worker is given to answer a negotiation."""


def client_name(session_id: str, who: str, client_id: str) -> str:
    """The name under which a tab's transports are found again. `who` is the venue or account as
    the server established it, so that a guessed `client_id` gives nobody another's media."""
    text = "\0".join((session_id, who, client_id))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Producer:
    producer_id: str
    publication: PublicationKey
    kind: Kind


@dataclass(slots=True)
class Transport:
    """What runs at the worker; `state` as it last said."""

    transport_id: str
    direction: str
    client: str
    venue_id: str | None
    state: str = "connecting"
    producers: dict[str, Producer] = field(default_factory=dict)
    consumers: set[str] = field(default_factory=set)


class SessionMedia:
    """Requests raise `errors.ConductError`. Nothing here writes to the log: `Publications` does.

    `epoch` is the conductor's; 0 until it has claimed one.
    """

    def __init__(self, session_id: str, link: WorkerLink) -> None:
        self.session_id = session_id
        self.link = link
        self.epoch = 0
        self._transports: dict[str, Transport] = {}

    # --- what is known --------------------------------------------------------------------

    def of_client(self, client: str) -> list[Transport]:
        """The client's transports that run."""
        return [t for t in self._transports.values() if t.client == client]

    def of_venue(self, venue_id: str) -> list[Transport]:
        """A venue's transports, of all its clients."""
        return [t for t in self._transports.values() if t.venue_id == venue_id]

    def all(self) -> list[Transport]:
        """Every transport that runs."""
        return list(self._transports.values())

    def get(self, transport_id: str) -> Transport | None:
        """The transport, whoever owns it."""
        return self._transports.get(transport_id)

    def own(self, client: str, transport_id: str) -> Transport:
        """The client's own transport. Raises NotFound, for another's as for none."""
        transport = self._transports.get(transport_id)
        if transport is None or transport.client != client:
            raise NotFound("this transport is not yours or has ended; create a new one")
        return transport

    def clear(self) -> None:
        """The worker that had them is gone."""
        self._transports.clear()

    def adopt(self, described: control.SessionDescription) -> list[str]:
        """Take over what runs at the worker; returns transports that nobody can claim."""
        self._transports.clear()
        nameless = []
        for found in described.transports:
            if found.client is None or found.state == "closed":
                nameless.append(found.transport_id)
                continue
            self._transports[found.transport_id] = Transport(
                transport_id=found.transport_id,
                direction=found.direction,
                client=found.client,
                venue_id=found.venue_id,
                state=found.state,
                producers={
                    p.producer_id: Producer(p.producer_id, p.publication, p.kind)
                    for p in found.producers
                },
                consumers={c.consumer_id for c in found.consumers},
            )
        return nameless

    def dropped(self, transport_id: str) -> Transport | None:
        """The worker says that it closed; returns what was known of it."""
        return self._transports.pop(transport_id, None)

    # --- requests -------------------------------------------------------------------------

    async def capabilities(self, codec: str) -> RtpCapabilities:
        """What `mediasoup-client`'s `Device.load` is given."""
        params = control.Capabilities.model_validate({"codec": codec})
        return await self._ask("router.capabilities", params, RtpCapabilities)

    async def create(
        self, client: str, venue_id: str | None, direction: str
    ) -> control.TransportParameters:
        """A new transport; the caller closes the one that it replaces."""
        transport_id = f"t-{secrets.token_hex(12)}"
        params = control.CreateTransport.model_validate(
            {
                "epoch": self.epoch,
                "session_id": self.session_id,
                "transport_id": transport_id,
                "direction": direction,
                "venue_id": venue_id,
                "client": client,
            }
        )
        # Known before the answer: its first notification may come together with it.
        self._transports[transport_id] = Transport(transport_id, direction, client, venue_id)
        try:
            return await self._ask("transport.create", params, control.TransportParameters)
        except BaseException:
            self._transports.pop(transport_id, None)
            raise

    async def connect(self, client: str, transport_id: str, dtls: DtlsParameters) -> None:
        """The client's DTLS parameters; DTLS itself follows."""
        self.own(client, transport_id)
        params = control.ConnectTransport(transport_id=transport_id, dtls_parameters=dtls)
        await self._ask("transport.connect", params, control.Empty)

    async def restart_ice(self, client: str, transport_id: str) -> IceParameters:
        """New ICE credentials."""
        self.own(client, transport_id)
        params = control.RestartIce(transport_id=transport_id)
        return await self._ask("transport.restart_ice", params, IceParameters)

    async def produce(
        self,
        client: str,
        transport_id: str,
        publication: PublicationKey,
        kind: Kind,
        rtp_parameters: RtpParameters,
    ) -> Producer:
        """A producer for this publication on the client's sending transport."""
        transport = self.own(client, transport_id)
        if transport.direction != "send":
            raise NotFound("this transport receives; create a sending one first")
        producer = Producer(f"p-{secrets.token_hex(12)}", publication, kind)
        params = control.CreateProducer(
            transport_id=transport_id,
            producer_id=producer.producer_id,
            publication=publication,
            kind=kind,
            rtp_parameters=rtp_parameters,
        )
        await self._ask("producer.create", params, control.Empty)
        transport.producers[producer.producer_id] = producer
        return producer

    async def close_producer(self, transport: Transport, producer_id: str) -> Producer | None:
        """End a producer; returns what it published, None when it had ended."""
        producer = transport.producers.pop(producer_id, None)
        if producer is not None:
            params = control.CloseProducer(producer_id=producer_id)
            await self._ask("producer.close", params, control.Empty)
        return producer

    async def consume(
        self,
        client: str,
        transport_id: str,
        capabilities: RtpCapabilities,
        targets: Iterable[control.Target],
    ) -> control.Consumers:
        """Consumers of these buses, once per transport."""
        transport = self.own(client, transport_id)
        if transport.direction != "recv":
            raise NotFound("this transport sends; create a receiving one first")
        params = control.CreateConsumers(
            transport_id=transport_id, rtp_capabilities=capabilities, targets=tuple(targets)
        )
        result = await self._ask("consumers.create", params, control.Consumers)
        transport.consumers.update(c.consumer_id for c in result.consumers)
        return result

    async def set_wall(self, client: str, tiles: dict[int, str | None]) -> None:
        """Venues of the client's wall tiles: cameras. Raises NotFound before it consumes."""
        receiving = next((t for t in self.of_client(client) if t.direction == "recv"), None)
        if receiving is None:
            raise NotFound("there is no receiving transport; consume first")
        params = control.SetWall(
            transport_id=receiving.transport_id,
            tiles=tuple(
                control.WallTile(tile=tile, source=_camera(venue)) for tile, venue in tiles.items()
            ),
        )
        await self._ask("wall.set", params, control.Empty)

    async def request_key_frame(self, client: str, consumer_id: str) -> None:
        """A fresh picture for one of the client's own consumers."""
        if not any(consumer_id in t.consumers for t in self.of_client(client)):
            raise NotFound("this consumer is not yours or has ended")
        params = control.RequestKeyFrame(consumer_id=consumer_id)
        await self._ask("consumer.key_frame", params, control.Empty)

    async def close_transport(self, transport_id: str) -> Transport | None:
        """Close with all on it. Without a worker it is forgotten: it ends by consent expiry."""
        transport = self._transports.pop(transport_id, None)
        try:
            params = control.CloseTransport(transport_id=transport_id)
            await self._ask("transport.close", params, control.Empty)
        except (MediaUnavailable, Refused):
            return transport
        return transport

    async def _ask(self, method: str, params: BaseModel, reply: type[ReplyType]) -> ReplyType:
        try:
            return await self.link.request(method, params, reply, timeout=MEDIA_TIMEOUT)
        except ControlError as error:
            if error.code == "unreachable":
                raise MediaUnavailable(
                    "no media worker answers now; wait for media.reset"
                ) from None
            raise Refused(error) from error


def _camera(venue_id: str | None) -> SourceRef | None:
    source: Source = "camera"
    return None if venue_id is None else SourceRef(venue_id=venue_id, source=source)
