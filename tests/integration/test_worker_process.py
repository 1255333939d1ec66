"""The worker as a process: starting, refusing to start, dying, being abandoned, being stalled."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import psutil
import pytest

from sfu.worker import Worker, WorkerSettings
from tests.integration.media_rig import (
    Publisher,
    Viewer,
    WorkerProcess,
    conducted,
    plan,
    present,
    running_worker,
    until,
)
from tests.sfu.agent.control_client import Refused, connected

pytestmark = pytest.mark.integration


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short enough for Unix sockets."""
    with tempfile.TemporaryDirectory(prefix="wk") as made:
        yield Path(made)


def start(folder: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run a worker that is expected not to start."""
    options = {
        "--id": "w0",
        "--control": str(folder / "c"),
        "--tap": str(folder / "t"),
        "--listen": "127.0.0.1",
        "--port": "0",
        **{f"--{name}": value for name, value in changes.items()},
    }
    arguments = [part for option in options.items() for part in option]
    return subprocess.run(
        [sys.executable, "-m", "sfu.worker", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_taken_port_is_said_clearly(folder: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        ended = start(folder, port=str(taken.getsockname()[1]))
    assert ended.returncode == 3
    assert '"code": "port_in_use"' in ended.stderr
    assert "ss -lunp" in ended.stderr
    assert not (folder / "c").exists()


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"control": "/tmp/" + "x" * 110}, 4, "socket_path_too_long"),
        ({"tap": "/nowhere/at/all"}, 4, "socket_unusable"),
        ({"listen": "192.0.2.7"}, 4, "address_unavailable"),
        ({"listen": "0.0.0.0"}, 4, "bad_listen_address"),
        ({"listen": ","}, 4, "bad_listen_address"),
    ],
)
def test_what_keeps_a_worker_from_starting(
    folder: Path, changes: dict[str, str], status: int, code: str
) -> None:
    ended = start(folder, **changes)
    assert ended.returncode == status
    assert f'"code": "{code}"' in ended.stderr


@pytest.mark.parametrize("changes", [{"port": "70000"}, {"port": "x"}, {"id": "../w"}])
def test_nonsense_arguments(folder: Path, changes: dict[str, str]) -> None:
    assert start(folder, **changes).returncode == 2


async def test_all_addresses_share_the_port_and_sigterm_ends_cleanly() -> None:
    async with running_worker(listen="127.0.0.1,127.0.0.2") as worker:
        async with connected(worker.control, greet=False) as client:
            hello = await client.call("hello")
        assert [c["address"] for c in hello["candidates"]] == ["127.0.0.1", "127.0.0.2"]
        assert len({c["port"] for c in hello["candidates"]}) == 1
        assert await worker.end() == 0
        assert not Path(worker.control).exists()
        assert not Path(worker.tap).exists()
        assert b"Traceback" not in worker.log.read_bytes()


async def test_media_thread_is_not_niced_but_the_control_thread_is() -> None:
    async with running_worker() as worker:
        assert worker.process is not None
        niceness = {}
        for thread in psutil.Process(worker.process.pid).threads():
            task = Path(f"/proc/{worker.process.pid}/task/{thread.id}")
            name = (task / "comm").read_text().strip()
            niceness[name] = int((task / "stat").read_text().rsplit(")", 1)[1].split()[16])
        base = os.getpriority(os.PRIO_PROCESS, 0)
        assert niceness["packet-engine"] == base
        assert max(niceness.values()) > base


async def test_a_killed_worker_comes_back_as_another_one() -> None:
    with tempfile.TemporaryDirectory(prefix="wk") as folder:
        worker = WorkerProcess(Path(folder))
        await worker.start()
        try:
            async with connected(worker.control, greet=False) as client:
                first = await client.call("hello")
                await client.call("session.apply", epoch=1, plan=plan(1))
                assert await worker.end(kill=True) == -signal.SIGKILL
                await asyncio.wait_for(client.closed.wait(), 5)
            Path(worker.log).unlink()
            await worker.start()  # over the stale socket files
            async with connected(worker.control, greet=False) as client:
                second = await client.call("hello")
                assert second["boot_id"] != first["boot_id"]
                described = await client.call("session.describe", epoch=1, session_id="s")
                assert described == {"log_version": 0, "transports": []}
        finally:
            await worker.end(kill=True)


async def test_a_worker_dies_with_its_parent(folder: Path) -> None:
    script = textwrap.dedent(
        """
        import subprocess, sys
        child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
        print(child.pid, flush=True)
        child.wait()
        """
    )
    worker = WorkerProcess(folder)
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, *worker.arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert parent.stdout is not None
    pid = int(await parent.stdout.readline())
    await until(lambda: Path(worker.control).exists(), 15, "the worker listens")
    parent.kill()
    await parent.wait()
    await until(lambda: not _alive(pid), 5, "the worker is gone")


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_media_goes_on_without_a_conductor_and_a_new_one_finds_it() -> None:
    async with running_worker() as worker, AsyncExitStack() as stack:
        async with conducted(worker) as first:
            boot = (await first.call("hello"))["boot_id"]
            await first.call("session.apply", epoch=1, plan=plan(1, slots={1: "a"}, heard=("a",)))
            publisher, viewer = Publisher(first, "a"), Viewer(first, "v")
            await stack.enter_async_context(present(publisher, viewer))
            await viewer.sees(1, "a")
        await viewer.more_frames(1, 30)
        async with conducted(worker) as second:
            assert (await second.call("hello"))["boot_id"] == boot
            described = await second.call("session.describe", epoch=2, session_id="s")
            assert described["log_version"] == 1
            assert {t["transport_id"]: t["state"] for t in described["transports"]} == {
                publisher.transport_id: "connected",
                viewer.transport_id: "connected",
            }
            await second.call("session.apply", epoch=2, plan=plan(1, slots={2: "a"}))
            await viewer.sees(2, "a")
            await second.event("stats", session_id="s")
            with pytest.raises(Refused, match="stale_epoch"):
                await second.call("session.apply", epoch=1, plan=plan(9))
        assert viewer.video[1].gaps == 0


class InThread:
    """A worker on an event loop of its own thread, so that a test can stall that loop."""

    def __init__(self, folder: Path) -> None:
        self.worker = Worker(
            WorkerSettings("w0", str(folder / "c"), str(folder / "t"), ("127.0.0.1",), 0)
        )
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "InThread":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.worker.start(), self.loop).result(20)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.worker.stop(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()


async def test_a_stalled_event_loop_loses_no_packet(folder: Path) -> None:
    """10 s without Python: pictures, sound, repairs of consent and all."""
    with InThread(folder) as stalled:
        control = stalled.worker.settings.control
        async with connected(control) as conductor, AsyncExitStack() as stack:
            await conductor.call(
                "session.apply", epoch=1, plan=plan(1, slots={1: "a"}, heard=("a",))
            )
            publisher, viewer = Publisher(conductor, "a"), Viewer(conductor, "v")
            await stack.enter_async_context(present(publisher, viewer))
            await viewer.sees(1, "a")
            await viewer.hears("a", 1)
            began = time.monotonic()
            stalled.loop.call_soon_threadsafe(time.sleep, 10)
            # New viewers cannot come meanwhile; those who are here miss nothing.
            unanswered = asyncio.create_task(conductor.call("hello"))
            await until(lambda: time.monotonic() > began + 8, what="8 s of the stall")
            sent, heard = publisher.audio.sent, viewer.heard["a"]
            pictures = viewer.video[1].frames
            await viewer.hears("a", 20)
            await viewer.more_frames(1, 10)
            assert not unanswered.done()
            assert sent - heard < 20, "what was sent arrived at once"
            assert pictures > 50
            assert (viewer.video[1].gaps, viewer.sound_gaps) == (0, 0)
            await unanswered
            await conductor.call("session.apply", epoch=1, plan=plan(2, slots={2: "a"}))
            await viewer.sees(2, "a")
