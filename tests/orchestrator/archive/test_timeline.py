"""A session log with everything a timeline must tell."""

import pytest

from orchestrator.archive.errors import NoSuchRecording
from orchestrator.archive.timeline import timeline_of
from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import SYSTEM, Actor
from orchestrator.consultation.decide import decide
from orchestrator.consultation.events import Event
from orchestrator.consultation.evolve import evolve
from orchestrator.consultation.state import SessionState

HOST = Actor(roles=frozenset({"host"}), account="chair")


class Log:
    """Carries out commands, one a second."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.state: SessionState | None = None
        self.now = 1000.0
        self.run(
            c.CreateSession(
                session_id="s1",
                title="年度会商",
                venues=(
                    c.NewVenue(venue_id="main", name="主会场", kind="main"),
                    c.NewVenue(venue_id="b1", name="北京"),
                    c.NewVenue(venue_id="b2", name="上海"),
                ),
            )
        )

    def run(self, command: c.Command, actor: Actor = HOST) -> float:
        self.now += 1
        for event in decide(self.state, command, actor, self.now):
            self.state = evolve(self.state, event)
            self.events.append(event)
        return self.now


def test_what_stood_at_the_beginning_is_there() -> None:
    log = Log()
    log.run(c.OpenSession())
    log.run(c.StartSession())
    log.run(c.GrantFloor(venue_id="b1"))
    log.run(c.RevokeFloor(venue_id="b1"))
    granted = log.run(c.GrantFloor(venue_id="b2"))
    started = log.run(c.StartRecording(recording_id="r1"))
    log.run(c.SetStage(mode="follow_floor", layout="side_by_side"))
    stopped = log.run(c.StopRecording())
    log.run(c.GrantFloor(venue_id="b1"))
    timeline = timeline_of(log.events, "r1")
    assert timeline.session_id == "s1"
    assert timeline.title == "年度会商"
    assert timeline.venues == {"main": "主会场", "b1": "北京", "b2": "上海"}
    assert (timeline.recording_started_at, timeline.recording_stopped_at) == (started, stopped)
    assert [(x.at, x.layout) for x in timeline.layouts] == [
        (started, "single"),
        (started + 1, "side_by_side"),
    ]
    assert [(p.at, p.phase) for p in timeline.phases] == [(started, "live")]
    assert [(t.venue_id, t.granted_at, t.ended_at) for t in timeline.turns] == [
        ("b2", granted, None)
    ]
    assert timeline.heard is not None
    assert {(h.venue_id, h.start, h.end) for h in timeline.heard} == {
        ("main", started, None),
        ("b2", started, None),
    }


def test_turns_mutes_and_phases_are_intervals() -> None:
    log = Log()
    log.run(c.OpenSession())
    started = log.run(c.StartRecording(recording_id="r1"))
    live = log.run(c.StartSession())
    granted = log.run(c.GrantFloor(venue_id="b1"))
    muted = log.run(c.SetVenueAudio(venue_id="b1", muted=True))
    unmuted = log.run(c.SetVenueAudio(venue_id="b1", muted=False))
    paused = log.run(c.PauseSession())
    resumed = log.run(c.ResumeSession())
    revoked = log.run(c.RevokeFloor(venue_id="b1"))
    again = log.run(c.GrantFloor(venue_id="b1"))
    ended = log.run(c.EndSession())
    timeline = timeline_of(log.events, "r1")
    assert [(p.at, p.phase) for p in timeline.phases] == [
        (started, "open"),
        (live, "live"),
        (paused, "paused"),
        (resumed, "live"),
    ]
    assert [(t.venue_id, t.granted_at, t.ended_at) for t in timeline.turns] == [
        ("b1", granted, revoked),
        ("b1", again, ended),
    ]
    assert timeline.heard is not None
    assert [(h.start, h.end) for h in timeline.heard if h.venue_id == "b1"] == [
        (granted, muted),
        (unmuted, paused),
        (resumed, revoked),
        (again, ended),
    ]
    assert [(h.start, h.end) for h in timeline.heard if h.venue_id == "main"] == [(started, None)]
    assert timeline.recording_stopped_at == ended


def test_a_log_that_breaks_off_ends_with_its_newest_event() -> None:
    log = Log()
    log.run(c.OpenSession())
    log.run(c.StartRecording(recording_id="r1"))
    newest = log.run(c.StartSession())
    assert timeline_of(log.events, "r1").recording_stopped_at == newest


@pytest.mark.parametrize("recording_id", ["r2", ""])
def test_a_recording_that_is_not_in_the_log(recording_id: str) -> None:
    log = Log()
    log.run(c.OpenSession())
    log.run(c.StartRecording(recording_id="r1"))
    with pytest.raises(NoSuchRecording):
        timeline_of(log.events, recording_id)
    with pytest.raises(NoSuchRecording):
        timeline_of([], recording_id)


def test_the_second_recording_has_its_own_timeline() -> None:
    log = Log()
    log.run(c.OpenSession())
    log.run(c.StartSession())
    log.run(c.StartRecording(recording_id="r1"))
    log.run(c.GrantFloor(venue_id="b1"))
    log.run(c.RevokeFloor(venue_id="b1"))
    first_end = log.run(c.StopRecording())
    second = log.run(c.StartRecording(recording_id="r2"))
    log.run(c.GrantFloor(venue_id="b2"))
    log.run(c.StopRecording(), SYSTEM)
    one, two = timeline_of(log.events, "r1"), timeline_of(log.events, "r2")
    assert [t.venue_id for t in one.turns] == ["b1"]
    assert one.recording_stopped_at == first_end
    assert [t.venue_id for t in two.turns] == ["b2"]
    assert two.recording_started_at == second
