"""`evolve(state, event)`: the next state. It judges nothing: what the log says has happened."""

from collections.abc import Iterable

from orchestrator.consultation.events import Event
from orchestrator.consultation.state import SessionState


def evolve(state: SessionState | None, event: Event) -> SessionState:
    """The state after `event`; `state` is None only before `SessionCreated`."""
    raise NotImplementedError


def fold(events: Iterable[Event], state: SessionState | None = None) -> SessionState | None:
    """The state after all `events`; None for an empty log."""
    for event in events:
        state = evolve(state, event)
    return state
