"""Whatever is commanded, in whatever order, by whomever: what always holds of a session."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import SYSTEM, Actor, Viewer
from orchestrator.consultation.errors import ConsultationError, NotPermitted
from orchestrator.consultation.events import Event, dump_event, load_event
from orchestrator.consultation.evolve import evolve, fold
from orchestrator.consultation.media import media_plan
from orchestrator.consultation.projection import project, visible
from orchestrator.consultation.stage import stage_slots
from orchestrator.consultation.state import WAITING, SessionState, heard, open_microphones
from orchestrator.consultation.view import Role
from sfu.control.plan import AUDIO_BUS_COUNT, SLOT_COUNT
from tests.orchestrator.consultation.driver import HOST, MAIN, creation, scheduled, venue_actor

BRANCHES = ("b1", "b2", "b3", "b4")
VENUES = st.sampled_from((MAIN, *BRANCHES))
LAYOUTS = st.sampled_from(("single", "side_by_side"))
POWERLESS: tuple[Role, ...] = ("technician", "archivist", "venue", "member", "public", "system")


class Sessions(RuleBasedStateMachine):
    """Drives one session; `order` is an independent account of who waits, in which order."""

    @initialize(
        policy=st.sampled_from(("chair", "fifo")),
        layout=LAYOUTS,
        limit=st.integers(1, 3),
        recording=st.sampled_from(("stage", "stage_and_speakers", "everything")),
        live=st.sampled_from((True, True, True, False)),
    )
    def create(self, policy: Any, layout: Any, limit: int, recording: str, live: bool) -> None:
        command = creation(BRANCHES, policy=policy, layout=layout, limit=limit, recording=recording)
        self.session = scheduled(command)
        self.secrets: dict[str, str] = {}
        self.order: list[str] = []
        if live:
            self.connect_all()
            self.go_live()

    def give(self, command: c.Command, actor: Actor = HOST) -> bool:
        """Give a command; a refusal changes nothing."""
        session, before = self.session, self.session.state
        try:
            events = session.do(command, actor)
        except ConsultationError:
            assert session.state is before
            return False
        self.check_each_event(before, events)
        for event in events:
            if event.type == "floor.requested":
                self.order.append(event.request_id)
            elif event.type == "floor.moved":
                self.order.remove(event.request_id)
                self.order.insert(event.position - 1, event.request_id)
            elif event.type in {"floor.denied", "floor.cancelled", "floor.granted"}:
                request = event.model_dump()["request_id"]
                if request is not None:
                    self.order.remove(request)
        return True

    def check_each_event(self, state: SessionState, events: list[Event]) -> None:
        """A venue that is heard before and after an event keeps its place; a grant never makes
        more holders than the limit, nor a second one in fifo."""
        for event in events:
            after = evolve(state, event)
            for old, new in zip(state.audio_buses, after.audio_buses, strict=True):
                assert old is None or old == new or old not in heard(after)
            if event.type == "floor.granted":
                most = 1 if after.floor.policy == "fifo" else after.floor.limit
                assert len(after.floor.holders) <= most
            state = after

    def pick(self, data: st.DataObject) -> str:
        """A request of the past or present, or none that ever was."""
        last = self.session.state.floor.last_sequence
        return f"r{data.draw(st.integers(1, last + 1))}"

    # --- what is commanded ---

    @rule(
        command=st.sampled_from(
            (c.OpenSession(), c.StartSession(), c.PauseSession(), c.ResumeSession())
        ),
    )
    def change_phase(self, command: c.Command) -> None:
        self.give(command)

    @rule()
    def go_live(self) -> None:
        for command in (c.OpenSession(), c.StartSession(), c.ResumeSession()):
            self.give(command)

    @rule(sure=st.integers(0, 9))
    def end(self, sure: int) -> None:
        # Rarely, and not the simplest value: an ended session has nothing more to show.
        if sure == 9:
            self.give(c.EndSession())
            self.give(c.ArchiveSession(), SYSTEM)

    @rule(venue=VENUES, client=st.sampled_from(("t1", "t2")), take_over=st.booleans())
    def connect(self, venue: str, client: str, take_over: bool) -> None:
        self.session.connections += 1
        connection = f"c{self.session.connections}"
        self.give(
            c.ConnectVenue(
                venue_id=venue, connection_id=connection, client_id=client, take_over=take_over
            ),
            SYSTEM,
        )

    @rule()
    def connect_all(self) -> None:
        for venue in (MAIN, *BRANCHES):
            self.connect(venue=venue, client="t1", take_over=True)

    @rule(venue=VENUES)
    def lose(self, venue: str) -> None:
        connection = self.session.state.venues[venue].connection
        if connection is not None:
            self.give(
                c.DisconnectVenue(venue_id=venue, connection_id=connection.connection_id),
                SYSTEM,
            )

    @rule(venue=VENUES, source=st.sampled_from(("camera", "microphone")))
    def publish(self, venue: str, source: Any) -> None:
        connection = self.session.state.venues[venue].connection
        if connection is not None:
            self.give(
                c.StartPublication(
                    venue_id=venue, connection_id=connection.connection_id, source=source
                ),
                SYSTEM,
            )

    @rule(venue=VENUES, by_host=st.booleans())
    def request(self, venue: str, by_host: bool) -> None:
        secret = f"secret-{self.session.state.floor.last_sequence + 1}-of-{venue}"
        command = c.RequestFloor(subject=secret, venue_id=venue if by_host else None)
        if self.give(command, HOST if by_host else venue_actor(venue)):
            self.secrets[venue] = secret

    @rule(data=st.data(), venue=VENUES, by_host=st.booleans())
    def cancel(self, data: st.DataObject, venue: str, by_host: bool) -> None:
        actor = HOST if by_host else venue_actor(venue)
        self.give(c.CancelRequest(request_id=self.pick(data)), actor)

    @rule(data=st.data())
    def deny(self, data: st.DataObject) -> None:
        self.give(c.DenyRequest(request_id=self.pick(data), reason="稍后"))

    @rule(data=st.data(), position=st.integers(1, 6))
    def move(self, data: st.DataObject, position: int) -> None:
        self.give(c.MoveRequest(request_id=self.pick(data), position=position, reason="急救"))

    @rule(data=st.data(), exclusive=st.booleans())
    def grant_request(self, data: st.DataObject, exclusive: bool) -> None:
        self.give(c.GrantFloor(request_id=self.pick(data), exclusive=exclusive))

    @rule(venue=VENUES, exclusive=st.booleans())
    def grant_venue(self, venue: str, exclusive: bool) -> None:
        self.give(c.GrantFloor(venue_id=venue, exclusive=exclusive))

    @rule(venue=VENUES)
    def release(self, venue: str) -> None:
        self.give(c.ReleaseFloor(), venue_actor(venue))

    @rule(venue=VENUES)
    def revoke(self, venue: str) -> None:
        self.give(c.RevokeFloor(venue_id=venue))

    @rule(venue=VENUES, later=st.floats(0, 90))
    def grace(self, venue: str, later: float) -> None:
        self.session.now += later
        self.give(c.ReleaseAbsentHolder(venue_id=venue), SYSTEM)

    @rule(earlier=st.floats(0, 1000))
    def clock_goes_back(self, earlier: float) -> None:
        self.session.now -= earlier

    @rule(policy=st.sampled_from(("chair", "fifo", None)), list_open=st.sampled_from((True, None)))
    def floor_policy(self, policy: Any, list_open: bool | None) -> None:
        self.give(c.SetFloorPolicy(policy=policy, list_open=list_open))

    @rule()
    def mute_all(self) -> None:
        self.give(c.MuteAll())

    @rule(
        venue=VENUES,
        is_open=st.sampled_from((True, False, None)),
        muted=st.sampled_from((True, False, None)),
    )
    def audio(self, venue: str, is_open: bool | None, muted: bool | None) -> None:
        self.give(c.SetVenueAudio(venue_id=venue, open=is_open, muted=muted))

    @rule(
        mode=st.sampled_from(("manual", "follow_floor")),
        layout=LAYOUTS,
        slots=st.dictionaries(st.sampled_from(("1", "2")), st.none() | VENUES),
    )
    def stage(self, mode: Any, layout: Any, slots: Any) -> None:
        self.give(c.SetStage(mode=mode, layout=layout, slots=slots))

    @rule(start=st.booleans())
    def record(self, start: bool) -> None:
        self.give(c.StartRecording(recording_id="rec1") if start else c.StopRecording())

    @rule(number=st.integers(1, 3), venue=VENUES)
    def link(self, number: int, venue: str) -> None:
        new = c.NewLink(link_id=f"link-{number}", venue_id=venue, expires_at=9e9)
        self.give(c.IssueLinks(links=(new,)))

    @rule(role=st.sampled_from(POWERLESS), venue=VENUES, data=st.data())
    def without_the_role(self, role: Role, venue: str, data: st.DataObject) -> None:
        """No command of the chair does anything for anybody else, whatever the state."""
        command = data.draw(
            st.sampled_from(
                (
                    c.OpenSession(),
                    c.StartSession(),
                    c.EndSession(),
                    c.GrantFloor(venue_id=venue),
                    c.RevokeFloor(venue_id=venue),
                    c.DenyRequest(request_id="r1"),
                    c.MoveRequest(request_id="r1", position=1, reason="x"),
                    c.SetFloorPolicy(list_open=False),
                    c.MuteAll(),
                    c.SetVenueAudio(venue_id=venue, open=True),
                    c.SetStage(mode="manual", layout="single", slots={"1": venue}),
                    c.StartRecording(recording_id="rec9"),
                    c.RevokeLink(link_id="link-1"),
                )
            )
        )
        before = self.session.state
        with pytest.raises(NotPermitted):
            self.session.do(command, Actor(frozenset({role}), venue_id=venue))
        assert self.session.state is before

    # --- what always holds ---

    @invariant()
    def never_more_holders_than_allowed(self) -> None:
        state = self.session.state
        assert len(state.floor.holders) <= state.floor.limit
        assert len(open_microphones(state)) <= state.floor.limit
        assert len(heard(state)) <= state.floor.limit + 1

    @invariant()
    def queue_order_is_server_order_unless_moved(self) -> None:
        floor = self.session.state.floor
        assert list(floor.queue) == self.order
        waiting = {r.request_id for r in floor.requests.values() if r.status in WAITING}
        assert waiting == set(floor.queue)
        assert not waiting & {h.request_id for h in floor.holders.values()}
        sequences = [
            next(r for r in floor.requests.values() if r.request_id == request_id)
            for request_id in floor.queue
        ]
        if not any(event.type == "floor.moved" for event in self.session.log):
            assert [r.sequence for r in sequences] == sorted(r.sequence for r in sequences)

    @invariant()
    def fifo_leaves_nobody_waiting_before_an_empty_floor(self) -> None:
        state = self.session.state
        if state.phase != "live" or state.floor.policy != "fifo" or state.floor.holders:
            return
        full = len(open_microphones(state)) >= state.floor.limit
        for request in state.floor.requests.values():
            if request.status in WAITING and state.venues[request.venue_id].connection:
                # Only a full set of open branch microphones may hold the floor back.
                assert full

    @invariant()
    def times_never_go_back(self) -> None:
        times = [event.at for event in self.session.log]
        assert times == sorted(times)

    @invariant()
    def the_stage_in_the_log_is_what_belongs_there(self) -> None:
        assert self.session.state.stage.slots == stage_slots(self.session.state)

    @invariant()
    def the_plan_enforces_the_state(self) -> None:
        state = self.session.state
        plan = media_plan(state)
        assert (len(plan.slots), len(plan.audio_buses)) == (SLOT_COUNT, AUDIO_BUS_COUNT)
        placed = [s.audio for s in plan.slots if s.audio is not None]
        placed += [b.source for b in plan.audio_buses if b.source is not None]
        assert all(source.source == "microphone" for source in placed)
        assert sorted(source.venue_id for source in placed) == sorted(heard(state))
        for source in placed:
            assert not state.venues[source.venue_id].muted
        for slot in plan.slots:
            if slot.audio is not None:
                assert slot.video is not None
                assert slot.audio.venue_id == slot.video.venue_id
            if slot.alternate is not None:
                assert slot.video is not None
                assert slot.alternate.venue_id != slot.video.venue_id
        if state.phase in {"scheduled", "ended", "archived"}:
            assert all(s.video is None and s.audio is None for s in plan.slots)
            assert plan.recording is None

    @invariant()
    def taps_are_within_the_policy(self) -> None:
        state = self.session.state
        recording = media_plan(state).recording
        if recording is None:
            return
        running = state.recording_now
        assert running is not None
        taps = {tap.venue_id for tap in recording.taps if tap.source == "camera"}
        microphones = {tap.venue_id for tap in recording.taps if tap.source == "microphone"}
        on_stage = {venue for venue in state.stage.slots if venue is not None}
        if running.policy == "stage":
            assert taps == on_stage
        elif running.policy == "stage_and_speakers":
            assert taps == on_stage | state.floor.holders.keys()
            assert microphones == set(heard(state))
        if running.policy != "everything":
            assert microphones <= set(heard(state))
        assert len(set(recording.taps)) == len(recording.taps)

    @invariant()
    def no_viewer_is_shown_what_is_not_his(self) -> None:
        session = self.session
        waiting = {r.venue_id for r in session.state.floor.requests.values() if r.status in WAITING}
        secrets = {venue: self.secrets[venue] for venue in waiting}
        strangers = (
            Viewer("technician"),
            Viewer("public"),
            Viewer("venue"),
            Viewer("venue", "elsewhere"),
        )
        for viewer in (*(Viewer("venue", v) for v in (MAIN, *BRANCHES)), *strangers):
            shown = project(session.state, viewer).model_dump_json()
            told = json.dumps(
                [v.data for e in session.log[-12:] if (v := visible(e, viewer)) is not None]
            )
            for venue, secret in secrets.items():
                if venue != viewer.venue_id:
                    assert secret not in shown
                    assert secret not in told
            assert "link-" not in shown + told
            assert "connection_id" not in shown + told

    def teardown(self) -> None:
        """Replaying the log, also as it was stored, gives the same state."""
        if not hasattr(self, "session"):
            return
        stored = [json.loads(json.dumps(dump_event(event))) for event in self.session.log]
        assert fold(load_event(data) for data in stored) == self.session.state


TestSessions = Sessions.TestCase
TestSessions.settings = settings(
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
