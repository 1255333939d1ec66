"""Request bodies in, JSON out: bounded, strictly parsed."""

from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from orchestrator.protocol.reasons import Reason
from orchestrator.web.access import BODY_LIMIT
from orchestrator.web.errors import ApiError, details_of
from orchestrator.web.guard import too_large

Model = TypeVar("Model", bound=BaseModel)


async def read_bytes(request: web.Request, limit: int = BODY_LIMIT) -> bytes:
    """The body, also of a chunked request, never more than `limit` bytes. Raises ApiError."""
    data = bytearray()
    async for chunk in request.content.iter_any():
        data += chunk
        if len(data) > limit:
            raise too_large(limit)
    return bytes(data)


async def read_json(request: web.Request, model: type[Model], limit: int = BODY_LIMIT) -> Model:
    """The body as `model`. Raises ApiError `bad_request` with the fields that do not fit."""
    if request.content_type != "application/json":
        raise ApiError(Reason.BAD_REQUEST, "send the body as application/json", status=415)
    raw = await read_bytes(request, limit)
    if b"\\u0000" in raw:
        # PostgreSQL keeps no NUL in text, and no name needs one.
        raise ApiError(Reason.BAD_REQUEST, "the body has a NUL character; leave it out")
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise ApiError(
            Reason.BAD_REQUEST,
            "the body does not fit; see details",
            details=details_of(error),
        ) from error


def json_response(body: BaseModel, status: int = 200) -> web.Response:
    """Absent values are left out, as everywhere on our wires. Never cached: an answer holds what
    a role may see now."""
    return web.Response(
        text=body.model_dump_json(exclude_none=True),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
