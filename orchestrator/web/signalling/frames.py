"""What every viewer is sent of a change: the events he may see, and the patch to his view.

Viewers of an audience share nearly all of it (`project_shared`), so it is computed once for all of
them; only a venue with a floor request of its own, or named in the events, needs a frame of its
own. The result is JSON text, made once for each distinct frame.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.conduct.sessions import Change
from orchestrator.consultation.actors import Viewer
from orchestrator.consultation.projection import (
    Audience,
    audience_of,
    personalise,
    project_shared,
    visible,
)
from orchestrator.consultation.state import SessionState
from orchestrator.consultation.view import SessionView
from orchestrator.protocol.signalling import EventFrame, VisibleEvent
from orchestrator.web.signalling.merge_patch import merge_patch

View = dict[str, Any]


def view_of(state: SessionState, viewer: Viewer) -> View:
    """The viewer's view as the JSON object that patches apply to: no nulls in it."""
    shared = project_shared(state, audience_of(viewer))
    return _dump(personalise(shared, state, viewer))


@dataclass(slots=True)
class _Shared:
    view: SessionView
    dumped: View


class FrameMaker:
    """The frames of one session. Not thread-safe; keeps the shared views of the last version."""

    def __init__(self) -> None:
        self._shared: dict[Audience, tuple[int, _Shared]] = {}

    def begin(self, change: Change) -> "ChangeFrames":
        """Start on a change; ask it for the frame of each viewer."""
        return ChangeFrames(self, change)

    def shared(self, state: SessionState, audience: Audience) -> _Shared:
        """The shared view of a state, kept until another version is asked for."""
        kept = self._shared.get(audience)
        if kept is not None and kept[0] == state.version:
            return kept[1]
        view = project_shared(state, audience)
        fresh = _Shared(view, _dump(view))
        self._shared[audience] = (state.version, fresh)
        return fresh


class ChangeFrames:
    """Frames of one change: `text(viewer)` is the params of `session.events`, None when this
    viewer is concerned by none of it."""

    def __init__(self, maker: FrameMaker, change: Change) -> None:
        self._maker = maker
        self._change = change
        self._pairs: dict[Audience, tuple[_Shared, _Shared, View]] = {}
        self._texts: dict[tuple[Audience, str | None], str | None] = {}

    def text(self, viewer: Viewer) -> str | None:
        """The frame as JSON."""
        audience = audience_of(viewer)
        own = viewer.venue_id if self._is_concerned(viewer) else None
        key = (audience, own)
        if key not in self._texts:
            self._texts[key] = self._make(viewer, audience, personal=own is not None)
        return self._texts[key]

    def _make(self, viewer: Viewer, audience: Audience, *, personal: bool) -> str | None:
        old, new, patch = self._pair(audience)
        if personal:
            patch = self._personal_patch(viewer, old, new, patch)
        events = events_for(self._change, viewer)
        if not events and not patch:
            return None
        return frame_text(self._change.version, events, patch)

    def _pair(self, audience: Audience) -> tuple[_Shared, _Shared, View]:
        if audience not in self._pairs:
            old = self._maker.shared(self._change.before, audience)
            new = self._maker.shared(self._change.after, audience)
            self._pairs[audience] = (old, new, merge_patch(old.dumped, new.dumped))
        return self._pairs[audience]

    def _personal_patch(self, viewer: Viewer, old: _Shared, new: _Shared, patch: View) -> View:
        """Only `you` and the viewer's own request among those waiting are not alike for a whole
        audience; the rest is taken as it is, however many are waiting."""
        before = _Personal.of(old, self._change.before, viewer)
        after = _Personal.of(new, self._change.after, viewer)
        floor = dict(patch.get("floor", {}))
        requests = dict(floor.pop("requests", {}))
        for request_id in before.waiting.keys() | after.waiting.keys():
            requests.pop(request_id, None)
        requests |= merge_patch(before.waiting, after.waiting)
        if requests:
            floor["requests"] = requests
        result = {k: v for k, v in patch.items() if k not in ("you", "floor")}
        if floor:
            result["floor"] = floor
        if you := merge_patch(before.you, after.you):
            result["you"] = you
        return result

    def _is_concerned(self, viewer: Viewer) -> bool:
        venue_id = viewer.venue_id
        if viewer.role != "venue" or venue_id is None:
            return False
        change = self._change
        return (
            venue_id in change.before.floor.requests
            or venue_id in change.after.floor.requests
            or any(getattr(event, "venue_id", None) == venue_id for _, event in change.events)
        )


def events_for(change: Change, viewer: Viewer) -> list[VisibleEvent]:
    """The events of a change as the viewer may see them."""
    seen = ((version, visible(event, viewer)) for version, event in change.events)
    return [
        VisibleEvent(version=version, at=data.at, type=data.type, data=data.data)
        for version, data in seen
        if data is not None
    ]


def missed_frame(changes: Sequence[Change], viewer: Viewer) -> EventFrame:
    """All of consecutive changes as one frame, for a client that returns."""
    before = view_of(changes[0].before, viewer)
    after = view_of(changes[-1].after, viewer)
    return EventFrame(
        version=changes[-1].version,
        events=tuple(event for change in changes for event in events_for(change, viewer)),
        patch=merge_patch(before, after),
    )


def frame_text(version: int, events: Sequence[VisibleEvent], patch: View) -> str:
    """An `EventFrame` as JSON. A patch's nulls remove keys, so nothing is left out here."""
    body = {"version": version, "events": [e.model_dump(mode="json") for e in events]}
    body["patch"] = patch
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


@dataclass(slots=True)
class _Personal:
    """What of a view is the viewer's own; `waiting` has his request, by id, while it waits."""

    you: View
    waiting: View

    @classmethod
    def of(cls, shared: _Shared, state: SessionState, viewer: Viewer) -> "_Personal":
        own = personalise(shared.view, state, viewer)
        you = own.you.model_dump(mode="json", exclude_none=True)
        request = own.you.request
        waits = request is not None and request.request_id in own.floor.requests
        waiting = {request.request_id: you["request"]} if request is not None and waits else {}
        return cls(you, waiting)


def _dump(view: SessionView) -> View:
    return view.model_dump(mode="json", exclude_none=True)
