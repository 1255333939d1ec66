"""The cookies that say who somebody is. No script can read them, no other site can send them."""

from aiohttp import web

ACCOUNT = "plenary_account"
VENUE_PREFIX = "plenary_venue_"
VENUE_COOKIE_LIMIT = 24
"""Most venue cookies in one browser: together they must fit a request header (8 KiB)."""


def venue_cookie(session_id: str, venue_id: str) -> str:
    """Name of the cookie of one venue: one browser may hold several, in several tabs."""
    return f"{VENUE_PREFIX}{session_id}_{venue_id}"


def set_cookie(
    response: web.StreamResponse, name: str, value: str, *, seconds: float, secure: bool
) -> None:
    """`seconds`: how long the browser keeps it. `secure`: the page came over HTTPS."""
    response.set_cookie(
        name,
        value,
        max_age=max(1, int(seconds)),
        path="/",
        httponly=True,
        samesite="Strict",
        secure=secure,
    )


def clear_cookie(response: web.StreamResponse, name: str, *, secure: bool) -> None:
    response.del_cookie(name, path="/", httponly=True, samesite="Strict", secure=secure)


def make_room(request: web.Request, response: web.StreamResponse, *, secure: bool) -> None:
    """Before one more venue cookie is set: drop the oldest of too many (RFC 6265, 5.4: browsers
    send those made earlier first)."""
    held = [name for name in request.cookies if name.startswith(VENUE_PREFIX)]
    for name in held[: max(0, len(held) - VENUE_COOKIE_LIMIT + 1)]:
        clear_cookie(response, name, secure=secure)
