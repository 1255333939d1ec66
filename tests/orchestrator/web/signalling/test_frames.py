"""A client that applies every frame it is sent has, at each version, the view it should have."""

import json
import random

import pytest

from orchestrator.conduct.sessions import Change
from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import SYSTEM, Actor, Viewer
from orchestrator.consultation.decide import decide
from orchestrator.consultation.errors import ConsultationError
from orchestrator.consultation.evolve import fold
from orchestrator.consultation.state import SessionState
from orchestrator.web.signalling.frames import FrameMaker, missed_frame, view_of
from orchestrator.web.signalling.merge_patch import apply_patch

HOST = Actor(frozenset({"host"}), account="chen")
VENUES = ("main", "a", "b", "c", "d")
VIEWERS = [
    Viewer("host"),
    Viewer("technician"),
    Viewer("archivist"),
    *(Viewer("venue", venue) for venue in VENUES),
]


def create() -> SessionState:
    command = c.CreateSession(
        session_id="s",
        title="Test",
        venues=tuple(
            c.NewVenue(venue_id=v, name=v, kind="main" if v == "main" else "branch") for v in VENUES
        ),
    )
    state = fold(decide(None, command, HOST, 1.0))
    assert state is not None
    return state


def any_command(dice: random.Random, state: SessionState) -> tuple[Actor, c.Command]:
    """Something that somebody might do; it may be refused."""
    venue = dice.choice(VENUES)
    request = next(iter(state.floor.queue), "q-none")
    mine = Actor(frozenset({"venue"}), venue_id=venue)
    return dice.choice(
        [
            (HOST, c.OpenSession()),
            (HOST, c.StartSession()),
            (HOST, c.PauseSession()),
            (HOST, c.ResumeSession()),
            (mine, c.RequestFloor(subject=f"of {venue}", speaker="Li")),
            (mine, c.RequestFloor()),
            (mine, c.CancelRequest(request_id=request)),
            (mine, c.ReleaseFloor()),
            (HOST, c.GrantFloor(request_id=request)),
            (HOST, c.GrantFloor(venue_id=venue, exclusive=dice.random() < 0.5)),
            (HOST, c.DenyRequest(request_id=request, reason="later")),
            (HOST, c.RevokeFloor(venue_id=venue, reason="time")),
            (HOST, c.MuteAll()),
            (HOST, c.SetVenueAudio(venue_id=venue, open=dice.random() < 0.5)),
            (HOST, c.SetStage(mode="manual", layout="side_by_side", slots={"1": venue})),
            (HOST, c.SetStage(mode="follow_floor", layout="single")),
            (HOST, c.StartRecording(recording_id=f"r{state.version}")),
            (HOST, c.StopRecording()),
            (
                HOST,
                c.IssueLinks(
                    links=(c.NewLink(link_id=f"l{state.version}", venue_id=venue, expires_at=9e9),)
                ),
            ),
            (
                SYSTEM,
                c.ConnectVenue(venue_id=venue, connection_id=f"t-{venue}", client_id="c" * 8),
            ),
            (SYSTEM, c.DisconnectVenue(venue_id=venue, connection_id=f"t-{venue}")),
            (
                SYSTEM,
                c.StartPublication(venue_id=venue, connection_id=f"t-{venue}", source="camera"),
            ),
        ]
    )


def changes(seed: int, wanted: int) -> list[Change]:
    """A session as it may go."""
    dice = random.Random(seed)
    state, now = create(), 1.0
    made: list[Change] = []
    while len(made) < wanted:
        now += dice.random()
        actor, command = any_command(dice, state)
        try:
            events = decide(state, command, actor, now)
        except ConsultationError:
            continue
        if not events:
            continue
        after = fold(events, state)
        assert after is not None
        numbered = tuple(enumerate(events, start=state.version + 1))
        made.append(Change("s", after.version, numbered, state, after))
        state = after
    return made


@pytest.mark.parametrize("seed", range(5))
def test_frames_carry_every_viewer_to_his_view(seed: int) -> None:
    history = changes(seed, 60)
    maker = FrameMaker()
    views = {viewer: view_of(history[0].before, viewer) for viewer in VIEWERS}
    for change in history:
        frames = maker.begin(change)
        for viewer in VIEWERS:
            text = frames.text(viewer)
            if text is not None:
                frame = json.loads(text)
                assert frame["version"] == change.version
                views[viewer] = apply_patch(views[viewer], frame["patch"])
            assert views[viewer] == view_of(change.after, viewer), viewer


@pytest.mark.parametrize("seed", range(3))
def test_a_client_that_returns_is_brought_up_to_date_by_one_frame(seed: int) -> None:
    history = changes(seed, 40)
    for viewer in VIEWERS:
        frame = missed_frame(history[10:], viewer)
        view = apply_patch(view_of(history[10].before, viewer), frame.patch)
        assert view == view_of(history[-1].after, viewer)
        assert [event.version for event in frame.events] == sorted(
            event.version for event in frame.events
        )


def test_secrets_of_others_are_in_no_frame() -> None:
    """Subjects of others' waiting requests, links, and who did what are the chair's."""
    for change in changes(1, 120):
        text = FrameMaker().begin(change).text(Viewer("venue", "a")) or "{}"
        frame = json.loads(text)
        for event in frame.get("events", ()):
            assert not event["type"].startswith("link.")
            assert "by" not in event["data"]
            if event["type"] == "floor.requested" and event["data"]["venue_id"] != "a":
                assert "subject" not in event["data"]


def test_a_frame_is_made_once_for_all_who_are_alike() -> None:
    (change,) = changes(7, 1)
    frames = FrameMaker().begin(change)
    assert frames.text(Viewer("technician")) is frames.text(Viewer("archivist"))
