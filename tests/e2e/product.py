"""The product as one process tree, started as a user starts it."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil

ROOT = Path(__file__).parents[2]
PASSWORD = "a long enough password"
START_TIMEOUT = 60.0


def free_port() -> int:
    """A TCP port that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Product:
    """A running installation. `setup_token` is that of the one-time link it printed."""

    url: str
    data: Path
    output: Path
    process: asyncio.subprocess.Process
    http: aiohttp.ClientSession
    setup_token: str = ""
    pids: dict[str, int] = field(default_factory=dict)
    signed_in: bool = False

    async def post(self, path: str, body: Any = None) -> Any:
        """POST as the signed-in person; asserts success."""
        async with self.http.post(
            f"{self.url}{path}", json=body if body is not None else {}, headers={"Origin": self.url}
        ) as response:
            answer = await response.json()
            assert response.status < 300, f"{path}: {answer}"
            return answer

    async def get(self, path: str) -> Any:
        """GET as the signed-in person; asserts success."""
        async with self.http.get(f"{self.url}{path}") as response:
            answer = await response.json()
            assert response.status < 300, f"{path}: {answer}"
            return answer

    async def sign_in(self) -> None:
        """Redeem the one-time link of the first start. Idempotent."""
        if self.signed_in:
            return
        await self.post(
            "/api/setup",
            {"token": self.setup_token, "username": "admin", "password": PASSWORD},
        )
        self.signed_in = True

    def child(self, name: str) -> psutil.Process:
        """The process of `worker`, `recorder`, `orchestrator` or `valkey`."""
        marks = {
            "worker": "sfu.worker",
            "recorder": "sfu.recorder",
            "orchestrator": "orchestrator.app",
            "valkey": "valkey-server",
        }
        for process in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if any(marks[name] in part for part in process.cmdline()):
                    return process
        raise LookupError(f"no process {name}: {self.output.read_text()[-2000:]}")

    async def kill(self, name: str) -> None:
        """SIGKILL one process; the supervisor brings it back."""
        self.child(name).kill()

    async def wait_ready(self) -> None:
        """Until pages are served and the media plane is connected."""
        async with asyncio.timeout(START_TIMEOUT):
            while True:
                assert self.process.returncode is None, self.output.read_text()[-4000:]
                with contextlib.suppress(aiohttp.ClientError):
                    async with self.http.get(f"{self.url}/readyz") as response:
                        if response.status == 200 and "is ready" in self.output.read_text():
                            return
                await asyncio.sleep(0.05)

    async def stop(self) -> int:
        """Ctrl-C; the exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGINT)
        return await asyncio.wait_for(self.process.wait(), 40)


@contextlib.asynccontextmanager
async def running(data: Path, *arguments: str) -> AsyncIterator[Product]:
    """Start `plenary up` on free ports, wait until it is ready, stop it at the end."""
    port = free_port()
    output = data.with_suffix(".log")
    with output.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "orchestrator.cli",
            "up",
            *("--data", str(data), "--port", str(port), "--media-port", "0", *arguments),
            cwd=ROOT,
            stdout=log,
            stderr=asyncio.subprocess.STDOUT,
            stdin=asyncio.subprocess.DEVNULL,
            env={**os.environ, "XDG_RUNTIME_DIR": ""},
        )
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        product = Product(f"http://127.0.0.1:{port}", data, output, process, http)
        try:
            await product.wait_ready()
            found = re.search(r"#setup=([\w.~-]+)", output.read_text())
            product.setup_token = found.group(1) if found else ""
            yield product
        finally:
            with contextlib.suppress(TimeoutError):
                await product.stop()
            if process.returncode is None:
                process.kill()
                await process.wait()
