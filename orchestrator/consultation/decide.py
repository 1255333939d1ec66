"""`decide(state, command, actor, now)`: judge a command, name what happens."""

from orchestrator.consultation.actors import Actor
from orchestrator.consultation.commands import Command
from orchestrator.consultation.events import Event
from orchestrator.consultation.state import SessionState


def decide(state: SessionState | None, command: Command, actor: Actor, now: float) -> list[Event]:
    """The events that carry out `command`; empty when it is true already.

    `state` is None only for `CreateSession`. Append the events at `state.version`, and decide
    again on a conflict. Raises ConsultationError with a stable code; then nothing has happened.
    """
    raise NotImplementedError
