"""Every exception that a request may end in, as the error its client is told."""

import structlog

from orchestrator.conduct.errors import ConductError
from orchestrator.consultation.errors import ConsultationError
from orchestrator.protocol.reasons import Reason
from orchestrator.web.signalling.rpc import INTERNAL, REFUSED, RequestId, RpcError
from sfu.control.errors import ControlError

log = structlog.get_logger(__name__)

KNOWN = frozenset(reason.value for reason in Reason)


def as_rpc_error(error: Exception, method: str, request_id: RequestId) -> RpcError:
    """The answer to a request that ended in `error`; what is our own fault is logged whole and
    told as `internal_error` without a word of what is inside."""
    if isinstance(error, RpcError):
        return RpcError(error.code, error.reason, str(error), request_id)
    if isinstance(error, ConsultationError):
        return RpcError(REFUSED, error.code, error.message, request_id)
    if isinstance(error, ConductError):
        return RpcError(REFUSED, error.code, str(error), request_id)
    if isinstance(error, ControlError):
        return RpcError(REFUSED, Reason.MEDIA_UNAVAILABLE, str(error), request_id)
    code = getattr(error, "code", getattr(error, "reason", None))
    if isinstance(code, str) and code in KNOWN and code != Reason.INTERNAL_ERROR:
        return RpcError(REFUSED, code, str(error), request_id)
    log.exception("signalling_request_failed", method=method, exc_info=error)
    return RpcError(
        INTERNAL,
        Reason.INTERNAL_ERROR,
        "the server failed at this and has logged it; try again",
        request_id,
    )
