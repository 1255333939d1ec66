"""The last second of every venue, both directions, for technicians and for metrics.

Figures come from the worker once a second and from the pages' own reports; they live here for a
few seconds and never enter the session log.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from orchestrator.consultation.state import SessionState
from orchestrator.protocol.signalling import ClientReport, MonitorStats, VenueHealth
from sfu.control.messages import Stats, TransportStats

FRESH = 3.0
"""Seconds after which a transport's figures are of the past and are shown no more."""

STATE_RANK = ("failed", "disconnected", "connecting", "connected")
"""The worst state of a venue's transports is the venue's."""


@dataclass(slots=True)
class _Session:
    transports: dict[str, tuple[float, TransportStats]] = field(default_factory=dict)
    reports: dict[str, ClientReport] = field(default_factory=dict)


class Health:
    """Of all sessions. `on_figures(worst loss)` is called with each snapshot, for metrics."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_figures: Callable[[float], None] = lambda worst_loss: None,
    ) -> None:
        self._clock = clock
        self.on_figures = on_figures
        self._sessions: dict[str, _Session] = {}

    def take(self, stats: Stats) -> None:
        """The worker's figures; one frame holds some of a session's transports."""
        now = self._clock()
        session = self._sessions.setdefault(stats.session_id, _Session())
        for transport in stats.transports:
            session.transports[transport.transport_id] = (now, transport)

    def report(self, session_id: str, venue_id: str, report: ClientReport) -> None:
        """What a venue's page says of itself."""
        self._sessions.setdefault(session_id, _Session()).reports[venue_id] = report

    def gone(self, session_id: str, venue_id: str) -> None:
        """The venue's page is closed: what it said holds no longer."""
        if (session := self._sessions.get(session_id)) is not None:
            session.reports.pop(venue_id, None)

    def forget(self, session_id: str) -> None:
        """Nobody conducts this session any more; idempotent."""
        self._sessions.pop(session_id, None)

    def snapshot(self, state: SessionState, server_time: float) -> MonitorStats:
        """Every venue of the session, connected or not, in the order of the roster."""
        session = self._sessions.setdefault(state.session_id, _Session())
        by_venue = self._fresh(session)
        venues = tuple(
            VenueHealth(
                venue_id=venue.venue_id,
                name=venue.name,
                connected=venue.connection is not None,
                connection_state=_worst_state(by_venue.get(venue.venue_id, ())),
                report=session.reports.get(venue.venue_id),
                transports=tuple(by_venue.get(venue.venue_id, ())),
            )
            for venue in sorted(state.venues.values(), key=lambda v: v.order)
        )
        self.on_figures(worst_loss(by_venue))
        return MonitorStats(server_time=server_time, venues=venues)

    def _fresh(self, session: _Session) -> dict[str, list[TransportStats]]:
        limit = self._clock() - FRESH
        session.transports = {
            transport_id: (at, stats)
            for transport_id, (at, stats) in session.transports.items()
            if at >= limit
        }
        by_venue: dict[str, list[TransportStats]] = {}
        for _, stats in session.transports.values():
            if stats.venue_id is not None:
                by_venue.setdefault(stats.venue_id, []).append(stats)
        return {venue_id: with_round_trip(found) for venue_id, found in by_venue.items()}


def with_round_trip(transports: list[TransportStats]) -> list[TransportStats]:
    """The venue's round trip on its incoming streams too.

    Receiver reports (RFC 3550 section 6.4.1) measure it on what the venue receives; a round trip
    is of the path there and back, so it holds for what the venue sends on the same path.
    """
    measured = [
        s.round_trip_ms for t in transports for s in t.streams if s.round_trip_ms is not None
    ]
    if not measured:
        return transports
    path = min(measured)
    return [
        t.model_copy(
            update={
                "streams": tuple(
                    s
                    if s.round_trip_ms is not None
                    else s.model_copy(update={"round_trip_ms": path})
                    for s in t.streams
                )
            }
        )
        for t in transports
    ]


def worst_loss(by_venue: dict[str, list[TransportStats]]) -> float:
    """The highest loss of any stream, as a fraction."""
    return max(
        (s.loss for transports in by_venue.values() for t in transports for s in t.streams),
        default=0.0,
    )


def _worst_state(transports: list[TransportStats] | tuple[()]) -> str:
    states = {transport.state for transport in transports}
    return next((state for state in STATE_RANK if state in states), "none")
