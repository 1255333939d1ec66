"""Join links and venue cookies: signed statements of what somebody may be in one session.

A link is a JWT (RFC 7519, HS256) made from what the session log says of it, so the same link can
be shown again and none is stored. Its signature alone opens nothing: `identity.authentication`
also asks the log whether the link still holds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from orchestrator.identity.errors import LinkExpired, LinkInvalid

LinkRole = Literal["venue"]
LINK, COOKIE = "plenary-link", "plenary-venue"
MAX_TOKEN = 2000
ALGORITHMS = ["HS256"]


@dataclass(frozen=True, slots=True)
class LinkClaims:
    """`link_id` is the `jti`; `expires_at` in Unix seconds."""

    session_id: str
    venue_id: str
    role: LinkRole
    link_id: str
    expires_at: float


class LinkSigner:
    def __init__(self, key: bytes, *, clock: Callable[[], float] = time.time) -> None:
        self._key = OctKey.import_key(key)
        self._clock = clock

    def link(self, claims: LinkClaims) -> str:
        """The token of a join link; the same claims give the same token."""
        return self._sign(LINK, claims)

    def cookie(self, claims: LinkClaims) -> str:
        """The value of the cookie that a link is exchanged for; it ends with the link."""
        return self._sign(COOKIE, claims)

    def read_link(self, token: str) -> LinkClaims:
        """Raises LinkInvalid or LinkExpired."""
        return self._read(LINK, token)

    def read_cookie(self, value: str) -> LinkClaims:
        """Raises LinkInvalid or LinkExpired."""
        return self._read(COOKIE, value)

    def _sign(self, audience: str, claims: LinkClaims) -> str:
        body = {
            "aud": audience,
            "sid": claims.session_id,
            "vid": claims.venue_id,
            "role": claims.role,
            "jti": claims.link_id,
            "exp": int(claims.expires_at),
        }
        return jwt.encode({"alg": "HS256"}, body, self._key, algorithms=ALGORITHMS)

    def _read(self, audience: str, token: str) -> LinkClaims:
        if len(token) > MAX_TOKEN:
            raise LinkInvalid("this join link is damaged: copy it again, whole")
        try:
            body = jwt.decode(token, self._key, algorithms=ALGORITHMS).claims
        except (JoseError, ValueError) as error:
            raise LinkInvalid(
                "this join link is not valid: copy it again, whole, or ask the host for a new one"
            ) from error
        claims = _claims(audience, body)
        if claims.expires_at <= self._clock():
            raise LinkExpired("this join link has expired: ask the host for a new one")
        return claims


def _claims(audience: str, body: dict[str, Any]) -> LinkClaims:
    texts = [body.get(name) for name in ("sid", "vid", "jti")]
    expires_at = body.get("exp")
    if (
        body.get("aud") != audience
        or body.get("role") != "venue"
        or not all(isinstance(text, str) and text for text in texts)
        or not isinstance(expires_at, int)
    ):
        raise LinkInvalid("this is no join link of this server: ask the host for the venue's link")
    session_id, venue_id, link_id = (str(text) for text in texts)
    return LinkClaims(session_id, venue_id, "venue", link_id, float(expires_at))
