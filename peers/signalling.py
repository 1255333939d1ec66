"""A signalling client: JSON-RPC 2.0 over the WebSocket, as a browser page speaks it."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import aiohttp

from orchestrator.protocol.signalling import MAX_MESSAGE
from peers.errors import Disconnected, Refused

Notify = Callable[[str, dict[str, Any]], None]
ANSWER_TIMEOUT = 15.0


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply a JSON merge patch (RFC 7396); returns the new document."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


class SignallingClient:
    """One connection. `view` follows the session; `notify` gets every notification.

    Use as an async context manager, then `join`. Raises Refused and Disconnected.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str, notify: Notify | None = None) -> None:
        self.view: dict[str, Any] = {}
        self.generation = 0
        self.media_ready = False
        self._http = http
        self._url = url
        self._notify = notify
        self._next_id = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._changed = asyncio.Condition()
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        origin = self._url.split("/signal", 1)[0].replace("ws", "http", 1)
        self._socket = await self._http.ws_connect(
            self._url, max_msg_size=4 * MAX_MESSAGE, heartbeat=20, headers={"Origin": origin}
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._socket.close()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    @property
    def closed(self) -> bool:
        return self._socket.closed

    async def wait_closed(self) -> None:
        """Until the connection has ended."""
        async with self._changed:
            while not self.closed:
                await self._changed.wait()

    async def join(
        self,
        *,
        client_id: str | None = None,
        publish: bool = True,
        transports: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """Take the venue's place; the view is there afterwards. `transports`: own media transports
        that still run."""
        joined: dict[str, Any] = await self.call(
            "session.join",
            {
                "client_id": client_id or f"peer-{secrets.token_hex(8)}",
                "publish": publish,
                "take_over": True,
                "transports": transports,
                "user_agent": "plenary-peer",
            },
        )
        self.view = joined["view"]
        self.generation = joined["generation"]
        self.media_ready = joined["media_ready"]
        return joined

    async def command(self, method: str, **params: Any) -> dict[str, Any]:
        """A command with a fresh idempotency key."""
        result: dict[str, Any] = await self.call(method, {"key": secrets.token_hex(12), **params})
        return result

    async def call(self, method: str, params: dict[str, Any]) -> Any:
        """Send a request and wait for its answer."""
        self._next_id += 1
        number = self._next_id
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            await self._socket.send_str(
                json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
            )
            return await asyncio.wait_for(answer, ANSWER_TIMEOUT)
        except (ConnectionError, TimeoutError) as error:
            raise Disconnected(f"{method} was not answered") from error
        finally:
            self._waiting.pop(number, None)

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the view fulfils `condition`. Raises Disconnected when the socket ends."""
        async with self._changed:
            while not condition(self.view):
                if self.closed:
                    raise Disconnected("the signalling connection ended")
                await self._changed.wait()
        return self.view

    async def _read(self) -> None:
        try:
            async for message in self._socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    await self._take(json.loads(message.data))
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(Disconnected("the signalling connection ended"))
            async with self._changed:
                self._changed.notify_all()

    async def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            answer = self._waiting.get(message["id"])
            if answer is None or answer.done():
                return
            if "error" in message:
                error = message["error"]
                answer.set_exception(Refused(error["data"]["reason"], error["message"]))
            else:
                answer.set_result(message["result"])
            return
        method, params = message["method"], message["params"]
        if method == "session.events":
            async with self._changed:
                self.view = merge_patch(self.view, params["patch"])
                self._changed.notify_all()
        elif method == "media.reset":
            self.generation = params["generation"]
            self.media_ready = params["ready"]
        if self._notify is not None:
            self._notify(method, params)
