"""Reading the log: every event type, old versions, damage."""

from typing import Any

import pytest

from orchestrator.consultation.errors import UnreadableEvent
from orchestrator.consultation.events import (
    EVENT_TYPES,
    FloorDenied,
    SessionOpened,
    dump_event,
    load_event,
)
from orchestrator.consultation.evolve import evolve, fold
from tests.orchestrator.consultation.driver import live, scheduled


def test_events_survive_json() -> None:
    session = live()
    for event in session.log:
        assert load_event(dump_event(event)) == event


def test_types_are_unique_and_named_by_subject() -> None:
    assert len(EVENT_TYPES) == 33
    assert all("." in name for name in EVENT_TYPES)


def test_old_versions_are_upcast_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FloorDenied, "current_schema", 3)
    old = {
        "type": "floor.denied",
        "schema_version": 1,
        "at": 1.0,
        "by": "chen",
        "request": "r1",
    }

    def rename(data: dict[str, Any]) -> dict[str, Any]:
        return {**{k: v for k, v in data.items() if k != "request"}, "request_id": data["request"]}

    def complete(data: dict[str, Any]) -> dict[str, Any]:
        return {**data, "venue_id": "b1", "reason": ""}

    upcasts = {("floor.denied", 1): rename, ("floor.denied", 2): complete}
    event = load_event(old, upcasts)
    assert isinstance(event, FloorDenied)
    assert (event.request_id, event.schema_version) == ("r1", 3)
    assert "request" in old  # never rewritten
    with pytest.raises(UnreadableEvent):
        load_event(old, {})


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"type": "no.such", "schema_version": 1, "at": 1.0, "by": "x"},
        {"type": ["session.opened"], "schema_version": 1, "at": 1.0, "by": "x"},
        {"type": "session.opened", "at": 1.0, "by": "x"},
        {"type": "session.opened", "schema_version": 2, "at": 1.0, "by": "x"},
        {"type": "session.opened", "schema_version": 0, "at": 1.0, "by": "x"},
        {"type": "session.opened", "schema_version": 1, "at": "noon", "by": "x"},
        {"type": "session.opened", "schema_version": 1, "at": 1.0, "by": "x", "extra": 1},
    ],
)
def test_what_cannot_be_read_is_said(data: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEvent):
        load_event(data)


def test_a_log_begins_with_its_creation_and_only_there() -> None:
    with pytest.raises(ValueError, match="begins"):
        evolve(None, SessionOpened(at=1.0, by="x"))
    session = scheduled()
    with pytest.raises(ValueError, match="beginning"):
        evolve(session.state, session.log[0])


def test_folding_the_log_gives_the_state() -> None:
    session = live()
    session.grant("b1")
    assert fold(session.log) == session.state
    assert session.state.version == len(session.log)
    assert fold([]) is None
