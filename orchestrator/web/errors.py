"""Errors as answers: `{"error": {"code", "message", "details"?}}` with a stable code.

ApiError carries its own status and reason. Errors of identity and of the consultation core carry a
code that `STATUS` turns into a status. Anything else is a fault of ours: logged whole, told as
`internal_error` without a word of what is inside.
"""

from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiohttp import web
from pydantic import ValidationError

from orchestrator.consultation.errors import ConsultationError
from orchestrator.identity.errors import IdentityError, TooManyTries
from orchestrator.protocol.reasons import Reason
from orchestrator.protocol.rest import ErrorBody

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

DETAIL_LIMIT = 20

STATUS: dict[Reason, int] = {
    Reason.BAD_REQUEST: 400,
    Reason.STAGE_INVALID: 400,
    Reason.CODEC_MISMATCH: 406,
    Reason.NOT_SIGNED_IN: 401,
    Reason.WRONG_PASSWORD: 401,
    Reason.NOT_PERMITTED: 403,
    Reason.ORIGIN_REFUSED: 403,
    Reason.SETUP_TOKEN_INVALID: 403,
    Reason.LINK_INVALID: 403,
    Reason.LINK_EXPIRED: 403,
    Reason.LINK_REVOKED: 403,
    Reason.NOT_FOUND: 404,
    Reason.UNKNOWN_METHOD: 404,
    Reason.NO_SUCH_SESSION: 404,
    Reason.NO_SUCH_VENUE: 404,
    Reason.NO_SUCH_REQUEST: 404,
    Reason.NO_SUCH_RECORDING: 404,
    Reason.TOO_LARGE: 413,
    Reason.RATE_LIMITED: 429,
    Reason.INTERNAL_ERROR: 500,
    Reason.READ_ONLY: 503,
    Reason.DATABASE_DAMAGED: 503,
    Reason.UNAVAILABLE: 503,
    Reason.MEDIA_UNAVAILABLE: 503,
    Reason.DISK_FULL: 507,
}
"""HTTP status of a reason; what is not here contradicts the present state: 409."""


class ApiError(Exception):
    """What a route refuses, and why; `details` name fields of the body."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        details: Sequence[dict[str, object]] | None = None,
        status: int | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.details = None if details is None else list(details)
        self.status = STATUS.get(reason, 409) if status is None else status
        self.retry_after = retry_after


def error_response(error: ApiError) -> web.Response:
    """The answer that tells `error`."""
    body = ErrorBody(code=error.reason, message=str(error), details=error.details)
    response = web.Response(
        text='{"error":' + body.model_dump_json(exclude_none=True) + "}",
        status=error.status,
        content_type="application/json",
    )
    response.headers["Cache-Control"] = "no-store"
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(error.retry_after)))
    return response


def details_of(error: ValidationError) -> list[dict[str, object]]:
    """Field path and message of each problem; never the value, which may be a password."""
    problems = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        {"field": ".".join(str(part)[:40] for part in p["loc"]), "message": p["msg"]}
        for p in problems[:DETAIL_LIMIT]
    ]


def as_api_error(error: Exception) -> ApiError | None:
    """The answer to an error that is the asker's or the state's; None for a fault of ours."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, TooManyTries):
        return ApiError(error.reason, str(error), retry_after=error.retry_after)
    if isinstance(error, IdentityError):
        return ApiError(error.reason, str(error))
    if isinstance(error, ConsultationError) and error.code in set(Reason):
        return ApiError(Reason(error.code), error.message)
    code = getattr(error, "code", None)
    if isinstance(code, str) and code in set(Reason) and code != Reason.INTERNAL_ERROR:
        return ApiError(Reason(code), str(error))
    return None


def _http_error(error: web.HTTPException) -> ApiError:
    if error.status == 404:
        return ApiError(Reason.NOT_FOUND, "there is nothing at this address")
    if error.status == 405:
        return ApiError(Reason.BAD_REQUEST, "this address does not take that method", status=405)
    if error.status == 413:
        return ApiError(Reason.TOO_LARGE, "the request is too large; send less at once")
    reason = Reason.INTERNAL_ERROR if error.status >= 500 else Reason.BAD_REQUEST
    return ApiError(reason, error.reason or "the request cannot be answered", status=error.status)


def wants_json(request: web.Request) -> bool:
    """Under /api everything is JSON; elsewhere people look at pages."""
    return request.path.startswith("/api/") or request.path == "/api"


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every exception into an answer; outermost of the middlewares."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400 or not wants_json(request):
            raise
        return error_response(_http_error(error))
    except Exception as error:
        known = as_api_error(error)
        if known is None:
            route = request.match_info.route.resource
            log.exception("request_failed", method=request.method, route=str(route))
            known = ApiError(
                Reason.INTERNAL_ERROR, "the server failed at this; its log says where", status=500
            )
        return error_response(known)
