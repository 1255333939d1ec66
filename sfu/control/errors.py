"""Errors a media process answers with.

ControlError
├── BadRequest           bad_request: the message does not fit its schema
├── StaleEpoch           stale_epoch: a newer conductor has spoken
├── NotFound             not_found: no such session, transport, producer or consumer
├── UnsupportedCodec     codec_mismatch: the client does not offer the session's codec
├── NotPermitted         not_permitted: the plan does not allow it
└── Overloaded           overloaded: the worker is full
"""


class ControlError(Exception):
    """Base; `code` is stable and travels on the wire."""

    code = "internal_error"


class BadRequest(ControlError):
    code = "bad_request"


class StaleEpoch(ControlError):
    code = "stale_epoch"


class NotFound(ControlError):
    code = "not_found"


class UnsupportedCodec(ControlError):
    code = "codec_mismatch"


class NotPermitted(ControlError):
    code = "not_permitted"


class Overloaded(ControlError):
    code = "overloaded"


BY_CODE: dict[str, type[ControlError]] = {
    e.code: e
    for e in (BadRequest, StaleEpoch, NotFound, UnsupportedCodec, NotPermitted, Overloaded)
}
