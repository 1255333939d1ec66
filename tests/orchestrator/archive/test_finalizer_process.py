"""The finalizer's process: real child processes that say what finalizers may say."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from orchestrator.archive.finalizer_process import FinalizerFailed, run_finalizer

pytestmark = pytest.mark.integration


def program(code: str) -> tuple[str, ...]:
    return (sys.executable, "-u", "-c", code)


async def run(code: str, tmp_path: Path) -> tuple[object, list[tuple[float, str]]]:
    seen: list[tuple[float, str]] = []
    result = await run_finalizer(
        tmp_path, tmp_path / "t.json", lambda p, s: seen.append((p, s)), program(code)
    )
    return result, seen


async def test_progress_and_result(tmp_path: Path) -> None:
    code = (
        "import sys, os\n"
        "assert sys.argv[1] == '--folder' and sys.argv[3] == '--timeline'\n"
        "assert os.nice(0) >= 10\n"
        'print(\'{"progress": 0.25, "stage": "scan"}\')\n'
        "print('no json'); print('[1]'); print('{\"progress\": 7, \"stage\": \"mux\"}')\n"
        'print(\'{"done": true, "duration": 12.5, "size": 99}\')\n'
    )
    result, seen = await run(code, tmp_path)
    assert result is not None
    assert (result.duration, result.size) == (12.5, 99)  # type: ignore[attr-defined]  # object by design of run()
    assert seen == [(0.25, "scan"), (1.0, "mux")]


NO_SPACE = 'print(\'{"error": {"code": "disk_full", "message": "no space"}}\'); exit(3)'
BAD = [
    ("its own reason", NO_SPACE, "disk_full"),
    ("no word", "raise SystemExit(7)", "finalizer_ended"),
    ("exit 0 without done", "pass", "finalizer_ended"),
    ("done but failed", "print('{\"done\": true}'); exit(1)", "finalizer_ended"),
    ("killed", "import os; os.kill(os.getpid(), 9)", "finalizer_ended"),
    ("a flood on stderr", "import sys; sys.stderr.write('x' * 500000); exit(2)", "finalizer_ended"),
    ("a line without end", "print('x' * 500000); exit(2)", "finalizer_ended"),
]


@pytest.mark.parametrize(("code", "reason"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
async def test_failures(code: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(FinalizerFailed) as caught:
        await run(code, tmp_path)
    assert caught.value.code == reason
    assert str(caught.value)


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FinalizerFailed) as caught:
        await run_finalizer(tmp_path, tmp_path, lambda _p, _s: None, ("/nonexistent/python",))
    assert caught.value.code == "finalizer_not_started"


async def test_cancelling_ends_the_process(tmp_path: Path) -> None:
    code = (
        'import os, time\nprint(\'{"progress": 0, "stage": "%d"}\' % os.getpid())\ntime.sleep(60)'
    )
    started = asyncio.Event()
    pids: list[int] = []

    def progress(_value: float, stage: str) -> None:
        pids.append(int(stage))
        started.set()

    task = asyncio.create_task(run_finalizer(tmp_path, tmp_path, progress, program(code)))
    async with asyncio.timeout(10):
        await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
