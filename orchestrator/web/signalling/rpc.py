"""JSON-RPC 2.0, strictly: one request a message, params an object that fits the method's schema.

Batches are refused: they would only blur order and limits. A message without `id` is carried out
without an answer, as the specification says.

RpcError
├── what the message is   parse_error, invalid_request, unknown_method, bad_params
└── what came of it       refused (-32000): `data.reason` says why
"""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from orchestrator.protocol.reasons import Reason
from orchestrator.protocol.signalling import METHODS, Message

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL = -32603
REFUSED = -32000

RequestId = str | int | None


class RpcError(Exception):
    """An answer that is an error; `request_id` is None when the message did not tell one."""

    def __init__(self, code: int, reason: str, message: str, request_id: RequestId = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.request_id = request_id

    @property
    def malformed(self) -> bool:
        """True when the message is no request at all: its sender is faulty."""
        return self.code in (PARSE_ERROR, INVALID_REQUEST)


def refused(reason: str, message: str) -> RpcError:
    """A well-formed request that is not carried out."""
    return RpcError(REFUSED, reason, message)


@dataclass(frozen=True, slots=True)
class Request:
    """`wants_answer` False: a JSON-RPC notification."""

    request_id: RequestId
    wants_answer: bool
    method: str
    params: Message


def parse_request(text: str) -> Request:
    """Return the request in `text`. Raises RpcError for anything else."""
    try:
        message = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RpcError(PARSE_ERROR, Reason.BAD_REQUEST, "the message is not JSON") from error
    if isinstance(message, list):
        raise RpcError(INVALID_REQUEST, Reason.BAD_REQUEST, "send requests one by one, no batch")
    if not isinstance(message, dict):
        raise RpcError(INVALID_REQUEST, Reason.BAD_REQUEST, "the message is not an object")
    return _request(message)


def _request(message: dict[str, Any]) -> Request:
    request_id = message.get("id")
    if isinstance(request_id, bool) or not isinstance(request_id, str | int | None):
        raise RpcError(INVALID_REQUEST, Reason.BAD_REQUEST, "id must be a string or an integer")
    if isinstance(request_id, str) and len(request_id) > 64:
        raise RpcError(INVALID_REQUEST, Reason.BAD_REQUEST, "id is longer than 64 characters")
    if message.get("jsonrpc") != "2.0":
        raise RpcError(INVALID_REQUEST, Reason.BAD_REQUEST, 'jsonrpc must be "2.0"', request_id)
    method, params = message.get("method"), message.get("params", {})
    if not isinstance(method, str):
        raise RpcError(INVALID_REQUEST, Reason.BAD_REQUEST, "method must be a string", request_id)
    if unknown := message.keys() - {"jsonrpc", "id", "method", "params"}:
        raise RpcError(
            INVALID_REQUEST,
            Reason.BAD_REQUEST,
            f"unknown member {sorted(unknown)[0][:40]!r}",
            request_id,
        )
    schema = METHODS.get(method)
    if schema is None:
        raise RpcError(
            METHOD_NOT_FOUND,
            Reason.UNKNOWN_METHOD,
            f"there is no method {method[:40]!r}",
            request_id,
        )
    if not isinstance(params, dict):
        raise RpcError(INVALID_PARAMS, Reason.BAD_REQUEST, "params must be an object", request_id)
    try:
        parsed = schema.model_validate(params)
    except (ValidationError, RecursionError) as error:
        raise RpcError(
            INVALID_PARAMS, Reason.BAD_REQUEST, _first_problem(error), request_id
        ) from error
    return Request(request_id, "id" in message, method, parsed)


def result_text(request_id: RequestId, result: BaseModel | None) -> str:
    """The answer to a request; None is `{}`."""
    body = "{}" if result is None else dump(result)
    return f'{{"jsonrpc":"2.0","id":{json.dumps(request_id)},"result":{body}}}'


def error_text(error: RpcError) -> str:
    """The answer to a request that failed."""
    return json.dumps(
        {
            "jsonrpc": "2.0",
            "id": error.request_id,
            "error": {
                "code": error.code,
                "message": str(error),
                "data": {"reason": str(error.reason)},
            },
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def notification_text(method: str, params_json: str) -> str:
    """A notification from params that are JSON already (one dump serves many viewers)."""
    return f'{{"jsonrpc":"2.0","method":"{method}","params":{params_json}}}'


def dump(message: BaseModel) -> str:
    """A message as clients read it: camelCase where ORTC asks for it, and absent, never null."""
    return message.model_dump_json(by_alias=True, exclude_none=True)


def _first_problem(error: ValidationError | RecursionError) -> str:
    if isinstance(error, RecursionError):
        return "params are nested too deeply"
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part)[:40] for part in problem["loc"]) or "params"
    return f"{where}: {problem['msg']}"


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")
