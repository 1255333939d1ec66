"""Rules of the floor: who waits, who holds it (RFC 8855)."""

from orchestrator.consultation import commands as c
from orchestrator.consultation import events as ev
from orchestrator.consultation.decide_session import in_phase
from orchestrator.consultation.draft import Draft
from orchestrator.consultation.errors import (
    AlreadyHolder,
    AlreadyRequested,
    BadRequest,
    ListClosed,
    NotHolder,
    NotJoined,
    NotPermitted,
)
from orchestrator.consultation.state import (
    RUNNING,
    WAITING,
    FloorRequest,
    venue_of,
    waiting_request,
)


def _own_venue(draft: Draft) -> str:
    """The venue that acts for itself. Raises NotPermitted for an actor that is none."""
    if not draft.actor.may("venue") or draft.actor.venue_id is None:
        raise NotPermitted
    return draft.actor.venue_id


def _is_chair(draft: Draft) -> bool:
    return draft.actor.may("host", "admin")


def request(draft: Draft, command: c.RequestFloor) -> None:
    """pending, then accepted at once: both policies queue in the server's order."""
    if _is_chair(draft):
        if command.venue_id is None:
            raise BadRequest("say for which venue the floor is requested")
        venue = venue_of(draft.state, command.venue_id)
    else:
        venue = venue_of(draft.state, _own_venue(draft))
        if command.venue_id not in (None, venue.venue_id):
            raise NotPermitted("a venue asks only for itself")
        if venue.connection is None:
            raise NotJoined
    in_phase(draft, RUNNING)
    floor = draft.state.floor
    if not floor.list_open:
        raise ListClosed
    if venue.venue_id in floor.holders:
        raise AlreadyHolder
    last = floor.requests.get(venue.venue_id)
    if last is not None and last.status in WAITING:
        raise AlreadyRequested
    sequence = floor.last_sequence + 1
    request_id = f"r{sequence}"
    draft.emit(
        ev.FloorRequested(
            **draft.stamp,
            request_id=request_id,
            sequence=sequence,
            venue_id=venue.venue_id,
            speaker=command.speaker,
            subject=command.subject,
            requester="host" if _is_chair(draft) else "venue",
        )
    )
    draft.emit(
        ev.FloorAccepted(
            **draft.stamp,
            request_id=request_id,
            venue_id=venue.venue_id,
            position=len(draft.state.floor.queue),
        )
    )


def cancel(draft: Draft, command: c.CancelRequest) -> None:
    chair = _is_chair(draft)
    own = None if chair else _own_venue(draft)
    waiting = waiting_request(draft.state, command.request_id)
    if not chair and waiting.venue_id != own:
        raise NotPermitted("a venue withdraws only its own request")
    draft.emit(
        ev.FloorCancelled(
            **draft.stamp,
            request_id=waiting.request_id,
            venue_id=waiting.venue_id,
            reason="by_host" if chair else "withdrawn",
        )
    )


def release(draft: Draft, _: c.ReleaseFloor) -> None:
    venue_id = _own_venue(draft)
    if venue_id not in draft.state.floor.holders:
        raise NotHolder
    draft.emit(ev.FloorReleased(**draft.stamp, venue_id=venue_id, reason="released"))


def release_absent(draft: Draft, command: c.ReleaseAbsentHolder) -> None:
    """Early, or for a venue that came back, it changes nothing: timers may be late or doubled."""
    holder = draft.state.floor.holders.get(command.venue_id)
    if holder is None or holder.disconnected_since is None:
        return
    if draft.stamp["at"] - holder.disconnected_since >= draft.state.floor.grace_seconds:
        draft.emit(ev.FloorReleased(**draft.stamp, venue_id=command.venue_id, reason="absent"))


def _granted(draft: Draft, command: c.GrantFloor) -> tuple[str, FloorRequest | None]:
    """Which venue is meant, and by which of its waiting requests."""
    if command.request_id is not None:
        asked = waiting_request(draft.state, command.request_id)
        if command.venue_id not in (None, asked.venue_id):
            raise BadRequest("that request is of another venue; name only one of both")
        return asked.venue_id, asked
    if command.venue_id is None:
        raise BadRequest("say which request or which venue is given the floor")
    venue_of(draft.state, command.venue_id)
    last = draft.state.floor.requests.get(command.venue_id)
    return command.venue_id, last if last is not None and last.status in WAITING else None


def grant(draft: Draft, command: c.GrantFloor) -> None:
    in_phase(draft, {"live"})
    venue_id, asked = _granted(draft, command)
    holders = draft.state.floor.holders
    holds = venue_id in holders
    if holds and not command.exclusive:
        raise AlreadyHolder
    if command.exclusive:
        for other in [h for h in holders if h != venue_id]:
            draft.revoke(other, "exclusive")
    if not holds:
        draft.grant(venue_id, asked)


def deny(draft: Draft, command: c.DenyRequest) -> None:
    waiting = waiting_request(draft.state, command.request_id)
    draft.emit(
        ev.FloorDenied(
            **draft.stamp,
            request_id=waiting.request_id,
            venue_id=waiting.venue_id,
            reason=command.reason,
        )
    )


def revoke(draft: Draft, command: c.RevokeFloor) -> None:
    venue_of(draft.state, command.venue_id)
    if command.venue_id not in draft.state.floor.holders:
        raise NotHolder
    draft.revoke(command.venue_id, command.reason)


def move(draft: Draft, command: c.MoveRequest) -> None:
    waiting = waiting_request(draft.state, command.request_id)
    queue = draft.state.floor.queue
    position = min(command.position, len(queue))
    if queue.index(waiting.request_id) + 1 == position:
        return
    draft.emit(
        ev.FloorMoved(
            **draft.stamp,
            request_id=waiting.request_id,
            venue_id=waiting.venue_id,
            position=position,
            reason=command.reason,
        )
    )


def set_policy(draft: Draft, command: c.SetFloorPolicy) -> None:
    in_phase(draft, {"scheduled", *RUNNING})
    floor = draft.state.floor
    if command.policy is not None and command.policy != floor.policy:
        draft.emit(ev.FloorPolicySet(**draft.stamp, policy=command.policy))
    if command.list_open is True and not floor.list_open:
        draft.emit(ev.FloorListReopened(**draft.stamp))
    if command.list_open is False and floor.list_open:
        draft.emit(ev.FloorListClosed(**draft.stamp))
