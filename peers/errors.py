"""Errors of a synthetic venue.

PeerError
├── Refused       the server answered with an error; `reason` is its stable code
└── Disconnected  the connection ended before an answer came
"""


class PeerError(Exception):
    """Base."""


class Refused(PeerError):
    """The server refused; `reason` as in `orchestrator.protocol.reasons`."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason


class Disconnected(PeerError):
    """The WebSocket or the media path went away."""
