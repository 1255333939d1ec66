"""The control connection to one media process, kept up for as long as the orchestrator runs.

Framing and messages are `sfu.control`'s. The link says hello, matches replies to requests, hands
notifications on in order, and connects again by itself with a back-off of 0.1 s to 1 s. Losing it
costs no media: a worker goes on with the plan that it has.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from sfu.control.errors import BY_CODE, BadRequest, ControlError
from sfu.control.framing import encode, read_frame
from sfu.control.messages import Hello

log = structlog.get_logger(__name__)

Reply = TypeVar("Reply", bound=BaseModel)

FIRST_BACK_OFF = 0.1
LONGEST_BACK_OFF = 1.0
HELLO_TIMEOUT = 3.0


class Unreachable(ControlError):
    """The process is not connected, or did not answer in time: try again when the link is up."""

    code = "unreachable"


class ControlLink:
    """Usage: set the callbacks, `start()`, then `request()` while `is_up`; `close()` at the end.

    `on_up(hello)` follows every successful hello, with the process's answer to it; `on_down()` the
    loss of a connection that was up; `on_refused()` an attempt that found nobody listening, which
    on one machine means that the process is dead. `on_event(name, params)` gets notifications.
    The callbacks are plain functions and must not block.
    """

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.on_up: Callable[[dict[str, Any]], None] = lambda hello: None
        self.on_down: Callable[[], None] = lambda: None
        self.on_refused: Callable[[], None] = lambda: None
        self.on_event: Callable[[str, dict[str, Any]], None] = lambda name, params: None
        self._up = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._next_id = 1
        self._task: asyncio.Task[None] | None = None

    @property
    def is_up(self) -> bool:
        """True between a hello that was answered and the loss of that connection."""
        return self._up.is_set()

    async def wait_up(self, timeout: float) -> bool:
        """Wait until the link is up, for at most `timeout` seconds; returns whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._up.wait()
        return self.is_up

    def start(self) -> None:
        """Begin to connect; returns at once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"control-link-{self.name}")

    async def close(self) -> None:
        """End the connection and all attempts; waiting requests get Unreachable. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def request(
        self, method: str, params: BaseModel, reply: type[Reply], *, timeout: float = 3.0
    ) -> Reply:
        """Send one request and return its answer, parsed.

        Raises Unreachable when the link is down, goes down, or `timeout` seconds pass; the
        process's own refusal as the ControlError of its code; BadRequest for an answer that does
        not fit `reply`.
        """
        if not self.is_up:
            raise Unreachable(f"{self.name} is not connected; it is being connected to again")
        message = await self._ask(method, params.model_dump(mode="json", by_alias=True), timeout)
        try:
            return reply.model_validate(message)
        except ValidationError as error:
            raise BadRequest(f"{self.name} answered {method} with something else") from error

    async def _ask(self, method: str, params: dict[str, Any], timeout: float) -> dict[str, Any]:
        if self._writer is None:
            raise Unreachable(f"{self.name} is not connected")
        number, self._next_id = self._next_id, self._next_id + 1
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        try:
            # Not drained: frames are small and few, and a revoke must not wait behind anything.
            self._writer.write(encode({"id": number, "method": method, "params": params}))
            # Not `wait_for`: Python 3.11's swallows a cancellation that meets the answer.
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError as error:
            raise Unreachable(f"{self.name} did not answer {method} in {timeout} s") from error
        finally:
            self._waiting.pop(number, None)

    async def _run(self) -> None:
        back_off = FIRST_BACK_OFF
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(self.address)
            except OSError as error:
                log.debug("control_link_refused", process=self.name, error=str(error))
                self.on_refused()
            else:
                if await self._serve(reader, writer):
                    back_off = FIRST_BACK_OFF
            await asyncio.sleep(back_off)
            back_off = min(back_off * 2, LONGEST_BACK_OFF)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Run one connection to its end; returns whether it was ever up."""
        self._writer = writer
        greeting = asyncio.create_task(self._greet(), name=f"hello-{self.name}")
        was_up = False
        try:
            while (message := await read_frame(reader)) is not None:
                self._take(message)
        except (BadRequest, OSError) as error:
            log.warning("control_link_lost", process=self.name, error=str(error))
        finally:
            greeting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await greeting
            self._writer = None
            writer.close()
            was_up = self.is_up
            self._up.clear()
            self._fail_waiting()
            if was_up:
                self.on_down()
        return was_up

    async def _greet(self) -> None:
        try:
            answer = await self._ask("hello", Hello().model_dump(), HELLO_TIMEOUT)
        except ControlError as error:
            log.warning("control_link_hello_failed", process=self.name, error=str(error))
            if self._writer is not None:
                self._writer.close()
            return
        self._up.set()
        log.info("control_link_up", process=self.name)
        self.on_up(answer)

    def _take(self, message: dict[str, Any]) -> None:
        if "event" in message:
            try:
                self.on_event(str(message["event"]), message.get("params") or {})
            except Exception:
                # One bad notification must not cost the connection all the others need.
                log.exception("control_link_event_failed", process=self.name)
            return
        future = self._waiting.get(message.get("id", 0))
        if future is None or future.done():
            return  # its request gave up waiting
        if (error := message.get("error")) is not None:
            kind = BY_CODE.get(str(error.get("code")), ControlError)
            future.set_exception(kind(str(error.get("message", ""))))
        else:
            future.set_result(message.get("result") or {})

    def _fail_waiting(self) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Unreachable(f"the connection to {self.name} was lost"))
