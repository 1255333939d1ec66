"""A session driven by commands, for tests: its log, its state, its clock."""

from dataclasses import dataclass, field

from orchestrator.consultation import commands as c
from orchestrator.consultation.actors import SYSTEM, Actor
from orchestrator.consultation.decide import decide
from orchestrator.consultation.events import Event
from orchestrator.consultation.evolve import evolve
from orchestrator.consultation.state import SessionState
from orchestrator.consultation.view import FloorPolicy, Layout

HOST = Actor(frozenset({"host"}), account="chen")
MAIN = "main"
BRANCHES = ("b1", "b2", "b3", "b4", "b5", "b6", "b7", "b8")


def venue_actor(venue_id: str) -> Actor:
    return Actor(frozenset({"venue"}), venue_id=venue_id)


@dataclass
class Driven:
    """`do` decides and folds; `now` only moves when a test moves it."""

    state: SessionState
    log: list[Event]
    now: float = 1000.0
    connections: int = field(default=0)

    def do(self, command: c.Command, actor: Actor = HOST) -> list[Event]:
        events = decide(self.state, command, actor, self.now)
        for event in events:
            self.state = evolve(self.state, event)
        self.log += events
        return events

    def connect(self, *venues: str) -> None:
        for venue in venues:
            self.connections += 1
            self.do(
                c.ConnectVenue(
                    venue_id=venue,
                    connection_id=f"c{self.connections}",
                    client_id=f"tab-{venue}",
                ),
                SYSTEM,
            )

    def lose(self, venue: str) -> None:
        connection = self.state.venues[venue].connection
        assert connection is not None
        self.do(
            c.DisconnectVenue(
                venue_id=venue, connection_id=connection.connection_id, reason="lost"
            ),
            SYSTEM,
        )

    def request(self, venue: str, subject: str = "") -> str:
        self.do(c.RequestFloor(subject=subject), venue_actor(venue))
        return self.state.floor.requests[venue].request_id

    def grant(self, venue: str, *, exclusive: bool = False) -> None:
        self.do(c.GrantFloor(venue_id=venue, exclusive=exclusive))

    @property
    def holders(self) -> list[str]:
        return list(self.state.floor.holders)

    def on_stage(self) -> tuple[str | None, ...]:
        return self.state.stage.slots

    def status(self, venue: str) -> str:
        return self.state.floor.requests[venue].status

    def lost_since(self, venue: str) -> float | None:
        return self.state.floor.holders[venue].disconnected_since

    @property
    def waiting(self) -> list[str]:
        by_id = {r.request_id: r.venue_id for r in self.state.floor.requests.values()}
        return [by_id[request_id] for request_id in self.state.floor.queue]


def creation(
    branches: tuple[str, ...] = BRANCHES,
    *,
    policy: FloorPolicy = "chair",
    layout: Layout = "single",
    limit: int = 6,
    recording: str = "stage_and_speakers",
) -> c.CreateSession:
    return c.CreateSession.model_validate(
        {
            "session_id": "s1",
            "title": "远程会诊",
            "venues": [
                {"venue_id": MAIN, "name": "主会场", "kind": "main"},
                *({"venue_id": b, "name": f"分会场 {b}"} for b in branches),
            ],
            "floor_policy": policy,
            "layout": layout,
            "open_microphone_limit": limit,
            "recording_policy": recording,
        }
    )


def scheduled(command: c.CreateSession | None = None) -> Driven:
    events = decide(None, command or creation(), HOST, 1000.0)
    state = None
    for event in events:
        state = evolve(state, event)
    assert state is not None
    return Driven(state, list(events))


def live(command: c.CreateSession | None = None, *, connected: bool = True) -> Driven:
    """A live session, every venue connected."""
    session = scheduled(command)
    if connected:
        session.connect(*session.state.venues)
    session.do(c.OpenSession())
    session.do(c.StartSession())
    return session
