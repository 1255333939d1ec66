"""Control connections: frames in, replies and notifications out.

A frame that does not fit its schema is answered with an error. A frame that is no frame ends its
connection, and that one only.
"""

import asyncio
import contextlib
import socket
from typing import Any

import structlog
from pydantic import BaseModel

from sfu.agent.methods import Service
from sfu.agent.sessions import wire
from sfu.control.errors import BadRequest, ControlError
from sfu.control.framing import encode, read_frame

DROP_ABOVE = 4 << 20
"""Unsent bytes of a connection above which figures are dropped: they come again in a second."""

ABORT_ABOVE = 16 << 20
"""Above this its reader is dead; it can connect again and ask."""

DROPPABLE = frozenset({"stats", "worker.stats"})

log = structlog.get_logger()


class Connection:
    """One connection of an orchestrator. Requests are carried out in the order they came."""

    def __init__(
        self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.greeted = False
        self._service = service
        self._reader = reader
        self._writer = writer

    def notify(self, event: str, params: BaseModel) -> None:
        """Send a notification; never waits."""
        unsent = self._writer.transport.get_write_buffer_size()
        if unsent > ABORT_ABOVE:
            log.warning("control.reader_stuck", unsent=unsent)
            self._writer.transport.abort()
        elif unsent <= DROP_ABOVE or event not in DROPPABLE:
            self._write({"event": event, "params": wire(params)})

    async def run(self) -> None:
        """Serve until either side closes."""
        try:
            while (frame := await read_frame(self._reader)) is not None:
                self._handle(frame)
                await self._writer.drain()
        except BadRequest as error:
            log.warning("control.bad_frame", error=str(error))
            self._write({"id": None, "error": {"code": error.code, "message": str(error)}})
        except OSError as error:
            log.info("control.connection_lost", error=str(error))

    async def close(self) -> None:
        """Flush what can be flushed at once, and close."""
        self._writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            await asyncio.wait_for(self._writer.wait_closed(), 1)

    def _handle(self, frame: dict[str, Any]) -> None:
        identifier, method = frame.get("id"), frame.get("method")
        if (
            not isinstance(identifier, int)
            or not isinstance(method, str)
            or frame.keys() - {"id", "method", "params"}
        ):
            raise BadRequest('a request is {"id": number, "method": text, "params": object}')
        try:
            if not self.greeted and method != "hello":
                raise BadRequest("say hello first")
            result = self._service.call(method, frame.get("params", {}), self)
        except ControlError as error:
            self._write({"id": identifier, "error": {"code": error.code, "message": str(error)}})
        except Exception:
            log.exception("control.request_failed", method=method)
            message = "the worker failed on this request; its log says why"
            self._write({"id": identifier, "error": {"code": "internal_error", "message": message}})
        else:
            self.greeted = True
            self._write({"id": identifier, "result": wire(result)})

    def _write(self, message: dict[str, Any]) -> None:
        if not self._writer.is_closing():
            self._writer.write(encode(message))


class ControlServer:
    """Accepts connections on a listening Unix socket until closed."""

    def __init__(self, service: Service, listener: socket.socket) -> None:
        self._service = service
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections: set[Connection] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._accepted, sock=self._listener)

    async def close(self) -> None:
        """Close the listener and every connection; idempotent."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(Connection(self._service, reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection) -> None:
        self.connections.add(connection)
        try:
            await connection.run()
        finally:
            self.connections.discard(connection)
            self._service.sessions.conductor_gone(connection)
            await connection.close()
