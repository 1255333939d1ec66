"""What each viewer is shown."""

import pytest

from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import Viewer
from orchestrator.consultation.events import EVENT_TYPES
from orchestrator.consultation.projection import (
    audience_of,
    personalise,
    project,
    project_shared,
    visible,
)
from tests.orchestrator.consultation.driver import HOST, MAIN, Driven, creation, live, venue_actor

CHAIR = Viewer("host")
B1 = Viewer("venue", "b1")
B2 = Viewer("venue", "b2")
TECHNICIAN = Viewer("technician")
PUBLIC = Viewer("public")


def _busy() -> Driven:
    session = live()
    session.do(c.IssueLinks(links=(c.NewLink(link_id="l1", venue_id="b1", expires_at=9e9),)))
    session.request("b1", "secret one")
    session.request("b2", "secret two")
    session.do(c.RequestFloor(subject="told", speaker="李医生"), venue_actor("b3"))
    session.grant("b3")
    return session


def test_the_host_sees_all_requests_with_their_subjects() -> None:
    view = project(_busy().state, CHAIR)
    assert [view.floor.requests[r].subject for r in view.floor.queue] == [
        "secret one",
        "secret two",
    ]
    assert [view.floor.requests[r].position for r in view.floor.queue] == [1, 2]
    assert view.you.role == "host"


def test_a_venue_sees_its_own_subject_only() -> None:
    view = project(_busy().state, B1)
    assert [view.floor.requests[r].subject for r in view.floor.queue] == ["secret one", ""]
    assert view.you.venue_id == "b1"
    assert view.you.request is not None
    assert (view.you.request.subject, view.you.request.position) == ("secret one", 1)


def test_a_granted_subject_is_told_to_all() -> None:
    view = project(_busy().state, PUBLIC)
    assert (view.floor.holders["b3"].subject, view.floor.holders["b3"].speaker) == (
        "told",
        "李医生",
    )


@pytest.mark.parametrize("viewer", [TECHNICIAN, Viewer("archivist"), Viewer("member")])
def test_others_see_the_queue_without_subjects(viewer: Viewer) -> None:
    view = project(_busy().state, viewer)
    assert len(view.floor.queue) == 2
    assert "secret" not in view.model_dump_json()
    assert view.you.request is None


@pytest.mark.parametrize("viewer", [PUBLIC, Viewer("venue"), Viewer("venue", "of another session")])
def test_the_public_and_strangers_see_only_what_is_on_air(viewer: Viewer) -> None:
    view = project(_busy().state, viewer)
    assert set(view.venues) == {MAIN, "b3"}
    assert view.floor.queue == ()
    assert view.floor.requests == {}
    assert view.you.request is None
    assert "secret" not in view.model_dump_json()


def test_the_last_request_of_a_venue_stays_in_its_view() -> None:
    session = _busy()
    request = session.state.floor.requests["b1"].request_id
    session.do(c.DenyRequest(request_id=request, reason="later"))
    view = project(session.state, B1)
    assert view.you.request is not None
    assert view.you.request.status == "denied"
    assert request not in view.floor.requests


def test_heard_holder_and_connection_are_shown() -> None:
    session = _busy()
    session.lose("b2")
    view = project(session.state, TECHNICIAN)
    assert view.venues["b3"].holder
    assert view.venues["b3"].heard
    assert not view.venues["b1"].heard
    assert not view.venues["b2"].connected
    assert view.stage.slots["1"].venue_id == "b3"


def test_shared_views_are_personalised_to_the_same_as_project() -> None:
    state = _busy().state
    for viewer in (CHAIR, B1, B2, TECHNICIAN, PUBLIC):
        shared = project_shared(state, audience_of(viewer))
        assert personalise(shared, state, viewer) == project(state, viewer)


def test_views_have_no_nulls_when_sent() -> None:
    session = _busy()
    session.do(c.StartRecording(recording_id="rec1"))
    sent = project(session.state, B1).model_dump_json(exclude_none=True)
    assert "null" not in sent


@pytest.mark.parametrize("viewer", [B1, B2, TECHNICIAN, PUBLIC, Viewer("member")])
def test_link_events_are_for_the_chair_only(viewer: Viewer) -> None:
    session = _busy()
    links = [e for e in session.log if e.type.startswith("link.")]
    assert links
    assert all(visible(e, viewer) is None for e in links)
    assert all(visible(e, CHAIR) is not None for e in links)


def test_events_of_others_come_without_subject_connection_and_author() -> None:
    session = _busy()
    for event in session.log:
        shown = visible(event, B2)
        if shown is None:
            continue
        assert "by" not in shown.data
        assert not shown.data.keys() & {"connection_id", "client_id", "chosen"}
        assert "secret one" not in str(shown.data)
    requested = [e for e in session.log if e.type == "floor.requested"]
    assert [(v.data.get("subject")) for e in requested if (v := visible(e, B2))] == [
        None,
        "secret two",
        None,
    ]


def test_reasons_of_denial_and_revocation_go_to_the_venue_concerned() -> None:
    session = _busy()
    (revoked, *_) = session.do(c.RevokeFloor(venue_id="b3", reason="时间到"))
    to_b3 = visible(revoked, Viewer("venue", "b3"))
    to_b1 = visible(revoked, B1)
    to_host = visible(revoked, CHAIR)
    assert to_b3 is not None
    assert to_b3.data["reason"] == "时间到"
    assert to_b1 is not None
    assert "reason" not in to_b1.data
    assert to_host is not None
    assert to_host.data["by"] == HOST.account


def test_the_public_is_told_only_of_what_is_on_air() -> None:
    session = _busy()
    session.do(c.EndSession())
    told = {e.type for e in session.log if visible(e, PUBLIC)}
    assert told == {
        "session.opened",
        "session.started",
        "session.ended",
        "floor.granted",
        "floor.released",
        "stage.set",
    }
    assert told <= set(EVENT_TYPES)


def test_projecting_118_venues_is_quick() -> None:
    """118 viewers a version: the shared part once, each viewer's own part in microseconds."""
    branches = tuple(f"v{i}" for i in range(117))
    session = live(creation(branches))
    for venue in branches[:40]:
        session.request(venue, "x")
    shared = project_shared(session.state, "roster")
    views = [personalise(shared, session.state, Viewer("venue", v)) for v in branches]
    assert all(view.venues is shared.venues for view in views)
