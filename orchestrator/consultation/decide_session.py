"""Rules of set-up, phases, stage and recording."""

from collections.abc import Collection, Iterable

from orchestrator.consultation import commands as c
from orchestrator.consultation import events as ev
from orchestrator.consultation.actors import Actor
from orchestrator.consultation.draft import Draft
from orchestrator.consultation.errors import (
    AlreadyRecording,
    BadRequest,
    Conflict,
    LinkInvalid,
    NotRecording,
    WrongPhase,
)
from orchestrator.consultation.stage import chosen_stage, stage_slots
from orchestrator.consultation.state import JOINABLE, RUNNING, venue_of, waiting_request
from orchestrator.consultation.view import Phase


def in_phase(draft: Draft, phases: Collection[Phase]) -> None:
    """Raises WrongPhase outside of `phases`."""
    if draft.state.phase not in phases:
        raise WrongPhase(
            f"the session is {draft.state.phase}; this is possible when it is "
            f"{' or '.join(sorted(phases))}"
        )


def create(command: c.CreateSession, actor: Actor, now: float) -> list[ev.Event]:
    """The first events of a log."""
    if sum(venue.kind == "main" for venue in command.venues) != 1:
        raise BadRequest("a session has exactly one main venue; mark one venue as main")
    _unique(command.venues, ())
    stamp = ev.Stamp(at=now, by=actor.name)
    created = ev.SessionCreated(
        **stamp,
        session_id=command.session_id,
        title=command.title,
        codec=command.codec,
        floor_policy=command.floor_policy,
        layout=command.layout,
        recording_policy=command.recording_policy,
        open_microphone_limit=command.open_microphone_limit,
        grace_seconds=command.grace_seconds,
    )
    return [created, *_added(command.venues, stamp, 0)]


def _added(venues: Iterable[c.NewVenue], stamp: ev.Stamp, order: int) -> list[ev.VenueAdded]:
    return [
        ev.VenueAdded(**stamp, venue_id=v.venue_id, name=v.name, kind=v.kind, order=order + i)
        for i, v in enumerate(venues)
    ]


def _unique(venues: Iterable[c.NewVenue], known: Collection[str]) -> None:
    seen = set(known)
    for venue in venues:
        if venue.venue_id in seen:
            raise Conflict(f"the session has a venue {venue.venue_id} already; choose another id")
        seen.add(venue.venue_id)


def add_venues(draft: Draft, command: c.AddVenues) -> None:
    in_phase(draft, JOINABLE)
    if any(venue.kind == "main" for venue in command.venues):
        raise Conflict("the session has its main venue already; add these as branch venues")
    _unique(command.venues, draft.state.venues.keys())
    count = len(draft.state.venues)
    if count + len(command.venues) > c.VENUE_LIMIT:
        raise BadRequest(f"a session has at most {c.VENUE_LIMIT} venues; add fewer")
    for event in _added(command.venues, draft.stamp, count):
        draft.emit(event)


def issue_links(draft: Draft, command: c.IssueLinks) -> None:
    in_phase(draft, JOINABLE)
    for link in command.links:
        venue_of(draft.state, link.venue_id)
        if link.link_id in draft.state.links:
            raise Conflict("a link with this id exists already; choose another id")
        if link.expires_at <= draft.stamp["at"]:
            raise BadRequest("the link would have expired already; give a later time")
    if len({link.link_id for link in command.links}) != len(command.links):
        raise Conflict("two of these links have the same id; give each its own")
    if command.replace:
        venues = {link.venue_id for link in command.links}
        for old in list(draft.state.links.values()):
            if old.venue_id in venues and not old.revoked:
                draft.emit(
                    ev.LinkRevoked(**draft.stamp, link_id=old.link_id, venue_id=old.venue_id)
                )
    for link in command.links:
        draft.emit(
            ev.LinkIssued(
                **draft.stamp,
                link_id=link.link_id,
                venue_id=link.venue_id,
                role=link.role,
                expires_at=link.expires_at,
            )
        )


def revoke_link(draft: Draft, command: c.RevokeLink) -> None:
    link = draft.state.links.get(command.link_id)
    if link is None:
        raise LinkInvalid
    if not link.revoked:
        draft.emit(ev.LinkRevoked(**draft.stamp, link_id=link.link_id, venue_id=link.venue_id))


def open_session(draft: Draft, _: c.OpenSession) -> None:
    in_phase(draft, {"scheduled"})
    draft.emit(ev.SessionOpened(**draft.stamp))


def start(draft: Draft, _: c.StartSession) -> None:
    in_phase(draft, {"open"})
    draft.emit(ev.SessionStarted(**draft.stamp))


def pause(draft: Draft, _: c.PauseSession) -> None:
    in_phase(draft, {"live"})
    draft.emit(ev.SessionPaused(**draft.stamp))


def resume(draft: Draft, _: c.ResumeSession) -> None:
    in_phase(draft, {"paused"})
    draft.emit(ev.SessionResumed(**draft.stamp))


def end(draft: Draft, _: c.EndSession) -> None:
    """Nothing outlives the session: floor, queue and recording end before it."""
    in_phase(draft, RUNNING)
    for venue_id in list(draft.state.floor.holders):
        draft.emit(ev.FloorReleased(**draft.stamp, venue_id=venue_id, reason="session_ended"))
    for request_id in draft.state.floor.queue:
        request = waiting_request(draft.state, request_id)
        draft.emit(
            ev.FloorCancelled(
                **draft.stamp,
                request_id=request_id,
                venue_id=request.venue_id,
                reason="session_ended",
            )
        )
    recording = draft.state.recording_now
    if recording is not None:
        draft.emit(
            ev.RecordingStopped(
                **draft.stamp, recording_id=recording.recording_id, reason="session_ended"
            )
        )
    draft.emit(ev.SessionEnded(**draft.stamp))


def archive(draft: Draft, _: c.ArchiveSession) -> None:
    in_phase(draft, {"ended"})
    draft.emit(ev.SessionArchived(**draft.stamp))


def set_stage(draft: Draft, command: c.SetStage) -> None:
    in_phase(draft, JOINABLE)
    stage = chosen_stage(draft.state, command)
    slots = stage_slots(draft.state, stage)
    now = draft.state.stage
    if (now.mode, now.layout, now.slots, now.chosen) == (
        stage.mode,
        stage.layout,
        slots,
        stage.chosen,
    ):
        return
    draft.emit(
        ev.StageSet(
            **draft.stamp, mode=stage.mode, layout=stage.layout, slots=slots, chosen=stage.chosen
        )
    )


def start_recording(draft: Draft, command: c.StartRecording) -> None:
    in_phase(draft, RUNNING)
    if draft.state.recording_now is not None:
        raise AlreadyRecording
    draft.emit(
        ev.RecordingStarted(
            **draft.stamp,
            recording_id=command.recording_id,
            policy=draft.state.recording_policy,
        )
    )


def stop_recording(draft: Draft, _: c.StopRecording) -> None:
    recording = draft.state.recording_now
    if recording is None:
        raise NotRecording
    draft.emit(
        ev.RecordingStopped(
            **draft.stamp,
            recording_id=recording.recording_id,
            reason="failed" if draft.actor.may("system") else "by_host",
        )
    )
