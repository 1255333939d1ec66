"""The recorder's control connection: same framing as the worker's (`sfu.control.messages`)."""

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ValidationError

from sfu.control.errors import BadRequest, ControlError
from sfu.control.framing import encode, read_frame
from sfu.control.messages import (
    PROTOCOL,
    Empty,
    Hello,
    HelloReply,
    StartRecording,
    StopRecording,
)
from sfu.record import MANIFEST
from sfu.recorder.errors import RecorderError
from sfu.recorder.recording import Recording

log = structlog.get_logger(__name__)
STATE_SECONDS = 1.0
MAX_BACKLOG = 1 << 20
"""A conductor that does not read its notifications is not sent more than this (bytes)."""


class RecorderServer:
    """`serve`, then `close`. Several conductors may be connected; all hear every state."""

    def __init__(self, recorder_id: str, folder: Path) -> None:
        self._id = recorder_id
        self._folder = folder
        self._boot_id = uuid.uuid4().hex
        self._recordings: dict[str, Recording] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._ticker: asyncio.Task[None] | None = None

    async def serve(self, control: Path) -> None:
        """Listen on a Unix socket path; one left by a dead recorder is replaced."""
        await asyncio.to_thread(control.unlink, missing_ok=True)
        self._server = await asyncio.start_unix_server(self._connection, control)
        await asyncio.to_thread(control.chmod, 0o600)
        self._ticker = asyncio.create_task(self._tick())

    async def close(self) -> None:
        """Stop listening and close every file; recordings are not sealed: they may go on later."""
        if self._server is not None:
            self._server.close()
        if self._ticker is not None:
            self._ticker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._ticker
        for recording in self._recordings.values():
            with contextlib.suppress(RecorderError):
                await asyncio.to_thread(recording.stop, seal=False)
        for writer in list(self._writers):
            writer.close()

    # -- connections

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while (frame := await read_frame(reader)) is not None:
                await self._answer(frame, writer)
        except (BadRequest, ConnectionError) as error:
            log.warning("control_connection_ended", error=str(error))
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, frame: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        reply: dict[str, Any] = {"id": frame.get("id")}
        try:
            result = await self._dispatch(frame)
            reply["result"] = result.model_dump(mode="json", by_alias=True)
        except (ControlError, RecorderError) as error:
            reply["error"] = {"code": error.code, "message": str(error)}
        except Exception:
            log.exception("request_failed", method=frame.get("method"))
            reply["error"] = {"code": "internal_error", "message": "see the recorder's log"}
        writer.write(encode(reply))
        await writer.drain()

    async def _dispatch(self, frame: dict[str, Any]) -> BaseModel:
        params = frame.get("params") or {}
        try:
            match frame.get("method"):
                case "hello":
                    return self._hello(Hello.model_validate(params))
                case "recording.start":
                    return await self._start(StartRecording.model_validate(params))
                case "recording.stop":
                    return await self._stop(StopRecording.model_validate(params))
                case method:
                    raise BadRequest(f"a recorder has no method {str(method)[:64]!r}")
        except ValidationError as error:
            raise BadRequest(f"the parameters do not fit: {error}") from error

    def _hello(self, hello: Hello) -> HelloReply:
        if hello.protocol != PROTOCOL:
            raise BadRequest(f"this recorder speaks protocol {PROTOCOL}, not {hello.protocol}")
        return HelloReply(
            worker_id=self._id,
            boot_id=self._boot_id,
            protocol=PROTOCOL,
            tap_address="",
            candidates=(),
        )

    # -- recordings

    async def _start(self, request: StartRecording) -> Empty:
        async with self._locks.setdefault(request.recording_id, asyncio.Lock()):
            running = self._recordings.get(request.recording_id)
            if running is not None:
                running.tap_address = request.tap_address
                return Empty()
            loop = asyncio.get_running_loop()
            recording = Recording(
                request,
                self._folder / request.folder,
                lambda: _from_thread(loop, self._broadcast, request.recording_id),
            )
            await asyncio.to_thread(recording.start)
            self._recordings[request.recording_id] = recording
            log.info("recording_started", recording=request.recording_id, folder=request.folder)
        self._broadcast(request.recording_id)
        return Empty()

    async def _stop(self, request: StopRecording) -> Empty:
        """One that an earlier life of the recorder ran is recovered and sealed as well."""
        async with self._locks.setdefault(request.recording_id, asyncio.Lock()):
            recording = self._recordings.get(request.recording_id)
            if recording is None:
                recording = await asyncio.to_thread(self._left_behind, request.recording_id)
            if recording is None:
                return Empty()
            await asyncio.to_thread(recording.stop, seal=True)
            self._broadcast(request.recording_id)
            self._recordings.pop(request.recording_id, None)
            log.info("recording_stopped", recording=request.recording_id)
        return Empty()

    def _left_behind(self, recording_id: str) -> Recording | None:
        """A recording in its usual folder that no one writes any more and no one sealed."""
        folder = self._folder / recording_id
        if not (folder / MANIFEST).is_file():
            return None
        return Recording.left_behind(recording_id, folder)

    # -- notifications

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(STATE_SECONDS)
            for recording_id in list(self._recordings):
                self._broadcast(recording_id)

    def _broadcast(self, recording_id: str) -> None:
        recording = self._recordings.get(recording_id)
        if recording is None:
            return
        params = recording.state().model_dump(mode="json")
        frame = encode({"event": "recording.state", "params": params})
        for writer in self._writers:
            if writer.transport.get_write_buffer_size() < MAX_BACKLOG:
                writer.write(frame)


def _from_thread(
    loop: asyncio.AbstractEventLoop, call: Callable[[str], None], recording_id: str
) -> None:
    """Call on the loop; a thread that ends after the loop has nobody to tell."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(call, recording_id)
