"""What every media process does with its own process: logs, parent, priority, Unix sockets."""

import contextlib
import ctypes
import logging
import os
import signal
import socket
import stat
import sys
import threading

import structlog

PR_SET_PDEATHSIG = 1
UNIX_PATH_LIMIT = 108
"""sizeof(sun_path), its final NUL included."""

CONTROL_NICENESS = 5
"""Of the control thread, so that the media thread runs first when both want the core."""


class StartError(Exception):
    """A process cannot start. `code` is stable; `status` is the exit status."""

    def __init__(self, code: str, message: str, status: int = 4) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def configure_logging(**context: str) -> None:
    """Structured lines to stderr; `context` is on each of them. Colour only on a terminal."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.dev.ConsoleRenderer(colors=True)
            if sys.stderr.isatty()
            else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(**context)


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends. The process holds nothing worth saving."""
    parent = os.getppid()
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the call
        raise StartError("parent_gone", "the process that started this one is gone")


def yield_to_media() -> None:
    """Nice the calling thread, and it alone (setpriority takes a thread id on Linux)."""
    with contextlib.suppress(PermissionError):
        thread = threading.get_native_id()
        nicer = os.getpriority(os.PRIO_PROCESS, thread) + CONTROL_NICENESS
        os.setpriority(os.PRIO_PROCESS, thread, min(19, nicer))


def listen_unix(path: str, *, backlog: int = 16) -> socket.socket:
    """A listening stream socket, non-blocking, for this user alone; a stale file is removed.

    Raises StartError: `socket_path_too_long`, `socket_in_use`, `socket_unusable`.
    """
    if len(os.fsencode(path)) >= UNIX_PATH_LIMIT:
        raise StartError(
            "socket_path_too_long",
            f"the socket path {path} is {len(os.fsencode(path))} bytes; the system allows "
            f"{UNIX_PATH_LIMIT - 1}: choose a shorter folder",
        )
    _remove_stale(path)
    created = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        created.setblocking(False)
        created.bind(path)
        os.chmod(path, 0o600)
        created.listen(backlog)
    except OSError as error:
        created.close()
        raise StartError(
            "socket_unusable", f"cannot listen on {path}: {error.strerror or error}"
        ) from error
    return created


def _remove_stale(path: str) -> None:
    """A socket file that nobody listens on is left from a killed process."""
    with contextlib.suppress(OSError):
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise StartError("socket_unusable", f"{path} is no socket: choose another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(path)
        except FileNotFoundError:
            return
        except ConnectionRefusedError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return
        except OSError as error:
            raise StartError(
                "socket_unusable", f"cannot use {path}: {error.strerror or error}"
            ) from error
    raise StartError(
        "socket_in_use", f"another process listens on {path}: stop it or choose another path", 3
    )
