"""The server under test, a process of its own: `bound` or `forwarder`.

Reads one JSON line with the job, prints one with the port, reads `stop`, prints the result.
"""

import importlib
import json
import os
import socket
import sys
from typing import Any


def open_socket() -> socket.socket:
    """A UDP socket on loopback with room for a burst to every receiver."""
    endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    endpoint.bind(("127.0.0.1", 0))
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        endpoint.setsockopt(socket.SOL_SOCKET, option, 8 << 20)
    endpoint.setblocking(False)
    return endpoint


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> None:
    os.sched_setaffinity(0, {0})
    job = json.loads(sys.stdin.readline())
    # Only what is measured is loaded: the bound's process has no engine in it.
    name = {"bound": "bound", "engine": "forwarder"}[job["what"]]
    importlib.import_module(f"tests.bench.engine.{name}").serve(job)


if __name__ == "__main__":
    main()
