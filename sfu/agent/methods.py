"""Requests of a conductor: one schema and one function per method."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from sfu.agent.sessions import Conductor, Sessions
from sfu.control import messages as m
from sfu.control.errors import BadRequest
from sfu.control.rtp import IceCandidate
from sfu.routing.ortc import router_capabilities
from sfu.transport.dtls import DtlsCertificate


@dataclass(frozen=True)
class Service:
    """What every method may use."""

    sessions: Sessions
    certificate: DtlsCertificate
    candidates: tuple[IceCandidate, ...]
    tap_address: str

    def call(self, method: str, params: Any, conductor: Conductor) -> BaseModel:
        """Carry out one request. Raises ControlError."""
        known = _METHODS.get(method)
        if known is None:
            raise BadRequest(f"there is no method {method[:64]!r}")
        schema, function = known
        try:
            request = schema.model_validate(params)
        except ValidationError as error:
            raise BadRequest(_explain(method, error)) from error
        return function(self, request, conductor)


def _explain(method: str, error: ValidationError) -> str:
    """The first faults, without echoing the input."""
    faults = [
        f"{'.'.join(str(part) for part in fault['loc']) or 'params'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)[:3]
    ]
    return f"{method}: " + "; ".join(faults)


def _hello(service: Service, request: m.Hello, _conductor: Conductor) -> BaseModel:
    if request.protocol != m.PROTOCOL:
        raise BadRequest(
            f"this worker speaks protocol {m.PROTOCOL}, the caller {request.protocol}: "
            "run the same version of both"
        )
    return m.HelloReply(
        worker_id=service.sessions.worker_id,
        boot_id=service.sessions.boot_id,
        protocol=m.PROTOCOL,
        tap_address=service.tap_address,
        candidates=service.candidates,
    )


def _apply(service: Service, request: m.ApplyPlan, conductor: Conductor) -> BaseModel:
    version = service.sessions.apply(request.epoch, request.plan, conductor)
    return m.Applied(log_version=version)


def _close_session(service: Service, request: m.CloseSession, conductor: Conductor) -> BaseModel:
    service.sessions.check_epoch(request.session_id, request.epoch, conductor)
    service.sessions.close(request.session_id)
    return m.Empty()


def _describe(service: Service, request: m.DescribeSession, conductor: Conductor) -> BaseModel:
    service.sessions.check_epoch(request.session_id, request.epoch, conductor)
    if not service.sessions.known(request.session_id):
        return m.SessionDescription(log_version=0)
    return service.sessions.router(request.session_id).describe()


def _capabilities(_service: Service, request: m.Capabilities, _conductor: Conductor) -> BaseModel:
    return router_capabilities(request.codec)


def _create_transport(
    service: Service, request: m.CreateTransport, conductor: Conductor
) -> BaseModel:
    service.sessions.check_epoch(request.session_id, request.epoch, conductor)
    if request.force_tcp:
        raise BadRequest("this worker listens on UDP only: leave force_tcp out")
    transport = service.sessions.open_transport(request)
    return m.TransportParameters(
        transport_id=transport.transport_id,
        ice_parameters=transport.credentials.parameters(),
        ice_candidates=service.candidates,
        dtls_parameters=service.certificate.parameters(),
    )


def _connect_transport(
    service: Service, request: m.ConnectTransport, _conductor: Conductor
) -> BaseModel:
    service.sessions.transport(request.transport_id).connect(request.dtls_parameters)
    return m.Empty()


def _close_transport(
    service: Service, request: m.CloseTransport, _conductor: Conductor
) -> BaseModel:
    for session in service.sessions.all():
        session.router.close_transport(request.transport_id)
    return m.Empty()


def _restart_ice(service: Service, request: m.RestartIce, _conductor: Conductor) -> BaseModel:
    return service.sessions.transport(request.transport_id).restart_ice()


def _create_producer(
    service: Service, request: m.CreateProducer, _conductor: Conductor
) -> BaseModel:
    service.sessions.router_of(request.transport_id).open_producer(
        request.transport_id,
        request.producer_id,
        request.publication,
        request.kind,
        request.rtp_parameters,
    )
    return m.Empty()


def _close_producer(service: Service, request: m.CloseProducer, _conductor: Conductor) -> BaseModel:
    for session in service.sessions.all():
        session.router.close_producer(request.producer_id)
    return m.Empty()


def _create_consumers(
    service: Service, request: m.CreateConsumers, _conductor: Conductor
) -> BaseModel:
    router = service.sessions.router_of(request.transport_id)
    return m.Consumers(
        consumers=router.open_consumers(
            request.transport_id, request.rtp_capabilities, request.targets
        )
    )


def _set_wall(service: Service, request: m.SetWall, _conductor: Conductor) -> BaseModel:
    router = service.sessions.router_of(request.transport_id)
    router.set_wall(request.transport_id, request.tiles)
    return m.Empty()


def _request_key_frame(
    service: Service, request: m.RequestKeyFrame, _conductor: Conductor
) -> BaseModel:
    service.sessions.router_of_consumer(request.consumer_id).request_key_frame(request.consumer_id)
    return m.Empty()


# Each function takes exactly the model beside it, which a dict of both cannot say to mypy.
_METHODS: dict[str, tuple[type[BaseModel], Callable[[Service, Any, Conductor], BaseModel]]] = {
    "hello": (m.Hello, _hello),
    "session.apply": (m.ApplyPlan, _apply),
    "session.close": (m.CloseSession, _close_session),
    "session.describe": (m.DescribeSession, _describe),
    "router.capabilities": (m.Capabilities, _capabilities),
    "transport.create": (m.CreateTransport, _create_transport),
    "transport.connect": (m.ConnectTransport, _connect_transport),
    "transport.close": (m.CloseTransport, _close_transport),
    "transport.restart_ice": (m.RestartIce, _restart_ice),
    "producer.create": (m.CreateProducer, _create_producer),
    "producer.close": (m.CloseProducer, _close_producer),
    "consumers.create": (m.CreateConsumers, _create_consumers),
    "wall.set": (m.SetWall, _set_wall),
    "consumer.key_frame": (m.RequestKeyFrame, _request_key_frame),
}
