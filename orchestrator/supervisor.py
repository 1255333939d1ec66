"""`plenary up`: the parent of every process on one machine.

Starts by argv, restarts with back-off, ends all with itself. A child dies with the supervisor
(PR_SET_PDEATHSIG), so that nothing is left running after `kill -9` either.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

PR_SET_PDEATHSIG = 1
FIRST_BACK_OFF = 0.1
LONGEST_BACK_OFF = 5.0
STABLE_AFTER = 30.0
STOP_TIMEOUT = 10.0

log = structlog.get_logger()
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running. `fatal_exit_codes`: a restart would not help, end everything.

    `once`: its end is not a failure (the demo, which has done its job).
    """

    name: str
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    fatal_exit_codes: frozenset[int] = frozenset()
    once: bool = False


def module(name: str, *arguments: str | Path | int) -> tuple[str, ...]:
    """argv of a module of ours run by this same interpreter."""
    return (sys.executable, "-m", name, *(str(a) for a in arguments))


class Supervisor:
    """Keeps programs running until `stop`; they are ended in the reverse order of their start."""

    def __init__(self, programs: Sequence[Program]) -> None:
        self._programs = tuple(programs)
        self._running: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._failed: tuple[str, int] | None = None

    async def run(self) -> int:
        """Run until stopped. Returns 0, or the exit code of a program that cannot run at all."""
        keepers = [
            asyncio.create_task(self._keep(program), name=program.name)
            for program in self._programs
        ]
        await self._stopping.wait()
        for program in reversed(self._programs):
            await self._end(program.name)
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        return self._failed[1] if self._failed else 0

    def stop(self) -> None:
        """Begin to end everything; idempotent."""
        self._stopping.set()

    async def _keep(self, program: Program) -> None:
        back_off = FIRST_BACK_OFF
        while not self._stopping.is_set():
            started = time.monotonic()
            process = await self._start(program)
            self._running[program.name] = process
            if self._stopping.is_set():
                await self._end(program.name)
            code = await process.wait()
            if self._stopping.is_set() or (program.once and code == 0):
                return
            if code in program.fatal_exit_codes:
                self._failed = (program.name, code)
                self.stop()
                return
            if time.monotonic() - started > STABLE_AFTER:
                back_off = FIRST_BACK_OFF
            log.warning("process_ended", name=program.name, code=code, again_in=back_off)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), back_off)
            back_off = min(back_off * 2, LONGEST_BACK_OFF)

    async def _start(self, program: Program) -> asyncio.subprocess.Process:
        parent = os.getpid()

        def bind_to_parent() -> None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
            if os.getppid() != parent:  # the supervisor died between fork and prctl
                os.kill(os.getpid(), signal.SIGTERM)

        process = await asyncio.create_subprocess_exec(
            *program.argv,
            stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, **dict(program.environment), "PYTHONPATH": _import_root()},
            # A session of its own: Ctrl-C reaches the supervisor alone, which ends all in order.
            start_new_session=True,
            preexec_fn=bind_to_parent,
        )
        log.info("process_started", name=program.name, pid=process.pid)
        return process

    async def _end(self, name: str) -> None:
        process = self._running.get(name)
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT)
        except TimeoutError:
            log.error("process_killed", name=name, reason=f"no end within {STOP_TIMEOUT:.0f} s")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _import_root() -> str:
    """The folder our packages come from, so that children find the same code."""
    root = str(Path(__file__).resolve().parent.parent)
    present = os.environ.get("PYTHONPATH")
    return f"{root}{os.pathsep}{present}" if present else root
