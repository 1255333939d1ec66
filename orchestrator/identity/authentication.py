"""Who is asking: from the cookies of a request to a principal. Used by REST and by signalling."""

import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from orchestrator.consultation.errors import ConsultationError, NoSuchSession
from orchestrator.consultation.state import Link, SessionState, check_link
from orchestrator.identity.cookies import ACCOUNT, venue_cookie
from orchestrator.identity.errors import LinkExpired, LinkInvalid, LinkRefused, LinkRevoked
from orchestrator.identity.links import LinkClaims, LinkSigner
from orchestrator.identity.logins import Logins
from orchestrator.identity.principal import Principal

log = structlog.get_logger(__name__)

StateOf = Callable[[str], Awaitable[SessionState]]
"""The present state of a session. Raises NoSuchSession."""

_REFUSALS: dict[str, type[LinkRefused]] = {
    "link_expired": LinkExpired,
    "link_revoked": LinkRevoked,
}


class Authenticator:
    """Nothing that a client sends besides its cookies counts."""

    def __init__(
        self,
        logins: Logins,
        signer: LinkSigner,
        state_of: StateOf,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._logins = logins
        self._signer = signer
        self._state_of = state_of
        self._clock = clock

    async def authenticate(
        self, request: web.Request, session_id: str | None = None, venue_id: str | None = None
    ) -> Principal | None:
        """The venue `venue_id` of `session_id` when it is named and its cookie holds; the account
        that is signed in when no venue is named; else None.

        Raises LinkRevoked and LinkExpired for a cookie of ours whose link holds no more, so that
        its page can say so, and nothing for one that was never ours.
        """
        if venue_id is None:
            token = request.cookies.get(ACCOUNT)
            return None if token is None else await self._logins.who(token)
        value = request.cookies.get(venue_cookie(session_id or "", venue_id))
        if value is None:
            return None
        try:
            claims = self._signer.read_cookie(value)
            if (claims.session_id, claims.venue_id) != (session_id, venue_id):
                return None
            await self.check(claims)
        except (LinkInvalid, NoSuchSession) as error:
            log.info("venue_cookie_refused", session=session_id, venue=venue_id, why=str(error))
            return None
        return Principal(
            roles=frozenset({claims.role}),
            session_id=claims.session_id,
            venue_id=claims.venue_id,
            link_id=claims.link_id,
        )

    async def redeem(self, token: str) -> tuple[LinkClaims, SessionState]:
        """What a join link stands for, checked against the log. Raises LinkRefused, and
        NoSuchSession for a session that is gone."""
        claims = self._signer.read_link(token)
        return claims, await self.check(claims)

    async def check(self, claims: LinkClaims) -> SessionState:
        """Whether the log still knows the link. Raises LinkRefused, NoSuchSession."""
        state = await self._state_of(claims.session_id)
        link = self._link(state, claims.link_id)
        if link.venue_id != claims.venue_id or link.role != claims.role:
            raise LinkInvalid("this join link is for another venue; ask the host for yours")
        return state

    def _link(self, state: SessionState, link_id: str) -> Link:
        try:
            return check_link(state, link_id, self._clock())
        except ConsultationError as error:
            raise _REFUSALS.get(error.code, LinkInvalid)(error.message) from error
