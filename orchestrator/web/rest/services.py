"""What the REST routes work with, given to them by the composition root."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from orchestrator.archive.recordings import Archive
from orchestrator.conduct.sessions import Sessions
from orchestrator.consultation.actors import Actor
from orchestrator.identity.authentication import Authenticator
from orchestrator.identity.links import LinkSigner
from orchestrator.identity.logins import Logins
from orchestrator.identity.principal import Principal
from orchestrator.protocol.reasons import Reason
from orchestrator.store.audit import Audit, AuditEntry
from orchestrator.store.session_log import SessionLog
from orchestrator.web.errors import ApiError
from orchestrator.web.guard import PRINCIPAL
from orchestrator.web.origin import OriginRule

LINK_SECONDS = 30 * 86400.0

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")

_MISSING: dict[str, tuple[Reason, str]] = {
    "session_id": (Reason.NO_SUCH_SESSION, "there is no such session; look at the list"),
    "venue_id": (Reason.NO_SUCH_VENUE, "the session has no such venue; load it again"),
    "recording_id": (Reason.NO_SUCH_RECORDING, "there is no such recording; load the list again"),
}


@dataclass(frozen=True, slots=True)
class RestServices:
    """`public_url`: where people reach the pages, for links and QR codes. `link_seconds`: how long
    a new join link holds."""

    logins: Logins
    authenticator: Authenticator
    signer: LinkSigner
    sessions: Sessions
    session_log: SessionLog
    archive: Archive
    audit: Audit
    public_url: str
    origins: OriginRule = field(default_factory=OriginRule)
    link_seconds: float = LINK_SECONDS
    clock: Callable[[], float] = time.time

    def secure(self, request: web.Request) -> bool:
        """Whether the browser came over HTTPS: its cookies then never go over HTTP."""
        return (self.origins.own(request) or "").startswith("https:")

    async def note(
        self, request: web.Request, action: str, target: str = "", **details: Any
    ) -> None:
        """Write to the audit log who did `action` to `target`, and from where."""
        principal = request.get(PRINCIPAL)
        actor = details.pop("actor", None) or (
            actor_of(principal).name if principal is not None else "nobody"
        )
        await self.audit.append(
            AuditEntry(
                at=self.clock(),
                actor=str(actor)[:200],
                action=action,
                target=target,
                address=request.remote or "",
                details=details,
            )
        )


def actor_of(principal: Principal) -> Actor:
    """The principal as the consultation core knows him."""
    return Actor(roles=principal.roles, venue_id=principal.venue_id, account=principal.account)


def identifier(request: web.Request, name: str) -> str:
    """A path parameter that is an identifier. Raises ApiError: what cannot exist does not."""
    value = request.match_info[name]
    if not _IDENTIFIER.fullmatch(value):
        reason, message = _MISSING[name]
        raise ApiError(reason, message)
    return value
