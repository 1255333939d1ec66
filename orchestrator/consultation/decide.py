"""`decide(state, command, actor, now)`: judge a command, name what happens."""

from collections.abc import Callable, Mapping

from orchestrator.consultation import commands as c
from orchestrator.consultation import decide_floor, decide_session, decide_venue
from orchestrator.consultation.actors import Actor
from orchestrator.consultation.draft import Draft
from orchestrator.consultation.errors import Conflict, NoSuchSession, NotPermitted
from orchestrator.consultation.events import Event
from orchestrator.consultation.state import SessionState
from orchestrator.consultation.view import Role

CHAIR: tuple[Role, ...] = ("host", "admin")
VENUE_OR_CHAIR: tuple[Role, ...] = ("venue", "host", "admin")
SERVER: tuple[Role, ...] = ("system",)

Rule = Callable[[Draft, c.Command], None]


def _rule(command: type[c.CommandT], rule: Callable[[Draft, c.CommandT], None]) -> Rule:
    """The same rule, callable with any command; `RULES` only gives it its own."""

    def judged(draft: Draft, given: c.Command) -> None:
        assert isinstance(given, command)
        rule(draft, given)

    return judged


RULES: Mapping[type[c.Command], tuple[tuple[Role, ...], Rule]] = {
    c.AddVenues: (CHAIR, _rule(c.AddVenues, decide_session.add_venues)),
    c.IssueLinks: (CHAIR, _rule(c.IssueLinks, decide_session.issue_links)),
    c.RevokeLink: (CHAIR, _rule(c.RevokeLink, decide_session.revoke_link)),
    c.OpenSession: (CHAIR, _rule(c.OpenSession, decide_session.open_session)),
    c.StartSession: (CHAIR, _rule(c.StartSession, decide_session.start)),
    c.PauseSession: (CHAIR, _rule(c.PauseSession, decide_session.pause)),
    c.ResumeSession: (CHAIR, _rule(c.ResumeSession, decide_session.resume)),
    c.EndSession: (CHAIR, _rule(c.EndSession, decide_session.end)),
    c.ArchiveSession: (
        (*SERVER, "archivist", "admin"),
        _rule(c.ArchiveSession, decide_session.archive),
    ),
    c.SetStage: (CHAIR, _rule(c.SetStage, decide_session.set_stage)),
    c.StartRecording: (CHAIR, _rule(c.StartRecording, decide_session.start_recording)),
    c.StopRecording: (
        (*CHAIR, *SERVER),
        _rule(c.StopRecording, decide_session.stop_recording),
    ),
    c.RequestFloor: (VENUE_OR_CHAIR, _rule(c.RequestFloor, decide_floor.request)),
    c.CancelRequest: (VENUE_OR_CHAIR, _rule(c.CancelRequest, decide_floor.cancel)),
    c.ReleaseFloor: (("venue",), _rule(c.ReleaseFloor, decide_floor.release)),
    c.GrantFloor: (CHAIR, _rule(c.GrantFloor, decide_floor.grant)),
    c.DenyRequest: (CHAIR, _rule(c.DenyRequest, decide_floor.deny)),
    c.RevokeFloor: (CHAIR, _rule(c.RevokeFloor, decide_floor.revoke)),
    c.MoveRequest: (CHAIR, _rule(c.MoveRequest, decide_floor.move)),
    c.SetFloorPolicy: (CHAIR, _rule(c.SetFloorPolicy, decide_floor.set_policy)),
    c.ReleaseAbsentHolder: (SERVER, _rule(c.ReleaseAbsentHolder, decide_floor.release_absent)),
    c.MuteAll: (CHAIR, _rule(c.MuteAll, decide_venue.mute_all)),
    c.SetVenueAudio: (CHAIR, _rule(c.SetVenueAudio, decide_venue.set_audio)),
    c.ConnectVenue: (SERVER, _rule(c.ConnectVenue, decide_venue.connect)),
    c.DisconnectVenue: (SERVER, _rule(c.DisconnectVenue, decide_venue.disconnect)),
    c.StartPublication: (SERVER, _rule(c.StartPublication, decide_venue.start_publication)),
    c.EndPublication: (SERVER, _rule(c.EndPublication, decide_venue.end_publication)),
}
"""Command → roles that may give it (none includes another), and its rule."""


def decide(state: SessionState | None, command: c.Command, actor: Actor, now: float) -> list[Event]:
    """The events that carry out `command`; empty when it is true already.

    `state` is None only for `CreateSession`. Append the events at `state.version`, and decide
    again on a conflict. Raises ConsultationError with a stable code; then nothing has happened.
    """
    if isinstance(command, c.CreateSession):
        if not actor.may(*CHAIR):
            raise NotPermitted
        if state is not None:
            raise Conflict
        return decide_session.create(command, actor, now)
    roles, rule = RULES[type(command)]
    if not actor.may(*roles):
        raise NotPermitted
    if state is None:
        raise NoSuchSession
    draft = Draft(state, actor, now)
    rule(draft, command)
    return draft.settle()
