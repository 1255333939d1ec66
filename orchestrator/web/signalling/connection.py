"""One WebSocket: reading requests in order, answering, and being sent what happens.

Commands and joins are carried out one after another as they come. Requests about media wait for a
worker, so they have a lane of their own, in order among themselves: a grant never waits for them.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import WSMsgType, web
from pydantic import BaseModel

from orchestrator.consultation.actors import Viewer
from orchestrator.identity.principal import Principal
from orchestrator.protocol.reasons import Reason
from orchestrator.web.signalling.failures import as_rpc_error
from orchestrator.web.signalling.outbox import Outbox
from orchestrator.web.signalling.rate import TokenBucket
from orchestrator.web.signalling.roles import FIRST_METHODS, acting_role, may_call
from orchestrator.web.signalling.rpc import (
    Request,
    RpcError,
    dump,
    error_text,
    notification_text,
    parse_request,
    refused,
    result_text,
)

log = structlog.get_logger(__name__)

MESSAGES_PER_SECOND = 50
BURST = 100
REFUSALS_BEFORE_CLOSE = 200
MALFORMED_BEFORE_CLOSE = 10
MEDIA_LANE = 64
"""Requests about media that may wait for the worker."""

CLOSE_WITHIN = 5.0
"""Seconds given to a client to take its last messages before its connection is cut."""

BAD_CLIENT = 4400
LINK_REVOKED = 4403
TOO_SLOW = 4408
NEWER_TAB = 4409
TOO_MANY = 4429

Handler = Callable[[Request], Awaitable[BaseModel | None]]


class Connection:
    """`run()` until it ends; `send` and `close_soon` from anywhere in the event loop.

    `handle` carries out a request that is permitted. What it must know of the client is kept here:
    `client`, `joined` and `version` are set when it joins.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        principal: Principal,
        *,
        handle: Handler,
        abort: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.principal = principal
        self.role = acting_role(principal) or "public"
        self.viewer = Viewer(self.role, principal.venue_id)
        self.client: str | None = None
        self.joined = False
        self.version = 0
        self.publisher = False
        self.told_ready = True
        self.leaving = False
        self.closed_by_us = False
        self._socket = socket
        self._handle = handle
        self._abort = abort
        self._clock = clock
        self._outbox = Outbox()
        self._bucket = TokenBucket(MESSAGES_PER_SECOND, BURST, clock())
        self._refusals = 0
        self._malformed = 0
        self._media: asyncio.Queue[Request] = asyncio.Queue(MEDIA_LANE)
        self._closing: asyncio.Task[None] | None = None

    @property
    def ended_cleanly(self) -> bool:
        """Whether the client itself closed in good order (a reload, a closed page)."""
        return not self.closed_by_us and self._socket.close_code in (1000, 1001, 1005)

    async def run(self) -> None:
        """Serve until the connection ends, for whatever reason."""
        lanes = [
            asyncio.create_task(self._send_all(), name="signalling-send"),
            asyncio.create_task(self._serve_media(), name="signalling-media"),
        ]
        try:
            async for message in self._socket:
                if message.type is not WSMsgType.TEXT:
                    self.close_soon(BAD_CLIENT, "send text messages")
                    break
                await self._take(message.data)
                if self._closing is not None:
                    break
            if self._closing is not None:
                await asyncio.shield(self._closing)
        finally:
            for lane in (*lanes, *((self._closing,) if self._closing else ())):
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)

    def notify(self, method: str, params: BaseModel | str) -> None:
        """Send a notification; a string is params that are JSON already."""
        body = params if isinstance(params, str) else dump(params)
        self.send(notification_text(method, body))

    def send(self, text: str) -> None:
        """Queue a message. A client that does not read is closed and told to come back."""
        if self._closing is None and not self._outbox.put(text):
            log.warning("signalling_client_too_slow", who=self._who)
            self._outbox.clear()
            self.close_soon(TOO_SLOW, "too slow: come back and join with last_version")

    def close_soon(self, code: int, message: str) -> None:
        """Close after what waits was sent, but cut the connection soon. Idempotent."""
        if self._closing is None:
            self.closed_by_us = True
            self._closing = asyncio.create_task(self._close(code, message))

    # --- reading ----------------------------------------------------------------------------

    async def _take(self, text: str) -> None:
        try:
            request = parse_request(text)
        except RpcError as error:
            self.send(error_text(error))
            self._malformed = self._malformed + 1 if error.malformed else 0
            if self._malformed >= MALFORMED_BEFORE_CLOSE:
                self.close_soon(BAD_CLIENT, "one malformed message after another")
            self._within_rate()
            return
        self._malformed = 0
        if not self._within_rate():
            too_many = refused(Reason.RATE_LIMITED, "too many messages; send fewer")
            self._answer_error(request, too_many)
            return
        try:
            self._permit(request)
        except RpcError as error:
            self._answer_error(request, error)
            return
        if request.method.startswith("media."):
            self._queue_media(request)
        else:
            await self._carry_out(request)

    def _within_rate(self) -> bool:
        if self._bucket.take(self._clock()):
            return True
        self._refusals += 1
        if self._refusals >= REFUSALS_BEFORE_CLOSE:
            self.close_soon(TOO_MANY, "too many messages: come back later")
        return False

    def _permit(self, request: Request) -> None:
        if not self.joined and request.method not in FIRST_METHODS:
            raise refused(Reason.NOT_JOINED, "session.join comes first")
        if not may_call(request.method, self.principal):
            raise refused(Reason.NOT_PERMITTED, "your role does not allow this")

    def _queue_media(self, request: Request) -> None:
        try:
            self._media.put_nowait(request)
        except asyncio.QueueFull:
            error = refused(Reason.RATE_LIMITED, "too many media requests wait already")
            self._answer_error(request, error)

    async def _serve_media(self) -> None:
        while True:
            await self._carry_out(await self._media.get())

    async def _carry_out(self, request: Request) -> None:
        try:
            result = await self._handle(request)
        except Exception as error:
            answer = as_rpc_error(error, request.method, request.request_id)
            if request.wants_answer:
                self.send(error_text(answer))
            return
        if request.wants_answer:
            self.send(result_text(request.request_id, result))

    def _answer_error(self, request: Request, error: RpcError) -> None:
        if request.wants_answer:
            error.request_id = request.request_id
            self.send(error_text(error))

    # --- writing ----------------------------------------------------------------------------

    async def _send_all(self) -> None:
        while True:
            text = await self._outbox.next()
            try:
                await self._socket.send_str(text)
            except (ConnectionError, RuntimeError):
                return  # the reader sees the end of the connection by itself

    async def _close(self, code: int, message: str) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError, RuntimeError):
            async with asyncio.timeout(CLOSE_WITHIN):
                await self._outbox.wait_empty()
                await self._socket.close(code=code, message=message.encode())
                return
        self._abort()

    @property
    def _who(self) -> str:
        venue = self.principal.venue_id
        return self.principal.account or (f"venue:{venue}" if venue else "?")
