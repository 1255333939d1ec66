"""Who a request comes from, as the server established it; no message can change it."""

from dataclasses import dataclass

from orchestrator.consultation.view import Role


@dataclass(frozen=True, slots=True)
class Principal:
    """An account (its roles hold for every session) or a venue (for one session only)."""

    roles: frozenset[Role]
    account: str | None = None
    session_id: str | None = None
    venue_id: str | None = None
    link_id: str | None = None

    def may(self, *roles: Role) -> bool:
        """True when any of `roles`, or `admin`, is held."""
        return "admin" in self.roles or not self.roles.isdisjoint(roles)
