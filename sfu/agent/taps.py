"""The tap socket: a recorder connects, names its recording, and the engine writes to it."""

import asyncio
import contextlib
import json
import os
import socket

import structlog

from sfu.agent.sessions import Sessions
from sfu.control.errors import ControlError

LINE_LIMIT = 1024
LINE_SECONDS = 5.0
SEND_BUFFER = 4 << 20

log = structlog.get_logger()


class TapServer:
    """Accepts recorders on a listening Unix socket until closed."""

    def __init__(self, sessions: Sessions, listener: socket.socket) -> None:
        self._sessions = sessions
        self._listener = listener
        self._accepting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        self._accepting = asyncio.create_task(self._accept(), name="taps")

    async def close(self) -> None:
        """Accept no more; running taps belong to the engine. Idempotent."""
        tasks = [*self._tasks, *([self._accepting] if self._accepting else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _address = await loop.sock_accept(self._listener)
            except OSError as error:  # out of descriptors: the next one may fit again
                log.warning("tap.accept_failed", error=str(error))
                await asyncio.sleep(0.5)
                continue
            task = asyncio.create_task(self._serve(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                async with asyncio.timeout(LINE_SECONDS):
                    session_id, recording_id = _parse(await _read_line(connection))
            except (OSError, ValueError, TimeoutError) as error:
                log.warning("tap.refused", error=str(error) or "no line in time")
                return
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            fd = os.dup(connection.fileno())
            try:
                os.set_blocking(fd, False)
                self._sessions.open_tap(session_id, recording_id, fd)
            except ControlError as error:
                os.close(fd)
                log.warning("tap.refused", session=session_id, error=str(error))
            except Exception:
                os.close(fd)
                log.exception("tap.failed", session=session_id)
            else:
                log.info("tap.opened", session=session_id, recording=recording_id)


async def _read_line(connection: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    line = b""
    while not line.endswith(b"\n"):
        if len(line) > LINE_LIMIT or b"\n" in line:
            raise ValueError("the recorder's first line is too long or not alone")
        received = await loop.sock_recv(connection, LINE_LIMIT)
        if not received:
            raise ValueError("the recorder went away before its first line")
        line += received
    return line


def _parse(line: bytes) -> tuple[str, str]:
    content = json.loads(line)
    if not isinstance(content, dict) or content.keys() != {"session_id", "recording_id"}:
        raise ValueError("a recorder begins with {session_id, recording_id}")
    return str(content["session_id"]), str(content["recording_id"])
