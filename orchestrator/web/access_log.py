"""The access log: who asked for what, how long it took; never a token.

Queries are left out, and the token of a join link is masked: a log is read by more people than
may enter a session.
"""

import re

import structlog
from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

log = structlog.get_logger("orchestrator.access")

_JOIN = re.compile(r"^/join/.*", re.DOTALL)
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


def masked(path: str) -> str:
    """The path as it may be written down."""
    return _JOIN.sub("/join/***", path)[:200]


class AccessLogger(AbstractAccessLogger):
    """Give it to aiohttp as `access_log_class`."""

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        if request.path in QUIET and response.status < 400:
            return
        log.info(
            "request",
            method=request.method,
            path=masked(request.path),
            status=response.status,
            milliseconds=round(time * 1000, 1),
            remote=request.remote,
        )
