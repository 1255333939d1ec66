"""`media_plan(state)`: what the workers must run, as a pure function of the state."""

from orchestrator.consultation.state import SessionState
from sfu.control.plan import MediaPlan


def media_plan(state: SessionState) -> MediaPlan:
    """The whole plan of the session at `state.version`."""
    raise NotImplementedError
