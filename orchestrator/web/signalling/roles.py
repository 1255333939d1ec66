"""Who may call which method: one table, and nothing is allowed that is not in it.

`admin` may all that an account may. What a *venue* may is for its own venue only; a method that
names another venue is checked again by the consultation core.
"""

from typing import Literal

from orchestrator.consultation.view import Role
from orchestrator.identity.principal import Principal

Grant = Role | Literal["anyone"]

ANYONE: frozenset[Grant] = frozenset({"anyone"})
VIEWERS: frozenset[Grant] = frozenset({"host", "technician", "archivist", "venue", "member"})
MEDIA: frozenset[Grant] = frozenset({"host", "technician", "venue", "member"})
HOST: frozenset[Grant] = frozenset({"host"})
CONTROL_ROOM: frozenset[Grant] = frozenset({"host", "technician"})

PERMITTED: dict[str, frozenset[Grant]] = {
    "client.ping": ANYONE,
    "session.join": VIEWERS,
    "session.leave": VIEWERS,
    "session.open": HOST,
    "session.start": HOST,
    "session.pause": HOST,
    "session.resume": HOST,
    "session.end": HOST,
    "floor.request": frozenset({"host", "venue"}),
    "floor.cancel": frozenset({"host", "venue"}),
    "floor.release": frozenset({"venue"}),
    "floor.grant": HOST,
    "floor.deny": HOST,
    "floor.revoke": HOST,
    "floor.move": HOST,
    "floor.policy": HOST,
    "floor.mute_all": HOST,
    "venue.audio": HOST,
    "stage.set": HOST,
    "recording.start": HOST,
    "recording.stop": HOST,
    "media.capabilities": MEDIA,
    "media.transport.create": MEDIA,
    "media.transport.connect": MEDIA,
    "media.transport.restart_ice": MEDIA,
    "media.produce": frozenset({"venue"}),
    "media.producer.close": frozenset({"venue"}),
    "media.consume": MEDIA,
    "media.wall": CONTROL_ROOM,
    "media.key_frame": MEDIA,
    "client.report": MEDIA,
    "monitor.subscribe": CONTROL_ROOM,
    "monitor.unsubscribe": CONTROL_ROOM,
}
"""Method → roles; every method of the protocol is here (tested)."""

ACCOUNT_ROLES: tuple[Role, ...] = ("host", "technician", "archivist")
"""An account acts in the first of these that it holds; an admin as host."""

FIRST_METHODS = frozenset({"client.ping", "session.join"})
"""What a connection may ask before it has joined."""


def acting_role(principal: Principal) -> Role | None:
    """The role in which somebody looks at a session; None: he may not look at all."""
    if principal.venue_id is not None:
        return "venue"
    if "admin" in principal.roles:
        return "host"
    for role in ACCOUNT_ROLES:
        if role in principal.roles:
            return role
    return None


def may_call(method: str, principal: Principal) -> bool:
    """Whether the table lets `principal` call `method`; unknown methods are nobody's.

    An admin may what accounts may, but is no venue: nobody speaks in a venue's name by rank.
    """
    allowed = PERMITTED.get(method, frozenset())
    if allowed == ANYONE:
        return True
    if principal.venue_id is not None:
        return "venue" in allowed
    if "admin" in principal.roles:
        return bool(allowed & {"host", "technician", "archivist"})
    return not principal.roles.isdisjoint(allowed)
