"""One client's transport: ICE credentials, DTLS and its life in the engine."""

from collections.abc import Callable
from typing import Literal

from sfu.control.errors import BadRequest
from sfu.control.rtp import DtlsFingerprint, DtlsParameters, IceParameters
from sfu.engine.native import PacketEngine
from sfu.transport.dtls import DtlsCertificate, DtlsServer, SrtpSessions
from sfu.transport.ice_lite import IceCredentials

State = Literal["connecting", "connected", "disconnected", "failed", "closed"]
StateCallback = Callable[["WebRtcTransport", str], None]

EARLY_DATAGRAMS = 8
"""Kept of a client whose DTLS arrives before its parameters."""


class WebRtcTransport:
    """Opened in the engine at once; secure after `connect` and the client's handshake.

    `changed(transport, reason)` is called on each change of `state`. After `close()` the engine
    still owns the SRTP sessions until it reports TransportClosed: then call `release()`.
    """

    def __init__(
        self,
        engine: PacketEngine,
        certificate: DtlsCertificate,
        *,
        transport_id: str,
        direction: Literal["send", "recv"],
        venue_id: str | None,
        client: str | None,
        owner: int,
        changed: StateCallback,
    ) -> None:
        self.transport_id = transport_id
        self.direction = direction
        self.venue_id = venue_id
        self.client = client
        self.state: State = "connecting"
        self.srtp_profile = ""
        self.credentials = IceCredentials.generate()
        self._engine = engine
        self._certificate = certificate
        self._changed = changed
        self._fingerprints: tuple[DtlsFingerprint, ...] = ()
        self._dtls: DtlsServer | None = None
        self._early: list[bytes] = []
        self._ended_in_engine = False
        self._sessions: SrtpSessions | None = None
        self.handle = engine.open_transport(
            self.credentials.ufrag.encode(), self.credentials.password.encode(), owner=owner
        )

    def connect(self, parameters: DtlsParameters) -> None:
        """Take the client's fingerprints and be ready for its handshake; returns at once.

        Saying the same again is no error. Raises BadRequest for other fingerprints, or for a
        client that wants to be the DTLS server.
        """
        if parameters.role == "server":
            raise BadRequest("the client must take the DTLS role client: we are the server")
        if self._dtls is not None:
            if parameters.fingerprints != self._fingerprints:
                raise BadRequest("this transport is connected with other fingerprints")
            return
        self._fingerprints = parameters.fingerprints
        self._dtls = DtlsServer(
            self._certificate,
            parameters.fingerprints,
            send=self._send,
            established=self._established,
            ended=self._ended,
        )
        early, self._early = self._early, []
        for datagram in early:
            self._dtls.receive(datagram)

    def receive_dtls(self, datagram: bytes) -> None:
        """A DTLS datagram from the selected address."""
        if self._dtls is not None:
            self._dtls.receive(datagram)
        elif len(self._early) < EARLY_DATAGRAMS:
            self._early.append(datagram)

    def restart_ice(self) -> IceParameters:
        """New credentials; media goes on over the old address until a check uses them."""
        self.credentials = IceCredentials.generate()
        self._engine.set_ice(
            self.handle, self.credentials.ufrag.encode(), self.credentials.password.encode()
        )
        return self.credentials.parameters()

    def selected(self) -> None:
        """A check from an address succeeded: a path that had failed is back."""
        if self.state == "failed" and self._sessions is not None:
            self._set("connected", "")

    def consent_expired(self) -> None:
        """The client was silent for the consent time (RFC 7675)."""
        if self.state != "closed":
            self._set("failed", "consent_expired")

    def give_up(self) -> None:
        """The client did not come back in time."""
        self._set("closed", "silent")

    def close(self) -> None:
        """End it in the engine; idempotent. Calls `changed` no more."""
        if self._ended_in_engine:
            return
        self._ended_in_engine = True
        self.state = "closed"
        if self._dtls is not None:
            self._dtls.close()
            self._dtls = None
        self._engine.close_transport(self.handle)

    def release(self) -> None:
        """The engine will not touch the SRTP sessions again."""
        self._sessions = None

    def _send(self, datagram: bytes) -> None:
        self._engine.send_datagram(self.handle, datagram)

    def _established(self, sessions: SrtpSessions) -> None:
        self._sessions = sessions
        self.srtp_profile = sessions.profile
        self._engine.set_srtp(
            self.handle, sessions.rtp_in, sessions.rtcp_in, sessions.rtp_out, sessions.rtcp_out
        )
        self._set("connected", "")

    def _ended(self, reason: str) -> None:
        if reason:
            self._set("failed", reason)
        else:
            self._set("closed", "close_notify")

    def _set(self, state: State, reason: str) -> None:
        self.state = state
        self._changed(self, reason)
