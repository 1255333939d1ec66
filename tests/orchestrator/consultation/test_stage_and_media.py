"""What is seen and heard: stage events, slots, buses, taps."""

import pytest

from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import SYSTEM
from orchestrator.consultation.media import media_plan
from orchestrator.consultation.state import heard
from sfu.control.plan import AUDIO_BUS_COUNT, SLOT_COUNT
from tests.orchestrator.consultation.driver import (
    MAIN,
    Driven,
    creation,
    live,
    scheduled,
    venue_actor,
)


def _manual(session: Driven, layout: str, **slots: str | None) -> None:
    named = {key.removeprefix("s"): value for key, value in slots.items()}
    session.do(c.SetStage.model_validate({"mode": "manual", "layout": layout, "slots": named}))


def _pictures(session: Driven) -> list[str | None]:
    return [s.video.venue_id if s.video else None for s in media_plan(session.state).slots]


def _buses(session: Driven) -> list[str | None]:
    plan = media_plan(session.state)
    return [b.source.venue_id if b.source else None for b in plan.audio_buses]


def _taps(session: Driven) -> set[tuple[str, str]]:
    recording = media_plan(session.state).recording
    return {(t.venue_id, t.source) for t in recording.taps} if recording else set()


def test_nothing_runs_before_the_lobby_and_after_the_end() -> None:
    session = scheduled()
    assert _pictures(session) == [None, None]
    assert heard(session.state) == ()
    session.do(c.OpenSession())
    assert _pictures(session) == [MAIN, None]
    assert heard(session.state) == (MAIN,)
    session.do(c.EndSession())
    assert _pictures(session) == [None, None]
    assert heard(session.state) == ()
    session.do(c.ArchiveSession(), SYSTEM)
    assert session.state.phase == "archived"


def test_the_stage_follows_the_newest_holder_and_says_so_in_the_log() -> None:
    session = live()
    session.grant("b1")
    events = session.do(c.GrantFloor(venue_id="b2"))
    assert events[-1].type == "stage.set"
    assert session.on_stage() == ("b2", None)
    session.do(c.RevokeFloor(venue_id="b2"))
    assert session.on_stage() == ("b1", None)
    session.do(c.RevokeFloor(venue_id="b1"))
    assert session.on_stage() == (MAIN, None)


def test_side_by_side_shows_the_main_venue_and_the_newest_branch() -> None:
    session = live(creation(layout="side_by_side"))
    assert session.on_stage() == (MAIN, None)
    session.grant("b1")
    session.grant(MAIN)
    assert session.on_stage() == (MAIN, "b1")
    assert [s.alternate for s in media_plan(session.state).slots] == [None, None]


def test_a_branch_on_the_only_slot_is_given_the_main_venue_instead_of_itself() -> None:
    session = live()
    session.grant("b1")
    slot = media_plan(session.state).slots[0]
    assert slot.alternate is not None
    assert slot.alternate.venue_id == MAIN
    session.do(c.RevokeFloor(venue_id="b1"))
    assert media_plan(session.state).slots[0].alternate is None


def test_a_manual_stage_stays_and_its_unheard_venue_has_no_sound() -> None:
    session = live()
    _manual(session, "side_by_side", s1="b1", s2="b2")
    session.grant("b3")
    assert _pictures(session) == ["b1", "b2"]
    assert [s.audio for s in media_plan(session.state).slots] == [None, None]
    assert _buses(session)[:2] == [MAIN, "b3"]
    session.do(c.SetStage(mode="follow_floor", layout="single"))
    assert _pictures(session) == ["b3", None]


def test_a_pause_shows_and_hears_the_main_venue_and_gives_all_back() -> None:
    session = live()
    session.grant("b1")
    _manual(session, "single", s1="b2")
    session.do(c.PauseSession())
    assert _pictures(session) == [MAIN, None]
    assert heard(session.state) == (MAIN,)
    assert session.holders == ["b1"]
    session.do(c.ResumeSession())
    assert _pictures(session) == ["b2", None]
    assert heard(session.state) == ("b1", MAIN)


def test_a_manual_stage_keeps_slots_that_are_not_named() -> None:
    session = live()
    session.grant("b1")
    _manual(session, "single")
    assert _pictures(session) == ["b1", None]
    _manual(session, "side_by_side", s2="b2")
    assert _pictures(session) == ["b1", "b2"]
    _manual(session, "side_by_side", s1="b2")
    assert _pictures(session) == ["b2", None]
    _manual(session, "side_by_side", s1=None)
    assert _pictures(session) == [None, None]
    _manual(session, "single", s1="b3")
    _manual(session, "side_by_side", s2="b3")
    assert _pictures(session) == [None, "b3"]


def test_a_stage_chosen_before_the_start_is_shown_when_live() -> None:
    session = scheduled()
    session.connect("b1")
    _manual(session, "single", s1="b1")
    session.do(c.OpenSession())
    assert _pictures(session) == [MAIN, None]
    session.do(c.StartSession())
    assert _pictures(session) == ["b1", None]


def test_the_same_stage_again_is_no_event() -> None:
    session = live()
    assert session.do(c.SetStage(mode="follow_floor", layout="single")) == []


def test_a_venue_keeps_its_bus_while_it_is_heard() -> None:
    session = live()
    for venue in ("b1", "b2", "b3"):
        session.grant(venue)
    assert _buses(session) == [MAIN, "b1", "b2", None, None, None, None]
    session.do(c.RevokeFloor(venue_id="b1"))
    assert _buses(session)[:4] == [MAIN, None, "b2", None]
    session.grant("b4")
    assert _buses(session)[:4] == [MAIN, None, "b2", "b3"]
    session.do(c.MuteAll())
    assert _buses(session) == [MAIN, *[None] * 6]


def test_seven_heard_venues_all_have_a_place() -> None:
    session = live()
    for number in range(1, 7):
        session.do(c.SetVenueAudio(venue_id=f"b{number}", open=True))
    session.do(c.SetStage(mode="manual", layout="single", slots={"1": "b8"}))
    assert None not in _buses(session)
    assert len(_buses(session)) == AUDIO_BUS_COUNT
    assert len(_pictures(session)) == SLOT_COUNT


def test_a_closed_main_venue_is_silent() -> None:
    session = live()
    session.do(c.SetVenueAudio(venue_id=MAIN, open=False))
    assert heard(session.state) == ()
    session.do(c.SetVenueAudio(venue_id=MAIN, open=True, muted=True))
    assert heard(session.state) == ()
    session.do(c.SetVenueAudio(venue_id=MAIN, muted=False))
    assert heard(session.state) == (MAIN,)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ("stage", {"b2"}),
        ("stage_and_speakers", {"b1", "b2"}),
        ("everything", {MAIN, "b1", "b2", "b3"}),
    ],
)
def test_taps_are_what_the_policy_allows(policy: str, expected: set[str]) -> None:
    session = live(creation(("b1", "b2", "b3"), recording=policy))
    session.do(c.StartRecording(recording_id="rec1"))
    session.grant("b1")
    session.grant("b2")
    session.do(c.SetVenueAudio(venue_id="b3", open=True))
    cameras = {venue for venue, source in _taps(session) if source == "camera"}
    microphones = {venue for venue, source in _taps(session) if source == "microphone"}
    assert cameras == expected
    heard_too = {MAIN, "b3"} if policy == "stage_and_speakers" else set()
    assert microphones == expected | heard_too
    # Muted, b2 is still on stage; its microphone is not open, and only `everything` records it.
    session.do(c.SetVenueAudio(venue_id="b2", muted=True))
    assert (("b2", "microphone") in _taps(session)) == (policy == "everything")
    assert ("b2", "camera") in _taps(session)
    session.do(c.StopRecording())
    assert media_plan(session.state).recording is None


def test_a_failed_recorder_ends_the_recording_and_another_may_start() -> None:
    session = live()
    session.do(c.StartRecording(recording_id="rec1"))
    stopped = session.do(c.StopRecording(), SYSTEM)
    assert stopped[0].model_dump()["reason"] == "failed"
    session.do(c.StartRecording(recording_id="rec2"))
    assert session.state.recording is not None
    assert session.state.recording.recording_id == "rec2"


def test_publications_count_their_lives_and_end_with_the_connection() -> None:
    session = live()
    connection = session.state.venues["b1"].connection
    assert connection is not None
    publish = c.StartPublication(
        venue_id="b1", connection_id=connection.connection_id, source="camera"
    )
    session.do(publish, SYSTEM)
    types = [e.type for e in session.do(publish, SYSTEM)]
    assert types == ["publication.ended", "publication.started"]
    assert session.state.venues["b1"].publications == {"camera": 2}
    old = c.EndPublication(venue_id="b1", source="camera", generation=1)
    assert session.do(old, SYSTEM) == []
    session.lose("b1")
    assert session.state.venues["b1"].publications == {}
    session.connect("b1")
    connection = session.state.venues["b1"].connection
    assert connection is not None
    session.do(publish.model_copy(update={"connection_id": connection.connection_id}), SYSTEM)
    assert session.state.venues["b1"].publications == {"camera": 3}
    end = c.EndPublication(venue_id="b1", source="camera", generation=3)
    assert [e.type for e in session.do(end, SYSTEM)] == ["publication.ended"]


def test_a_reload_takes_its_place_again_and_another_client_must_take_over() -> None:
    session = live()
    session.grant("b1")
    reload = c.ConnectVenue(venue_id="b1", connection_id="x1", client_id="tab-b1")
    left, joined = session.do(reload, SYSTEM)[:2]
    assert (left.type, left.model_dump()["reason"]) == ("venue.left", "superseded")
    assert joined.type == "venue.joined"
    assert session.lost_since("b1") is None
    assert session.do(reload, SYSTEM) == []
    other = c.ConnectVenue(venue_id="b1", connection_id="x2", client_id="tab-other", take_over=True)
    assert len(session.do(other, SYSTEM)) == 2
    late = c.DisconnectVenue(venue_id="b1", connection_id="x1")
    assert session.do(late, SYSTEM) == []
    assert session.state.venues["b1"].connection is not None
    session.do(c.ReleaseFloor(), venue_actor("b1"))


def test_times_never_go_back() -> None:
    session = live()
    session.now = 2000.0
    session.grant("b1")
    session.now = 500.0
    session.grant("b2")
    times = [event.at for event in session.log]
    assert times == sorted(times)
    assert session.state.floor.holders["b2"].granted_at == 2000.0
