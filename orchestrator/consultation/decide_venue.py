"""Rules of venues: connections, publications, what the chair opens and mutes."""

from orchestrator.consultation import commands as c
from orchestrator.consultation import events as ev
from orchestrator.consultation.decide_session import in_phase
from orchestrator.consultation.draft import Draft
from orchestrator.consultation.errors import FloorFull, NotJoined, VenueOccupied
from orchestrator.consultation.state import JOINABLE, Venue, venue_of


def _leave(draft: Draft, venue: Venue, reason: str) -> None:
    """The venue's connection goes, and what it published goes first."""
    assert venue.connection is not None
    for source, generation in venue.publications.items():
        draft.emit(
            ev.PublicationEnded(
                **draft.stamp,
                venue_id=venue.venue_id,
                source=source,
                generation=generation,
                reason=reason,
            )
        )
    draft.emit(
        ev.VenueLeft(
            **draft.stamp,
            venue_id=venue.venue_id,
            connection_id=venue.connection.connection_id,
            reason=reason,
        )
    )


def connect(draft: Draft, command: c.ConnectVenue) -> None:
    in_phase(draft, JOINABLE)
    venue = venue_of(draft.state, command.venue_id)
    if venue.connection is not None:
        if venue.connection.connection_id == command.connection_id:
            return
        if venue.connection.client_id != command.client_id and not command.take_over:
            raise VenueOccupied
        _leave(draft, venue, "superseded")
    draft.emit(
        ev.VenueJoined(
            **draft.stamp,
            venue_id=venue.venue_id,
            connection_id=command.connection_id,
            client_id=command.client_id,
        )
    )


def disconnect(draft: Draft, command: c.DisconnectVenue) -> None:
    venue = venue_of(draft.state, command.venue_id)
    if venue.connection is not None and venue.connection.connection_id == command.connection_id:
        _leave(draft, venue, command.reason)


def start_publication(draft: Draft, command: c.StartPublication) -> None:
    in_phase(draft, JOINABLE)
    venue = venue_of(draft.state, command.venue_id)
    if venue.connection is None or venue.connection.connection_id != command.connection_id:
        raise NotJoined
    running = venue.publications.get(command.source)
    if running is not None:
        draft.emit(
            ev.PublicationEnded(
                **draft.stamp,
                venue_id=venue.venue_id,
                source=command.source,
                generation=running,
                reason="replaced",
            )
        )
    draft.emit(
        ev.PublicationStarted(
            **draft.stamp,
            venue_id=venue.venue_id,
            source=command.source,
            generation=venue.generations.get(command.source, 0) + 1,
        )
    )


def end_publication(draft: Draft, command: c.EndPublication) -> None:
    venue = venue_of(draft.state, command.venue_id)
    if venue.publications.get(command.source) != command.generation:
        return
    draft.emit(
        ev.PublicationEnded(
            **draft.stamp,
            venue_id=venue.venue_id,
            source=command.source,
            generation=command.generation,
            reason=command.reason,
        )
    )


def mute_all(draft: Draft, _: c.MuteAll) -> None:
    in_phase(draft, JOINABLE)
    if any(not v.muted for v in draft.state.venues.values() if v.kind != "main"):
        draft.emit(ev.AllMuted(**draft.stamp))


def set_audio(draft: Draft, command: c.SetVenueAudio) -> None:
    in_phase(draft, JOINABLE)
    venue = venue_of(draft.state, command.venue_id)
    if command.open is True and not venue.open:
        if not draft.room_for(venue.venue_id, floor=False):
            raise FloorFull
        draft.emit(ev.VenueOpened(**draft.stamp, venue_id=venue.venue_id))
    if command.open is False and venue.open:
        draft.emit(ev.VenueClosed(**draft.stamp, venue_id=venue.venue_id))
    if command.muted is True and not venue.muted:
        draft.emit(ev.VenueMuted(**draft.stamp, venue_id=venue.venue_id))
    if command.muted is False and venue.muted:
        draft.emit(ev.VenueUnmuted(**draft.stamp, venue_id=venue.venue_id))
