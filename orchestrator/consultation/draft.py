"""The events that one command brings about, while they are being decided."""

from orchestrator.consultation.actors import Actor
from orchestrator.consultation.errors import FloorFull
from orchestrator.consultation.events import (
    Event,
    FloorGranted,
    FloorRevoked,
    StageSet,
    Stamp,
    VenueUnmuted,
)
from orchestrator.consultation.evolve import evolve
from orchestrator.consultation.stage import stage_slots
from orchestrator.consultation.state import (
    FloorRequest,
    SessionState,
    open_microphones,
    waiting_request,
)


class Draft:
    """Collects events and the state that they lead to; thrown away when a rule refuses.

    `stamp` dates every event: not before the newest one of the log, whatever the clock says.
    """

    def __init__(self, state: SessionState, actor: Actor, now: float) -> None:
        self.state = state
        self.actor = actor
        self.events: list[Event] = []
        self.stamp = Stamp(at=max(now, state.last_at), by=actor.name)
        self._server = Stamp(at=self.stamp["at"], by="server")

    def emit(self, event: Event) -> None:
        """Let it happen."""
        self.events.append(event)
        self.state = evolve(self.state, event)

    def room_for(self, venue_id: str, *, floor: bool) -> bool:
        """Whether this venue's microphone may be open as well, by the floor or without it."""
        limit = self.state.floor.limit
        holders = self.state.floor.holders.keys() | ({venue_id} if floor else set())
        if floor and len(holders) > (1 if self.state.floor.policy == "fifo" else limit):
            return False
        adds = {venue_id} - {self.state.main_venue_id}
        return len(open_microphones(self.state) | adds) <= limit

    def grant(
        self, venue_id: str, request: FloorRequest | None, stamp: Stamp | None = None
    ) -> None:
        """Give the floor, unmuting the venue. Raises FloorFull."""
        stamp = stamp or self.stamp
        if not self.room_for(venue_id, floor=True):
            raise FloorFull
        if self.state.venues[venue_id].muted:
            self.emit(VenueUnmuted(**stamp, venue_id=venue_id))
        self.emit(
            FloorGranted(
                **stamp,
                venue_id=venue_id,
                request_id=request.request_id if request else None,
                speaker=request.speaker if request else "",
                subject=request.subject if request else "",
            )
        )

    def revoke(self, venue_id: str, reason: str) -> None:
        """Take the floor back."""
        self.emit(FloorRevoked(**self.stamp, venue_id=venue_id, reason=reason))

    def settle(self) -> list[Event]:
        """Let follow what must: the server's own grants, then the stage. Returns all events."""
        self._offer_floor()
        slots = stage_slots(self.state)
        if slots != self.state.stage.slots:
            stage = self.state.stage
            self.emit(
                StageSet(
                    **self._server,
                    mode=stage.mode,
                    layout=stage.layout,
                    slots=slots,
                    chosen=stage.chosen,
                )
            )
        return self.events

    def _offer_floor(self) -> None:
        """fifo: a live floor that nobody holds goes to the first in the queue who is there; a lost
        venue keeps its place until it is back."""
        floor = self.state.floor
        if self.state.phase != "live" or floor.policy != "fifo" or floor.holders:
            return
        for request_id in floor.queue:
            request = waiting_request(self.state, request_id)
            present = self.state.venues[request.venue_id].connection is not None
            if present and self.room_for(request.venue_id, floor=True):
                self.grant(request.venue_id, request, self._server)
                return
