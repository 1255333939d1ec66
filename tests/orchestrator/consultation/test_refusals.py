"""Every refusal of the core, as a table: who, what, in which situation, with which code."""

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from orchestrator.consultation import commands as c
from orchestrator.consultation import errors
from orchestrator.consultation.actors import SYSTEM, Actor
from orchestrator.consultation.decide import RULES, decide
from orchestrator.consultation.state import check_link
from orchestrator.protocol.reasons import Reason
from tests.orchestrator.consultation.driver import (
    HOST,
    Driven,
    creation,
    live,
    scheduled,
    venue_actor,
)

B1, B2 = venue_actor("b1"), venue_actor("b2")
STRANGER = venue_actor("nowhere")


def _full() -> Driven:
    session = live(creation(limit=1))
    session.grant("b1")
    return session


def _waiting() -> Driven:
    session = live()
    session.request("b1")
    return session


def _holding() -> Driven:
    session = live()
    session.grant("b1")
    return session


def _closed_list() -> Driven:
    session = live()
    session.do(c.SetFloorPolicy(list_open=False))
    return session


def _recording() -> Driven:
    session = live()
    session.do(c.StartRecording(recording_id="rec1"))
    return session


def _linked() -> Driven:
    session = live()
    session.do(_links("l1"))
    return session


def _paused() -> Driven:
    session = live()
    session.do(c.PauseSession())
    return session


def _ended() -> Driven:
    session = live()
    session.do(c.EndSession())
    return session


def _absent() -> Driven:
    return live(connected=False)


def _links(*ids: str, expires_at: float = 9e9, venue: str = "b1") -> c.IssueLinks:
    return c.IssueLinks(
        links=tuple(c.NewLink(link_id=i, venue_id=venue, expires_at=expires_at) for i in ids)
    )


def _connect(client: str = "other", *, venue: str = "b1") -> c.ConnectVenue:
    return c.ConnectVenue(venue_id=venue, connection_id="new", client_id=client)


def _stage(layout: str, slots: dict[str, str | None], mode: str = "manual") -> c.SetStage:
    return c.SetStage.model_validate({"mode": mode, "layout": layout, "slots": slots})


def _venue(venue_id: str, kind: str = "branch") -> c.AddVenues:
    return c.AddVenues.model_validate(
        {"venues": [{"venue_id": venue_id, "name": "新", "kind": kind}]}
    )


def _publish(connection: str = "c9") -> c.StartPublication:
    return c.StartPublication(venue_id="b1", connection_id=connection, source="camera")


CASES: list[tuple[Callable[[], Driven], c.Command, Actor, str]] = [
    # create and set up
    (live, creation(), HOST, "conflict"),
    (live, creation(), B1, "not_permitted"),
    (live, _venue("b1"), HOST, "conflict"),
    (live, _venue("m2", "main"), HOST, "conflict"),
    (_ended, _venue("b9"), HOST, "wrong_phase"),
    (live, _links("l1", venue="nowhere"), HOST, "no_such_venue"),
    (live, _links("l1", expires_at=1.0), HOST, "bad_request"),
    (live, _links("l1", "l1"), HOST, "conflict"),
    (_linked, _links("l1"), HOST, "conflict"),
    (live, c.RevokeLink(link_id="l9"), HOST, "link_invalid"),
    # phases
    (live, c.OpenSession(), HOST, "wrong_phase"),
    (live, c.StartSession(), HOST, "wrong_phase"),
    (live, c.ResumeSession(), HOST, "wrong_phase"),
    (scheduled, c.StartSession(), HOST, "wrong_phase"),
    (scheduled, c.PauseSession(), HOST, "wrong_phase"),
    (scheduled, c.EndSession(), HOST, "wrong_phase"),
    (live, c.ArchiveSession(), SYSTEM, "wrong_phase"),
    (_ended, c.EndSession(), HOST, "wrong_phase"),
    (_ended, c.MuteAll(), HOST, "wrong_phase"),
    (_ended, c.SetVenueAudio(venue_id="b1", muted=True), HOST, "wrong_phase"),
    (_ended, c.SetFloorPolicy(list_open=False), HOST, "wrong_phase"),
    (_ended, _stage("single", {}), HOST, "wrong_phase"),
    # floor requests
    (scheduled, c.RequestFloor(venue_id="b1"), HOST, "wrong_phase"),
    (_waiting, c.RequestFloor(), B1, "already_requested"),
    (_holding, c.RequestFloor(), B1, "already_holder"),
    (_closed_list, c.RequestFloor(), B1, "list_closed"),
    (_absent, c.RequestFloor(), B1, "not_joined"),
    (live, c.RequestFloor(), HOST, "bad_request"),
    (live, c.RequestFloor(venue_id="nowhere"), HOST, "no_such_venue"),
    (live, c.RequestFloor(venue_id="b2"), B1, "not_permitted"),
    (live, c.RequestFloor(), STRANGER, "no_such_venue"),
    (live, c.RequestFloor(), Actor(frozenset({"venue"})), "not_permitted"),
    (live, c.CancelRequest(request_id="r9"), HOST, "no_such_request"),
    (_waiting, c.CancelRequest(request_id="r1"), B2, "not_permitted"),
    (live, c.ReleaseFloor(), B1, "not_holder"),
    (live, c.ReleaseFloor(), HOST, "not_permitted"),
    # the chair
    (_full, c.GrantFloor(venue_id="b2"), HOST, "floor_full"),
    (_full, c.SetVenueAudio(venue_id="b2", open=True), HOST, "floor_full"),
    (_holding, c.GrantFloor(venue_id="b1"), HOST, "already_holder"),
    (live, c.GrantFloor(), HOST, "bad_request"),
    (live, c.GrantFloor(venue_id="nowhere"), HOST, "no_such_venue"),
    (live, c.GrantFloor(request_id="r9"), HOST, "no_such_request"),
    (_waiting, c.GrantFloor(request_id="r1", venue_id="b2"), HOST, "bad_request"),
    (_paused, c.GrantFloor(venue_id="b1"), HOST, "wrong_phase"),
    (live, c.DenyRequest(request_id="r9"), HOST, "no_such_request"),
    (live, c.MoveRequest(request_id="r9", position=1, reason="x"), HOST, "no_such_request"),
    (live, c.RevokeFloor(venue_id="b1"), HOST, "not_holder"),
    (live, c.RevokeFloor(venue_id="nowhere"), HOST, "no_such_venue"),
    (live, c.SetVenueAudio(venue_id="nowhere", open=True), HOST, "no_such_venue"),
    # stage and recording
    (live, _stage("single", {"1": "b1"}, "follow_floor"), HOST, "stage_invalid"),
    (live, _stage("single", {"2": "b1"}), HOST, "stage_invalid"),
    (live, _stage("side_by_side", {"1": "b1", "2": "b1"}), HOST, "stage_invalid"),
    (live, _stage("single", {"1": "nowhere"}), HOST, "no_such_venue"),
    (_recording, c.StartRecording(recording_id="rec2"), HOST, "already_recording"),
    (scheduled, c.StartRecording(recording_id="rec2"), HOST, "wrong_phase"),
    (live, c.StopRecording(), HOST, "not_recording"),
    # connections
    (live, _connect(), SYSTEM, "venue_occupied"),
    (live, _connect(venue="nowhere"), SYSTEM, "no_such_venue"),
    (_ended, _connect(), SYSTEM, "wrong_phase"),
    (live, _publish("old"), SYSTEM, "not_joined"),
    (_absent, _publish(), SYSTEM, "not_joined"),
    (_ended, _publish(), SYSTEM, "wrong_phase"),
]


@pytest.mark.parametrize(("situation", "command", "actor", "code"), CASES)
def test_refusal(
    situation: Callable[[], Driven], command: c.Command, actor: Actor, code: str
) -> None:
    session = situation()
    before = session.state
    with pytest.raises(errors.ConsultationError) as refusal:
        session.do(command, actor)
    assert refusal.value.code == code
    assert refusal.value.message.strip()
    assert session.state is before


def test_two_main_venues_are_refused() -> None:
    two = creation().model_copy(
        update={"venues": tuple(c.NewVenue(venue_id=v, name=v, kind="main") for v in ("m1", "m2"))}
    )
    with pytest.raises(errors.BadRequest):
        decide(None, two, HOST, 0.0)


def test_two_venues_with_one_id_are_refused() -> None:
    with pytest.raises(errors.Conflict):
        decide(None, creation(("b1", "b1")), HOST, 0.0)


def test_too_many_venues_are_refused() -> None:
    session = scheduled()
    more = c.AddVenues(
        venues=tuple(c.NewVenue(venue_id=f"v{i}", name="v") for i in range(c.VENUE_LIMIT))
    )
    with pytest.raises(errors.BadRequest):
        session.do(more)


def test_commands_need_a_session() -> None:
    with pytest.raises(errors.NoSuchSession):
        decide(None, c.OpenSession(), HOST, 0.0)


def test_every_command_has_its_roles() -> None:
    commands = set(c.Command.__subclasses__()) - {c.NewVenue, c.NewLink, c.CreateSession}
    assert set(RULES) == commands


def test_every_code_is_a_reason_of_the_wire() -> None:
    def tree(cls: type[errors.ConsultationError]) -> set[type[errors.ConsultationError]]:
        return {cls}.union(*(tree(sub) for sub in cls.__subclasses__()))

    classes = tree(errors.ConsultationError)
    assert {cls.code for cls in classes} <= {reason.value for reason in Reason}
    for cls in classes - {errors.ConsultationError}:
        assert f"{cls.__name__} " in (errors.__doc__ or "")


def test_links_are_judged_by_time_and_revocation() -> None:
    session = _linked()
    assert check_link(session.state, "l1", 1000.0).venue_id == "b1"
    with pytest.raises(errors.LinkExpired):
        check_link(session.state, "l1", 9e9)
    session.do(_links("l2"))  # replaces the older one
    with pytest.raises(errors.LinkWithdrawn):
        check_link(session.state, "l1", 1000.0)
    with pytest.raises(errors.LinkInvalid):
        check_link(session.state, "l3", 1000.0)
    session.do(c.RevokeLink(link_id="l2"))
    assert session.do(c.RevokeLink(link_id="l2")) == []


@pytest.mark.parametrize(
    "wrong",
    [{"title": "a\x00b"}, {"title": ""}, {"venues": []}, {"open_microphone_limit": 7}, {"x": 1}],
)
def test_a_creation_that_does_not_fit_is_no_command(wrong: dict[str, object]) -> None:
    data = creation().model_dump()
    with pytest.raises(ValidationError):
        c.CreateSession.model_validate({**data, **wrong})
