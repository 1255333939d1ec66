"""What every request passes before its route: table, size, origin, rate, role; in that order."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware

from orchestrator.broker.rate_limit import Rate, Verdict
from orchestrator.identity.principal import Principal
from orchestrator.protocol.reasons import Reason
from orchestrator.web.access import ROUTES, Access
from orchestrator.web.errors import ApiError, Handler
from orchestrator.web.origin import OriginRule

PRINCIPAL = web.RequestKey("principal", Principal)
"""Who is asking; set when the route's access names roles."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

Authenticate = Callable[[web.Request, str | None, str | None], Awaitable[Principal | None]]
"""(request, session id, venue id) → who it is; see `identity.authentication`."""


class Limiter(Protocol):
    async def allow(self, key: str, rate: Rate) -> Verdict: ...


def access_of(request: web.Request, routes: Mapping[tuple[str, str], Access]) -> Access | None:
    """The table's line for the route of `request`; None when there is none."""
    resource = request.match_info.route.resource
    if resource is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    return routes.get((method, resource.canonical))


def guard_middleware(
    authenticate: Authenticate,
    limiter: Limiter,
    origins: OriginRule,
    routes: Mapping[tuple[str, str], Access] = ROUTES,
) -> Middleware:
    """The guard as a middleware; it goes inside of `error_middleware`."""

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is not None:
            return await handler(request)  # no such route: 404 or 405
        access = access_of(request, routes)
        if access is None:
            raise ApiError(Reason.NOT_PERMITTED, "this address has no rule of access")
        if request.content_length is not None and request.content_length > access.body:
            raise too_large(access.body)
        if request.method not in SAFE_METHODS:
            origins.check(request)
        principal = await _principal(request, access, authenticate)
        if access.rate is not None:
            await _within_rate(request, access.rate, principal, limiter)
        return await handler(request)

    return guard


def too_large(limit: int) -> ApiError:
    """The refusal of a body over `limit` bytes."""
    return ApiError(
        Reason.TOO_LARGE, f"the request is larger than {limit // 1024} KiB; send less at once"
    )


async def _principal(
    request: web.Request, access: Access, authenticate: Authenticate
) -> Principal | None:
    """Establish who asks and whether the route is his. Raises ApiError."""
    if access.roles is None:
        return None
    venue_route = "venue" in access.roles
    session_id = request.query.get("session") if venue_route else None
    venue_id = request.query.get("venue") if venue_route else None
    principal = await authenticate(request, session_id, venue_id)
    if principal is None:
        raise ApiError(Reason.NOT_SIGNED_IN, "sign in first, or open your join link again")
    if not _allowed(principal, access, venue_route=venue_route):
        raise ApiError(Reason.NOT_PERMITTED, "your role does not allow this; ask an administrator")
    request[PRINCIPAL] = principal
    return principal


def _allowed(principal: Principal, access: Access, *, venue_route: bool) -> bool:
    """A venue is a venue and nothing else; `admin` may all that accounts may."""
    assert access.roles is not None
    if venue_route or principal.venue_id is not None:
        return not principal.roles.isdisjoint(access.roles)
    return principal.may(*access.roles)


async def _within_rate(
    request: web.Request, rate: Rate, principal: Principal | None, limiter: Limiter
) -> None:
    resource: Any = request.match_info.route.resource
    who = request.remote or "?"
    if principal is not None:
        who = principal.account or f"{principal.session_id}/{principal.venue_id}"
    verdict = await limiter.allow(f"{request.method}:{resource.canonical}:{who}", rate)
    if not verdict.allowed:
        raise ApiError(
            Reason.RATE_LIMITED,
            f"too many requests; wait {max(1, round(verdict.retry_after))} s and try again",
            retry_after=verdict.retry_after,
        )
