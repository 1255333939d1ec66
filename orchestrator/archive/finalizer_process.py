"""Run the finalizer for one recording: a process of its own, by argv, at low priority.

FinalizerFailed     it said why (its own code), or ended without a word (`finalizer_ended`)
"""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)

PR_SET_PDEATHSIG = 1
NICENESS = 10
LINE_LIMIT = 64 * 1024
STDERR_LINES = 20
STOP_TIMEOUT = 5.0

_libc = ctypes.CDLL(None, use_errno=True)

ARGV: tuple[str, ...] = (sys.executable, "-m", "sfu.finalizer")


class FinalizerFailed(Exception):
    """`code` is stable; the message is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Finalized:
    """Seconds and bytes of the program."""

    duration: float
    size: int


async def run_finalizer(
    folder: Path,
    timeline: Path,
    on_progress: Callable[[float, str], None],
    argv: Sequence[str] = ARGV,
) -> Finalized:
    """Finalize `folder`; `on_progress(0..1, stage)` is called as it goes on.

    Raises FinalizerFailed. Cancelling it ends the process first.
    """
    process = await _start([*argv, "--folder", str(folder), "--timeline", str(timeline)])
    assert process.stdout is not None
    assert process.stderr is not None
    errors = asyncio.create_task(_last_lines(process.stderr), name="finalizer-stderr")
    try:
        last = await _read(process.stdout, on_progress)
        code = await process.wait()
        return _outcome(last, code, await errors)
    finally:
        await _end(process)
        errors.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await errors


async def _start(argv: Sequence[str]) -> asyncio.subprocess.Process:
    parent = os.getpid()

    def in_child() -> None:
        os.nice(NICENESS)
        # It holds nothing: what it had derived is made again, so it need not be asked kindly.
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # the orchestrator died between fork and prctl
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_LIMIT,
            start_new_session=True,
            preexec_fn=in_child,
        )
    except OSError as error:
        raise FinalizerFailed(
            "finalizer_not_started", f"{argv[0]} cannot be started: {error.strerror}"
        ) from error


async def _read(
    stream: asyncio.StreamReader, on_progress: Callable[[float, str], None]
) -> dict[str, Any]:
    """Follow its lines to the end; return the last that says `done` or `error`."""
    last: dict[str, Any] = {}
    while True:
        try:
            raw = await stream.readline()
        except ValueError:
            continue  # a line over the limit was dropped by the reader; it is not ours
        if not raw:
            return last
        try:
            line = json.loads(raw)
        except ValueError:
            log.warning("finalizer_line_unreadable", line=raw[:200])
            continue
        if not isinstance(line, dict):
            continue
        if "done" in line or "error" in line:
            last = line
        elif isinstance(progress := line.get("progress"), int | float):
            on_progress(min(1.0, max(0.0, float(progress))), str(line.get("stage", ""))[:64])


async def _last_lines(stream: asyncio.StreamReader) -> list[str]:
    lines: deque[str] = deque(maxlen=STDERR_LINES)
    while True:
        try:
            raw = await stream.readline()
        except ValueError:
            continue
        if not raw:
            return list(lines)
        lines.append(raw.decode(errors="replace").rstrip()[:500])


def _outcome(last: dict[str, Any], code: int, stderr: list[str]) -> Finalized:
    if code == 0 and last.get("done") is True:
        return Finalized(float(last.get("duration", 0.0)), int(last.get("size", 0)))
    error = last.get("error")
    log.error("finalizer_failed", exit_code=code, error=error, stderr=stderr)
    if isinstance(error, dict):
        reason = str(error.get("code", "finalizer_failed"))[:64]
        raise FinalizerFailed(reason, str(error.get("message", reason))[:500])
    raise FinalizerFailed(
        "finalizer_ended", f"the finalizer ended with exit code {code} and gave no reason; see logs"
    )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
