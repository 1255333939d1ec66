"""All sessions of a worker: their routers, who conducts them, and what the engine reports.

A session outlives its conductor's connection: media goes on as planned until a newer conductor
says otherwise, or nobody has spoken for it for `ORPHAN_SECONDS`.
"""

import os
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import structlog
from pydantic import BaseModel

from sfu.control.errors import NotFound, Overloaded, StaleEpoch
from sfu.control.messages import (
    CreateTransport,
    SlotSwitched,
    TransportState,
)
from sfu.control.plan import MediaPlan
from sfu.engine.native import (
    BusSwitched,
    DtlsDatagram,
    Event,
    PacketEngine,
    TapClosed,
    TransportClosed,
    TransportConsentExpired,
    TransportSelected,
)
from sfu.routing.numbers import Numbers
from sfu.routing.router import Router
from sfu.routing.tap import Tap
from sfu.transport.dtls import DtlsCertificate
from sfu.transport.webrtc import WebRtcTransport

ORPHAN_SECONDS = 600.0
FAILED_SECONDS = 120.0
"""A transport whose client is silent is kept this long for an ICE restart."""

TRANSPORT_LIMIT = 4000
EPOCHS_REMEMBERED = 10_000

log = structlog.get_logger()


class Conductor(Protocol):
    """A control connection, as far as sessions know it."""

    def notify(self, event: str, params: BaseModel) -> None: ...


class Session:
    """A router and who conducts it. `orphan_since` is set while nobody does."""

    def __init__(self, router: Router, conductor: Conductor) -> None:
        self.router = router
        self.conductor: Conductor | None = conductor
        self.epoch = 0
        self.orphan_since = 0.0


class Sessions:
    """Used from one event loop only."""

    def __init__(
        self,
        engine: PacketEngine,
        certificate: DtlsCertificate,
        *,
        worker_id: str,
        boot_id: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.worker_id = worker_id
        self.boot_id = boot_id
        self._engine = engine
        self._certificate = certificate
        self._clock = clock
        self._numbers = Numbers()
        self._sessions: dict[str, Session] = {}
        self._epochs: dict[str, int] = {}
        self._transports: dict[int, WebRtcTransport] = {}
        self._failed_since: dict[int, float] = {}
        self._tap_fds: dict[int, int] = {}

    def all(self) -> list[Session]:
        return list(self._sessions.values())

    # -- conductors

    def check_epoch(self, session_id: str, epoch: int, conductor: Conductor) -> None:
        """Take this conductor for the session's. Raises StaleEpoch for an older epoch."""
        newest = self._epochs.get(session_id, 0)
        if epoch < newest:
            raise StaleEpoch(f"a conductor with epoch {newest} has taken over session {session_id}")
        self._epochs.pop(session_id, None)
        self._epochs[session_id] = epoch  # newest last
        while len(self._epochs) > EPOCHS_REMEMBERED:
            self._epochs.pop(next(iter(self._epochs)))
        session = self._sessions.get(session_id)
        if session is not None:
            session.conductor = conductor

    def conductor_gone(self, conductor: Conductor) -> None:
        """Its connection ended; media goes on."""
        for session in self._sessions.values():
            if session.conductor is conductor:
                session.conductor = None
                session.orphan_since = self._clock()

    def apply(self, epoch: int, plan: MediaPlan, conductor: Conductor) -> int:
        """Run the plan; return the log version that now runs. A plan of an older version from
        the same conductor came out of order and changes nothing."""
        self.check_epoch(plan.session_id, epoch, conductor)
        session = self._sessions.get(plan.session_id)
        if session is None:
            router = Router(
                self._engine,
                self._certificate,
                self._numbers,
                plan,
                state_changed=self._state_changed,
            )
            session = self._sessions[plan.session_id] = Session(router, conductor)
            log.info("session.opened", session=plan.session_id, epoch=epoch)
        elif epoch > session.epoch or plan.log_version >= session.router.plan.log_version:
            session.router.apply(plan)
        session.epoch = epoch
        return session.router.plan.log_version

    def close(self, session_id: str) -> None:
        """End a session; an unknown id is no error."""
        session = self._sessions.pop(session_id, None)
        if session is not None:
            session.router.close()
            log.info("session.closed", session=session_id)

    # -- finding

    def router(self, session_id: str) -> Router:
        """Raises NotFound until a plan was applied."""
        session = self._sessions.get(session_id)
        if session is None:
            raise NotFound(f"no session {session_id} runs here: apply its plan first")
        return session.router

    def known(self, session_id: str) -> bool:
        return session_id in self._sessions

    def router_of(self, transport_id: str) -> Router:
        """The router that has a transport. Raises NotFound."""
        for session in self._sessions.values():
            if transport_id in session.router.members:
                return session.router
        raise NotFound(f"no transport {transport_id}")

    def router_of_consumer(self, consumer_id: str) -> Router:
        """The router that has a consumer. Raises NotFound."""
        for session in self._sessions.values():
            if any(consumer_id in m.consumers for m in session.router.members.values()):
                return session.router
        raise NotFound(f"no consumer {consumer_id}")

    def transport(self, transport_id: str) -> WebRtcTransport:
        """Raises NotFound."""
        return self.router_of(transport_id).members[transport_id].transport

    def open_transport(self, request: CreateTransport) -> WebRtcTransport:
        """Raises NotFound, BadRequest, Overloaded."""
        router = self.router(request.session_id)
        if len(self._transports) >= TRANSPORT_LIMIT:
            raise Overloaded(f"this worker has its {TRANSPORT_LIMIT} transports: use another one")
        transport = router.open_transport(
            request.transport_id, request.direction, request.venue_id, request.client
        )
        self._transports[transport.handle] = transport
        return transport

    @property
    def transport_count(self) -> int:
        return sum(len(session.router.members) for session in self._sessions.values())

    # -- taps

    def open_tap(self, session_id: str, recording_id: str, fd: int) -> None:
        """Give a recorder what the plan lets it have; owns `fd` from now on.

        Raises NotFound when no such recording runs, with `fd` still the caller's.
        """
        router = self.router(session_id)
        recording = router.plan.recording
        if recording is None or recording.recording_id != recording_id:
            raise NotFound(f"session {session_id} has no recording {recording_id}")
        tap = Tap(self._engine, fd, recording_id)
        self._tap_fds[tap.handle] = fd
        tap.hello(
            session_id=session_id,
            worker_id=self.worker_id,
            boot_id=self.boot_id,
            monotonic_ns=time.clock_gettime_ns(time.CLOCK_MONOTONIC),
            wall_ns=time.time_ns(),
        )
        router.add_tap(tap)

    # -- the engine

    def dispatch(self, events: Iterable[Event]) -> None:
        """Act on what the media thread reported."""
        # Taps first: the engine knows a closed one no more, so nothing may write to it now.
        for event in sorted(events, key=lambda event: not isinstance(event, TapClosed)):
            try:
                self._dispatch(event)
            except Exception:
                # One client's odd handshake must not cost the others their events.
                log.exception("engine.event_failed", event_type=type(event).__name__)

    def _dispatch(self, event: Event) -> None:
        if isinstance(event, BusSwitched):
            self._switched(event)
        elif isinstance(event, TapClosed):
            self._tap_closed(event.tap)
        elif isinstance(event, TransportClosed):
            transport = self._transports.pop(event.transport, None)
            self._failed_since.pop(event.transport, None)
            if transport is not None:
                transport.release()
        else:
            transport = self._transports.get(event.transport)
            if transport is None:
                return
            if isinstance(event, DtlsDatagram):
                transport.receive_dtls(event.data)
            elif isinstance(event, TransportSelected):
                transport.selected()
            elif isinstance(event, TransportConsentExpired):
                transport.consent_expired()

    def _state_changed(self, router: Router, transport: WebRtcTransport, reason: str) -> None:
        if transport.state == "failed":
            self._failed_since[transport.handle] = self._clock()
        else:
            self._failed_since.pop(transport.handle, None)
        log.info(
            "transport.state",
            session=router.session_id,
            transport=transport.transport_id,
            state=transport.state,
            reason=reason,
            srtp=transport.srtp_profile,
        )
        self._notify(
            router.session_id,
            "transport.state",
            TransportState(
                session_id=router.session_id,
                transport_id=transport.transport_id,
                state=transport.state,
                reason=reason,
                srtp_profile=transport.srtp_profile,
            ),
        )
        if transport.state == "closed":
            router.close_transport(transport.transport_id)

    def _switched(self, event: BusSwitched) -> None:
        for session in self._sessions.values():
            bus = session.router.slot_of(event.bus)
            if bus is not None and bus.slot is not None:
                self._notify(
                    session.router.session_id,
                    "slot.switched",
                    SlotSwitched(
                        session_id=session.router.session_id,
                        slot=bus.slot,
                        kind=bus.kind,
                        publication=session.router.publication(event.stream),
                        monotonic_ns=event.monotonic_ns,
                        rtp_timestamp=event.rtp_timestamp,
                    ),
                )
                return

    def _tap_closed(self, handle: int) -> None:
        fd = self._tap_fds.pop(handle, None)
        if fd is not None:
            os.close(fd)
        for session in self._sessions.values():
            if session.router.tap_ended(handle):
                log.info("tap.closed", session=session.router.session_id)
                return

    def _notify(self, session_id: str, event: str, params: BaseModel) -> None:
        session = self._sessions.get(session_id)
        if session is not None and session.conductor is not None:
            session.conductor.notify(event, params)

    # -- time

    def tick(self) -> None:
        """Called once a second: close what nobody wants any more."""
        now = self._clock()
        for session_id, session in list(self._sessions.items()):
            if session.conductor is None and now - session.orphan_since > ORPHAN_SECONDS:
                log.warning("session.orphaned", session=session_id, seconds=ORPHAN_SECONDS)
                self.close(session_id)
        for handle, since in list(self._failed_since.items()):
            if now - since > FAILED_SECONDS:
                del self._failed_since[handle]
                transport = self._transports.get(handle)
                if transport is not None and transport.state == "failed":
                    transport.give_up()

    def request_tapped_key_frames(self) -> None:
        """Called every few seconds, for the recordings."""
        for session in self._sessions.values():
            session.router.request_tapped_key_frames()

    def close_all(self) -> None:
        """End every session; the engine still has to report what it let go."""
        for session_id in list(self._sessions):
            self.close(session_id)

    @property
    def quiet(self) -> bool:
        """The engine has let go of every transport."""
        return not self._transports

    def release(self) -> None:
        """After the engine has stopped: let go of what it owned."""
        for transport in self._transports.values():
            transport.release()
        self._transports.clear()
        for fd in self._tap_fds.values():
            os.close(fd)
        self._tap_fds.clear()


def wire(model: BaseModel) -> dict[str, Any]:
    """A message as it goes into a frame."""
    return model.model_dump(mode="json", by_alias=True)
