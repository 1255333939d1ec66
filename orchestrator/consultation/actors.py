"""Who gives a command and who looks on, as the server established it."""

from dataclasses import dataclass

from orchestrator.consultation.view import Role

_RANK: tuple[Role, ...] = (
    "admin",
    "host",
    "technician",
    "archivist",
    "venue",
    "member",
    "system",
    "public",
)


@dataclass(frozen=True, slots=True)
class Actor:
    """`venue_id` for a venue, `account` for an account; the server itself has role `system`."""

    roles: frozenset[Role]
    venue_id: str | None = None
    account: str | None = None

    def may(self, *roles: Role) -> bool:
        """True when one of `roles` is held."""
        return not self.roles.isdisjoint(roles)

    @property
    def name(self) -> str:
        """How the log names this actor."""
        if self.account is not None:
            return self.account
        return f"venue:{self.venue_id}" if self.venue_id is not None else "server"


SYSTEM = Actor(roles=frozenset({"system"}))


@dataclass(frozen=True, slots=True)
class Viewer:
    """Whom a projection is for. A `venue` viewer always has its `venue_id`."""

    role: Role
    venue_id: str | None = None

    @classmethod
    def of(cls, roles: frozenset[Role], venue_id: str | None = None) -> "Viewer":
        """The viewer that sees most of what `roles` allow; without a known role, the public."""
        for role in _RANK:
            if role in roles:
                return cls(role=role, venue_id=venue_id if role == "venue" else None)
        return cls(role="public")
