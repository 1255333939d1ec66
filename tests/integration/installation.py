"""Starting the product so that it must refuse, and looking for what it left behind."""

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]
REFUSAL_TIMEOUT = 50.0
MARK = "TEST_INSTALLATION"
"""Environment variable that every process of one start inherits."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a start ended: exit status, all that it printed, and what still runs."""

    status: int
    output: str
    left: tuple[str, ...]

    @property
    def codes(self) -> list[str]:
        """The code of each error line."""
        return re.findall(r"^error \[(\w+)\]: ", self.output, re.MULTILINE)

    def check(self, code: str, *words: str) -> None:
        """One clear line with this code and these words, a status, no process."""
        assert self.codes == [code], self.output
        assert "Traceback" not in self.output
        line = next(text for text in self.output.splitlines() if text.startswith("error ["))
        for word in words:
            assert word in line, line
        assert self.status > 0, f"exit status {self.status}"
        assert not self.left


@contextlib.asynccontextmanager
async def started(
    output: Path, *arguments: str, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`plenary up` without waiting for anything; killed at the end when it still runs."""
    with output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "orchestrator.cli",
            "up",
            *arguments,
            cwd=ROOT,
            env={**os.environ, "XDG_RUNTIME_DIR": "", **environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def refused(output: Path, *arguments: str, **environment: str) -> Refusal:
    """Run `plenary up` that is expected to end by itself. Raises TimeoutError when it does not."""
    mark = secrets.token_hex(8)
    async with started(output, *arguments, **environment, **{MARK: mark}) as process:
        status = await asyncio.wait_for(process.wait(), REFUSAL_TIMEOUT)
        return Refusal(status, output.read_text(), tuple(marked(mark)))


def marked(mark: str) -> Iterator[str]:
    """Command lines of the processes that inherited `mark`."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                yield f"{process.pid} {' '.join(process.cmdline())}"


def tree(pid: int) -> list[psutil.Process]:
    """A process and all below it."""
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]


async def gone(processes: list[psutil.Process], seconds: float) -> None:
    """Until none of them runs. Raises AssertionError with those that do."""
    try:
        async with asyncio.timeout(seconds):
            while any(_runs(p) for p in processes):
                await asyncio.sleep(0.05)
    except TimeoutError:
        left = [p for p in processes if _runs(p)]
        raise AssertionError(f"still running after {seconds} s: {left}") from None


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        # is_running() compares the start time too: a pid may have been given to another.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own at `folder`; skips the test where this user may not mount one."""
    folder.mkdir()
    if os.getuid() != 0:
        pytest.skip("a small disk is mounted: needs root")
    options = f"size={megabytes}m,mode=0700"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "plenary-test", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip(f"this machine does not let root mount a disk: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount_read_only(folder: Path) -> None:
    """The disk of `small_disk` from now on as one that cannot be written."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all the room that is left; returns the file to remove for it."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    stream.write(b"\0" * size)
    return ballast


def copy_of_checkout(folder: Path) -> Path:
    """What a clean checkout holds, with the changes not yet committed. No built file is in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_file():  # a file may be deleted and not yet committed
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    return folder
