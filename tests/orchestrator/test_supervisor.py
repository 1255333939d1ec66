"""The supervisor with real processes: restart, order of the end, nothing left behind."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from orchestrator.supervisor import Program, Supervisor

pytestmark = pytest.mark.integration


def script(text: str) -> tuple[str, ...]:
    return (sys.executable, "-c", text)


async def lines_of(file: Path, count: int) -> list[str]:
    """Wait until the file has that many lines."""
    async with asyncio.timeout(20):
        while True:
            found = file.read_text().splitlines() if file.exists() else []
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)


async def gone(pid: int) -> None:
    async with asyncio.timeout(20):
        while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            await asyncio.sleep(0.01)


SERVE = """
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: (open({ends!r}, "a").write({name!r} + "\\n"), sys.exit(0)))
open({starts!r}, "a").write({name!r} + " " + str(os.getpid()) + "\\n")
while True: signal.pause()
"""


def server(name: str, folder: Path) -> Program:
    return Program(
        name,
        script(SERVE.format(ends=str(folder / "ends"), starts=str(folder / "starts"), name=name)),
    )


async def test_a_killed_program_is_started_again_and_all_end_in_reverse(tmp_path: Path) -> None:
    supervisor = Supervisor([server("first", tmp_path), server("second", tmp_path)])
    running = asyncio.create_task(supervisor.run())
    started = await lines_of(tmp_path / "starts", 2)
    victim = int(next(line for line in started if line.startswith("first")).split()[1])
    os.kill(victim, signal.SIGKILL)
    started = await lines_of(tmp_path / "starts", 3)
    assert started[2].startswith("first")
    supervisor.stop()
    assert await running == 0
    assert await lines_of(tmp_path / "ends", 2) == ["second", "first"]


async def test_an_exit_code_that_no_restart_mends_ends_everything(tmp_path: Path) -> None:
    hopeless = Program("hopeless", script("raise SystemExit(3)"), fatal_exit_codes=frozenset({3}))
    supervisor = Supervisor([server("first", tmp_path), hopeless])
    assert await asyncio.wait_for(supervisor.run(), 20) == 3


async def test_children_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    code = (
        "import asyncio\nfrom orchestrator.supervisor import Program, Supervisor\n"
        f"argv = {server('child', tmp_path).argv!r}\n"
        "asyncio.run(Supervisor([Program('child', argv)]).run())"
    )
    parent = await asyncio.create_subprocess_exec(
        *script(code), stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
    )
    child = int((await lines_of(tmp_path / "starts", 1))[0].split()[1])
    parent.kill()
    await parent.wait()
    await gone(child)
