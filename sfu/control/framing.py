"""Length-prefixed JSON frames over asyncio streams (see `sfu.control.messages`)."""

import asyncio
import json
from typing import Any

from sfu.control.errors import BadRequest
from sfu.control.messages import MAX_FRAME


def encode(message: dict[str, Any]) -> bytes:
    """Return one frame. Raises BadRequest when it is larger than `MAX_FRAME`."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    if len(body) > MAX_FRAME:
        raise BadRequest(f"a control frame of {len(body)} bytes is over the limit of {MAX_FRAME}")
    return len(body).to_bytes(4, "big") + body


async def read_frame(reader: asyncio.StreamReader) -> dict[str, Any] | None:
    """Return the next frame, or None at a clean end.

    Raises BadRequest for a frame that is too large, cut short, or not a JSON object.
    """
    try:
        head = await reader.readexactly(4)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadRequest("the connection ended inside a frame header") from error
        return None
    size = int.from_bytes(head, "big")
    if size > MAX_FRAME:
        raise BadRequest(f"a control frame of {size} bytes is over the limit of {MAX_FRAME}")
    try:
        message = json.loads(await reader.readexactly(size))
    except asyncio.IncompleteReadError as error:
        raise BadRequest("the connection ended inside a frame") from error
    except ValueError as error:
        raise BadRequest("the frame is not JSON") from error
    if not isinstance(message, dict):
        raise BadRequest("the frame is not a JSON object")
    return message
