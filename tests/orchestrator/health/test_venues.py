"""What technicians are shown of each venue, and for how long."""

from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import Actor
from orchestrator.consultation.decide import decide
from orchestrator.consultation.evolve import fold
from orchestrator.consultation.state import SessionState
from orchestrator.health.venues import FRESH, Health
from orchestrator.protocol.signalling import ClientReport, VenueHealth
from sfu.control.messages import Stats, StreamStats, TransportStats


def session() -> SessionState:
    command = c.CreateSession(
        session_id="s",
        title="Test",
        venues=(
            c.NewVenue(venue_id="main", name="Main", kind="main"),
            c.NewVenue(venue_id="a", name="A"),
        ),
    )
    state = fold(decide(None, command, Actor(frozenset({"host"}), account="x"), 1.0))
    assert state is not None
    return state


def stats(transport: str, venue: str | None, state: str = "connected", loss: float = 0.0) -> Stats:
    stream = StreamStats(
        direction="in",
        kind="video",
        bitrate=1e6,
        packets=100,
        packets_lost=0,
        loss=loss,
        jitter_ms=1.0,
    )
    found = TransportStats(
        transport_id=transport, venue_id=venue, direction="send", state=state, streams=(stream,)
    )
    return Stats(session_id="s", monotonic_ns=1, transports=(found,))


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def of(health: Health, venue: str) -> VenueHealth:
    found = health.snapshot(session(), 1.0)
    return next(v for v in found.venues if v.venue_id == venue)


def test_every_venue_is_shown_also_one_that_never_came() -> None:
    assert [v.venue_id for v in Health().snapshot(session(), 7.0).venues] == ["main", "a"]
    assert of(Health(), "a").connection_state == "none"


def test_several_frames_of_one_second_add_up_and_old_ones_go() -> None:
    clock = Clock()
    health = Health(clock=clock)
    health.take(stats("t1", "a"))
    health.take(stats("t2", "a", "disconnected"))
    health.take(stats("t3", None))
    assert [t.transport_id for t in of(health, "a").transports] == ["t1", "t2"]
    assert of(health, "a").connection_state == "disconnected"
    clock.now += FRESH + 0.1
    assert of(health, "a").transports == ()


def test_a_page_that_closed_says_nothing_more() -> None:
    health = Health()
    health.report("s", "a", ClientReport(sound_blocked=True))
    shown = of(health, "a").report
    assert shown is not None
    assert shown.sound_blocked
    health.gone("s", "a")
    assert of(health, "a").report is None
    health.forget("s")
    health.forget("s")


def test_metrics_get_the_worst_loss() -> None:
    figures: list[float] = []
    health = Health(on_figures=figures.append)
    health.take(stats("t1", "a", loss=0.25))
    health.take(stats("t2", "main", loss=0.5))
    health.snapshot(session(), 1.0)
    assert figures == [0.5]


def test_the_round_trip_of_the_path_is_shown_both_ways() -> None:
    health = Health(clock=lambda: 0.0)
    sent = stats("t1", "a")
    out = (
        sent.transports[0].streams[0].model_copy(update={"direction": "out", "round_trip_ms": 42.0})
    )
    back = sent.transports[0].model_copy(
        update={"transport_id": "t2", "direction": "recv", "streams": (out,)}
    )
    health.take(sent)
    assert of(health, "a").transports[0].streams[0].round_trip_ms is None
    health.take(sent.model_copy(update={"transports": (back,)}))
    assert {s.round_trip_ms for t in of(health, "a").transports for s in t.streams} == {42.0}
