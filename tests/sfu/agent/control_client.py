"""A conductor's end of a control connection, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sfu.control.framing import encode, read_frame


class Refused(Exception):
    """The worker answered with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]
        self.message = error["message"]


class ControlClient:
    """Calls by id; notifications are kept in `events` in the order they came."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.closed = asyncio.Event()
        self.last_error: dict[str, Any] | None = None
        self._reader = reader
        self._pending: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next = 0
        self._arrived = asyncio.Condition()
        self._task = asyncio.create_task(self._read())

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One request; raises Refused."""
        self._next += 1
        future = self._pending[self._next] = asyncio.get_running_loop().create_future()
        self.writer.write(encode({"id": self._next, "method": method, "params": params}))
        frame = await asyncio.wait_for(future, 30)
        if "error" in frame:
            raise Refused(frame["error"])
        result: dict[str, Any] = frame["result"]
        return result

    async def event(self, name: str, timeout: float = 10, **fields: Any) -> dict[str, Any]:
        """The first notification of this name with these fields, past or to come."""

        def found() -> dict[str, Any] | None:
            for event, params in self.events:
                if event == name and all(params.get(k) == v for k, v in fields.items()):
                    return params
            return None

        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(lambda: found() is not None)
        params = found()
        assert params is not None
        return params

    async def close(self) -> None:
        self.writer.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        try:
            while (frame := await read_frame(self._reader)) is not None:
                if "event" in frame:
                    async with self._arrived:
                        self.events.append((frame["event"], frame["params"]))
                        self._arrived.notify_all()
                elif frame["id"] is None:
                    self.last_error = frame["error"]
                else:
                    self._pending.pop(frame["id"]).set_result(frame)
        except ConnectionError:
            pass
        finally:
            self.closed.set()


@asynccontextmanager
async def connected(path: str, *, greet: bool = True) -> AsyncIterator[ControlClient]:
    """A client on a worker's control socket."""
    client = ControlClient(*await asyncio.open_unix_connection(path))
    try:
        if greet:
            await client.call("hello", protocol=1)
        yield client
    finally:
        await client.close()
