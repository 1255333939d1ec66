"""Why media is refused. Codes are `orchestrator.protocol.reasons`.

ConductError
├── MediaWasReset      media_reset: negotiated for an older generation; set up anew
├── MediaUnavailable   media_unavailable: no worker answers now
├── NotPublisher       not_publisher: this connection only watches
├── NotPermitted       not_permitted: not for this role
├── NotFound           not_found: no such transport, producer or consumer of this client
└── Refused            whatever the worker said, with the worker's code
"""

from sfu.control.errors import ControlError


class ConductError(Exception):
    """Base; `code` travels to the client."""

    code = "internal_error"


class MediaWasReset(ConductError):
    code = "media_reset"


class MediaUnavailable(ConductError):
    code = "media_unavailable"


class NotPublisher(ConductError):
    code = "not_publisher"


class NotPermitted(ConductError):
    code = "not_permitted"


class NotFound(ConductError):
    code = "not_found"


class Refused(ConductError):
    """The worker's own answer; what the client can do nothing about is `media_unavailable`."""

    def __init__(self, error: ControlError) -> None:
        super().__init__(str(error))
        passed_on = ("bad_request", "not_found", "codec_mismatch", "not_permitted")
        self.code = error.code if error.code in passed_on else "media_unavailable"
