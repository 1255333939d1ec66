"""`project(state, viewer)` and `visible(event, viewer)`: what one viewer may know."""

from dataclasses import dataclass
from typing import Any

from orchestrator.consultation.actors import Viewer
from orchestrator.consultation.events import Event
from orchestrator.consultation.state import SessionState
from orchestrator.consultation.view import SessionView


@dataclass(frozen=True, slots=True)
class VisibleData:
    """An event as a viewer may see it; the shell adds the log version."""

    type: str
    at: float
    data: dict[str, Any]


def project(state: SessionState, viewer: Viewer) -> SessionView:
    """The session as `viewer` may see it."""
    raise NotImplementedError


def visible(event: Event, viewer: Viewer) -> VisibleData | None:
    """The event as `viewer` may see it, or None when he may not."""
    raise NotImplementedError
