"""A media process that answers as a test says: the other end of a control link."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sfu.control.framing import encode, read_frame

HELLO = {
    "worker_id": "w0",
    "boot_id": "boot-1",
    "protocol": 1,
    "tap_address": "/tap",
    "candidates": [],
}

Answer = Callable[[dict[str, Any]], dict[str, Any] | None]


class ScriptedProcess:
    """`requests` holds what was asked; `answers` what to say to a method: a result, or a function
    of the params that gives one (None: no answer at all, ever)."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, dict[str, Any] | Answer] = {"hello": HELLO}
        self.errors: dict[str, dict[str, str]] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, self.address)

    async def die(self) -> None:
        """As a killed process: nobody listens and every connection is gone."""
        assert self._server is not None
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        await self._server.wait_closed()
        Path(self.address).unlink(missing_ok=True)

    def say(self, event: str, params: dict[str, Any]) -> None:
        for writer in self._writers:
            writer.write(encode({"event": event, "params": params}))

    def asked(self, method: str) -> list[dict[str, Any]]:
        return [params for name, params in self.requests if name == method]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(ConnectionError, Exception):
            while (frame := await read_frame(reader)) is not None:
                self._answer(frame, writer)
        self._writers.discard(writer)
        writer.close()

    def _answer(self, frame: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        method, params = frame["method"], frame["params"]
        self.requests.append((method, params))
        if method in self.errors:
            writer.write(encode({"id": frame["id"], "error": self.errors[method]}))
            return
        answer = self.answers.get(method, {})
        result = answer(params) if callable(answer) else answer
        if result is not None:
            writer.write(encode({"id": frame["id"], "result": result}))


@asynccontextmanager
async def scripted_process() -> AsyncIterator[ScriptedProcess]:
    """One that listens; dead afterwards."""
    with tempfile.TemporaryDirectory(prefix="sp") as folder:
        process = ScriptedProcess(f"{folder}/c")
        await process.listen()
        yield process
        await process.die()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
