"""The media worker process: `python -m sfu.worker --id w0 --control … --tap … --listen … --port …`.

Exit status: 0 after SIGTERM or SIGINT, 2 for wrong arguments, 3 when its port or a socket is
taken, 4 for anything else that keeps it from starting. The reason goes to stderr with its code.
"""

import argparse
import asyncio
import contextlib
import os
import re
import secrets
import signal
import sys
from dataclasses import dataclass

import structlog

from sfu.agent.methods import Service
from sfu.agent.reports import Reporter
from sfu.agent.server import ControlServer
from sfu.agent.sessions import Sessions
from sfu.agent.taps import TapServer
from sfu.engine.native import PacketEngine
from sfu.process import (
    StartError,
    configure_logging,
    die_with_parent,
    listen_unix,
    yield_to_media,
)
from sfu.transport import PortInUse, TransportError
from sfu.transport.dtls import DtlsCertificate
from sfu.transport.endpoint import Endpoint, bind_endpoint
from sfu.transport.ice_lite import host_candidates

PUBLISHER_BITRATE = 2_500_000
"""Cap told to publishers by REMB: 720p at 30 frames/s in VP8."""

TAPPED_KEY_FRAME_SECONDS = 4
GOODBYE_SECONDS = 0.5

log = structlog.get_logger()


@dataclass(frozen=True)
class WorkerSettings:
    """`port` 0 takes a free one. Paths are those of Unix sockets."""

    worker_id: str
    control: str
    tap: str
    listen: tuple[str, ...]
    port: int
    redis_url: str | None = None
    publisher_bitrate: int = PUBLISHER_BITRATE


class Worker:
    """Everything of one worker, on the running event loop. `start`, then `stop` (idempotent)."""

    def __init__(self, settings: WorkerSettings) -> None:
        self.settings = settings
        self.boot_id = secrets.token_hex(8)
        self.port = 0
        self._engine: PacketEngine | None = None
        self._endpoint: Endpoint | None = None
        self._sessions: Sessions | None = None
        self._control: ControlServer | None = None
        self._taps: TapServer | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen and serve. Raises StartError, PortInUse, AddressUnavailable, ValueError."""
        with contextlib.ExitStack() as undo:
            endpoint = bind_endpoint(self.settings.listen, self.settings.port)
            undo.callback(endpoint.close)
            control = listen_unix(self.settings.control)
            undo.callback(control.close)
            tap = listen_unix(self.settings.tap)
            undo.callback(tap.close)
            engine = PacketEngine(remb_bps=self.settings.publisher_bitrate)
            for bound in endpoint.sockets:
                engine.add_socket(bound.fileno())
            engine.start()
            undo.pop_all()
        self._engine, self._endpoint, self.port = engine, endpoint, endpoint.port
        certificate = DtlsCertificate()
        sessions = self._sessions = Sessions(
            engine, certificate, worker_id=self.settings.worker_id, boot_id=self.boot_id
        )
        asyncio.get_running_loop().add_reader(engine.event_fd, self._drain)
        service = Service(
            sessions=sessions,
            certificate=certificate,
            candidates=host_candidates(endpoint.addresses, endpoint.port),
            tap_address=self.settings.tap,
        )
        self._control = ControlServer(service, control)
        self._taps = TapServer(sessions, tap)
        await self._control.start()
        self._taps.start()
        self._tasks.append(asyncio.create_task(self._tick(), name="tick"))
        log.info("worker.ready", boot=self.boot_id, listen=endpoint.addresses, port=self.port)
        if self.settings.redis_url:
            self._tasks.append(asyncio.create_task(self._announce(self.settings.redis_url)))

    async def stop(self) -> None:
        """Say goodbye to clients, then end the media thread, then close the sockets."""
        if self._engine is None or self._endpoint is None or self._sessions is None:
            return
        engine, endpoint, self._engine = self._engine, self._endpoint, None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._control is not None:
            await self._control.close()
        if self._taps is not None:
            await self._taps.close()
        asyncio.get_running_loop().remove_reader(engine.event_fd)
        self._sessions.close_all()
        await self._goodbye(engine, self._sessions)
        engine.stop()
        endpoint.close()
        self._sessions.release()
        for path in (self.settings.control, self.settings.tap):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        log.info("worker.stopped")

    async def _announce(self, redis_url: str) -> None:
        from sfu.registry import NodeHeartbeat  # heavy to load, and media does not wait for it

        await NodeHeartbeat(
            redis_url, node_id=self.settings.worker_id, kind="worker", control=self.settings.control
        ).run()

    def _drain(self) -> None:
        if self._engine is not None and self._sessions is not None:
            self._sessions.dispatch(self._engine.drain())

    async def _goodbye(self, engine: PacketEngine, sessions: Sessions) -> None:
        """Let the media thread send the close_notify that is in its queue."""
        deadline = asyncio.get_running_loop().time() + GOODBYE_SECONDS
        while not sessions.quiet and asyncio.get_running_loop().time() < deadline:
            sessions.dispatch(engine.drain())
            await asyncio.sleep(0.01)

    async def _tick(self) -> None:
        assert self._engine is not None
        assert self._sessions is not None
        assert self._control is not None
        reporter = Reporter(self._engine, self._sessions)
        loop = asyncio.get_running_loop()
        due, count = loop.time(), 0
        while True:
            # After a stall go on from now: old seconds are not reported late.
            due = max(due + 1, loop.time())
            await asyncio.sleep(due - loop.time())
            count += 1
            try:
                reporter.report(self._control.connections)
                self._sessions.tick()
                if count % TAPPED_KEY_FRAME_SECONDS == 0:
                    self._sessions.request_tapped_key_frames()
            except Exception:
                log.exception("worker.tick_failed")


def parse_arguments(arguments: list[str]) -> WorkerSettings:
    """Settings from the command line; argparse ends the process with status 2 on nonsense."""
    parser = argparse.ArgumentParser(prog="python -m sfu.worker", description="Media worker.")
    parser.add_argument("--id", required=True, help="name of this worker, such as w0")
    parser.add_argument("--control", required=True, help="Unix socket for orchestrators")
    parser.add_argument("--tap", required=True, help="Unix socket for recorders")
    parser.add_argument(
        "--listen", required=True, help="IP addresses to listen on and announce, with commas"
    )
    parser.add_argument("--port", required=True, type=int, help="UDP port; 0: a free one")
    parser.add_argument("--redis", help="registry to announce this node in; may be absent")
    parser.add_argument(
        "--publisher-bitrate",
        type=int,
        default=PUBLISHER_BITRATE,
        help="bit/s that a publisher is told it may send (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", given.id):
        parser.error("--id: letters, digits, - and _, at most 64")
    if not 0 <= given.port <= 65_535:
        parser.error("--port: 0 to 65535")
    return WorkerSettings(
        worker_id=given.id,
        control=given.control,
        tap=given.tap,
        listen=tuple(address.strip() for address in given.listen.split(",") if address.strip()),
        port=given.port,
        redis_url=given.redis,
        publisher_bitrate=given.publisher_bitrate,
    )


async def serve(settings: WorkerSettings) -> None:
    """Run until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    worker = Worker(settings)
    await worker.start()
    yield_to_media()  # after the media thread was started: niceness is inherited
    try:
        await stopping.wait()
    finally:
        await worker.stop()


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    settings = parse_arguments(sys.argv[1:] if arguments is None else arguments)
    configure_logging(process=f"worker {settings.worker_id}")
    try:
        die_with_parent()
        asyncio.run(serve(settings))
    except StartError as error:
        return _refuse(error.code, str(error), error.status)
    except TransportError as error:
        return _refuse(error.code, str(error), 3 if isinstance(error, PortInUse) else 4)
    except ValueError as error:
        return _refuse("bad_listen_address", str(error), 4)
    return 0


def _refuse(code: str, message: str, status: int) -> int:
    log.error("worker.not_started", code=code, message=message)
    return status


if __name__ == "__main__":
    sys.exit(main())
