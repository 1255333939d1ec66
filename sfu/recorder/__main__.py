"""`python -m sfu.recorder --id r0 --control SOCKET --folder RECORDINGS [--redis URL]`."""

import argparse
import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import av
import structlog

from sfu.process import configure_logging
from sfu.recorder.server import RecorderServer

log = structlog.get_logger(__name__)


def main(argv: list[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="sfu.recorder", description=__doc__)
    parser.add_argument("--id", required=True, help="name of this recorder in the registry")
    parser.add_argument("--control", required=True, type=Path, help="Unix socket to listen on")
    parser.add_argument("--folder", required=True, type=Path, help="where recordings are kept")
    parser.add_argument("--redis", default="", help="URL of the node registry, if there is one")
    options = parser.parse_args(argv)
    configure_logging(process=f"recorder {options.id}")
    # libavformat calls it an error that VP8 has no extradata to extract, once a track.
    av.logging.set_level(av.logging.FATAL)
    return asyncio.run(_run(options))


async def _run(options: argparse.Namespace) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = RecorderServer(options.id, options.folder)
    try:
        await server.serve(options.control)
    except OSError as error:
        log.error("control_socket_unusable", path=str(options.control), error=str(error))
        return 1
    registry = _registry(options) if options.redis else None
    log.info("recorder_ready", id=options.id, control=str(options.control))
    await stop.wait()
    if registry is not None:
        registry.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await registry
    await server.close()
    return 0


def _registry(options: argparse.Namespace) -> asyncio.Task[None]:
    # A recorder that starts again loses media until it is up: Redis's library comes later.
    from sfu.registry import NodeHeartbeat

    heartbeat = NodeHeartbeat(
        options.redis, node_id=options.id, kind="recorder", control=str(options.control)
    )
    return asyncio.create_task(heartbeat.run())


if __name__ == "__main__":
    sys.exit(main())
