"""The floor: requests, grants, limits, loss and return."""

import pytest

from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import SYSTEM
from orchestrator.consultation.errors import FloorFull
from orchestrator.consultation.state import heard, open_microphones
from tests.orchestrator.consultation.driver import BRANCHES, creation, live, venue_actor


def test_a_request_is_accepted_at_once_with_its_position() -> None:
    session = live()
    session.request("b1")
    events = session.do(c.RequestFloor(subject="急诊"), venue_actor("b2"))
    assert [e.type for e in events] == ["floor.requested", "floor.accepted"]
    assert events[1].model_dump()["position"] == 2
    assert session.waiting == ["b1", "b2"]


def test_chair_grants_any_request_and_any_venue_that_did_not_ask() -> None:
    session = live()
    session.request("b1")
    second = session.request("b2")
    session.do(c.GrantFloor(request_id=second))
    session.grant("b3")
    assert session.holders == ["b2", "b3"]
    assert session.waiting == ["b1"]
    assert session.status("b2") == "granted"
    assert session.state.floor.holders["b3"].request_id is None


def test_granting_a_venue_that_waits_answers_its_request() -> None:
    session = live()
    request = session.request("b1", "方案")
    session.grant("b1")
    assert session.waiting == []
    assert session.state.floor.holders["b1"].request_id == request
    assert session.state.floor.holders["b1"].subject == "方案"


def test_exclusive_grant_revokes_the_others_and_keeps_the_one_meant() -> None:
    session = live()
    session.grant("b1")
    session.grant("b2")
    session.grant("b3", exclusive=True)
    assert session.holders == ["b3"]
    session.grant("b1")
    session.grant("b3", exclusive=True)
    assert session.holders == ["b3"]


def test_the_limit_counts_holders_and_open_branches() -> None:
    session = live(creation(limit=2))
    session.do(c.SetVenueAudio(venue_id="b1", open=True))
    session.grant("b2")
    with pytest.raises(FloorFull):
        session.grant("b3")
    with pytest.raises(FloorFull):
        session.do(c.SetVenueAudio(venue_id="b3", open=True))
    session.grant("b1")  # its microphone is open already
    assert open_microphones(session.state) == {"b1", "b2"}
    with pytest.raises(FloorFull):
        session.grant("main")  # holders are counted too


def test_fifo_gives_the_floor_to_the_head_of_the_queue_one_at_a_time() -> None:
    session = live(creation(policy="fifo"))
    for venue in ("b1", "b2", "b3"):
        session.request(venue)
    assert (session.holders, session.waiting) == (["b1"], ["b2", "b3"])
    with pytest.raises(FloorFull):
        session.grant("b3")
    session.do(c.ReleaseFloor(), venue_actor("b1"))
    assert (session.holders, session.waiting) == (["b2"], ["b3"])
    session.do(c.RevokeFloor(venue_id="b2", reason="时间到"))
    assert (session.holders, session.waiting) == (["b3"], [])
    session.grant("b8", exclusive=True)
    assert session.holders == ["b8"]


def test_fifo_grants_are_made_by_the_server_and_only_while_live() -> None:
    session = live(creation(policy="fifo"))
    session.do(c.PauseSession())
    session.request("b1")
    assert session.holders == []
    events = session.do(c.ResumeSession())
    grant = next(e for e in events if e.type == "floor.granted")
    assert grant.by == "server"
    assert session.holders == ["b1"]


def test_fifo_passes_over_a_lost_venue_which_keeps_its_place() -> None:
    session = live(creation(policy="fifo"))
    for venue in ("b1", "b2", "b3"):
        session.request(venue)
    session.lose("b2")
    session.do(c.ReleaseFloor(), venue_actor("b1"))
    assert (session.holders, session.waiting) == (["b3"], ["b2"])
    session.do(c.ReleaseFloor(), venue_actor("b3"))
    assert session.holders == []
    session.connect("b2")
    assert session.holders == ["b2"]


def test_switching_to_fifo_keeps_holders_and_waits_until_all_are_done() -> None:
    session = live()
    session.grant("b1")
    session.grant("b2")
    session.request("b3")
    session.do(c.SetFloorPolicy(policy="fifo"))
    session.do(c.ReleaseFloor(), venue_actor("b1"))
    assert session.holders == ["b2"]
    session.do(c.ReleaseFloor(), venue_actor("b2"))
    assert session.holders == ["b3"]


def test_the_chair_moves_a_request_and_the_reason_is_kept() -> None:
    session = live()
    for venue in ("b1", "b2", "b3"):
        session.request(venue)
    request = session.state.floor.requests["b3"].request_id
    session.do(c.MoveRequest(request_id=request, position=1, reason="急救"))
    assert session.waiting == ["b3", "b1", "b2"]
    assert session.state.floor.requests["b3"].moved_reason == "急救"
    session.do(c.MoveRequest(request_id=request, position=99, reason="可以等"))
    assert session.waiting == ["b1", "b2", "b3"]
    assert session.do(c.MoveRequest(request_id=request, position=3, reason="同上")) == []


def test_mute_all_spares_the_main_venue_and_holders_keep_the_floor() -> None:
    session = live()
    session.grant("b1")
    session.do(c.MuteAll())
    assert session.holders == ["b1"]
    assert heard(session.state) == ("main",)
    assert session.do(c.MuteAll()) == []


def test_granting_the_floor_unmutes() -> None:
    session = live()
    session.do(c.MuteAll())
    events = session.do(c.GrantFloor(venue_id="b1"))
    assert [e.type for e in events][:2] == ["venue.unmuted", "floor.granted"]
    assert "b1" in heard(session.state)


def test_a_lost_holder_keeps_the_floor_for_the_grace_time() -> None:
    session = live()
    session.grant("b1")
    session.lose("b1")
    assert session.lost_since("b1") == session.now
    session.now += 59.9
    assert session.do(c.ReleaseAbsentHolder(venue_id="b1"), SYSTEM) == []
    session.connect("b1")
    assert session.lost_since("b1") is None
    session.lose("b1")
    session.now += 60
    events = session.do(c.ReleaseAbsentHolder(venue_id="b1"), SYSTEM)
    assert next(e.model_dump().get("reason") for e in events) == "absent"
    assert session.holders == []
    assert session.do(c.ReleaseAbsentHolder(venue_id="b1"), SYSTEM) == []


def test_a_waiting_request_survives_a_reconnect() -> None:
    session = live()
    session.request("b1")
    session.request("b2")
    session.lose("b1")
    session.connect("b1")
    assert session.waiting == ["b1", "b2"]


def test_the_grace_of_a_floor_granted_to_an_absent_venue_runs_from_the_grant() -> None:
    session = live(connected=False)
    session.grant("b1")
    assert session.lost_since("b1") == session.now


def test_the_host_asks_on_behalf_of_a_venue() -> None:
    session = live(connected=False)
    events = session.do(c.RequestFloor(venue_id="b2", speaker="王教授"))
    assert events[0].model_dump()["requester"] == "host"
    assert session.waiting == ["b2"]


def test_denied_and_cancelled_requests_leave_the_queue_and_may_be_made_again() -> None:
    session = live()
    session.do(c.DenyRequest(request_id=session.request("b1"), reason="稍后"))
    assert session.status("b1") == "denied"
    again = session.request("b1")
    session.do(c.CancelRequest(request_id=again), venue_actor("b1"))
    assert session.status("b1") == "cancelled"
    session.do(c.CancelRequest(request_id=session.request("b2")))
    assert session.waiting == []


def test_closing_and_reopening_the_list() -> None:
    session = live()
    assert [e.type for e in session.do(c.SetFloorPolicy(list_open=False))] == ["floor.list_closed"]
    assert session.do(c.SetFloorPolicy(list_open=False)) == []
    session.do(c.SetFloorPolicy(list_open=True))
    session.request("b1")


def test_ending_a_session_ends_floor_queue_recording_and_stage() -> None:
    session = live()
    session.grant("b1")
    session.request("b2")
    session.do(c.StartRecording(recording_id="rec1"))
    session.now = 2000.0
    session.do(c.EndSession())
    state = session.state
    assert (state.phase, session.holders, session.waiting) == ("ended", [], [])
    assert state.recording is not None
    assert state.recording.stopped_at == 2000.0
    assert state.stage.slots == (None, None)
    assert session.status("b2") == "cancelled"


def test_server_sequence_numbers_are_never_used_twice() -> None:
    session = live()
    ids = [session.request(b) for b in BRANCHES]
    session.do(c.CancelRequest(request_id=ids[-1]))
    ids.append(session.request(BRANCHES[-1]))
    assert len(set(ids)) == len(ids)
