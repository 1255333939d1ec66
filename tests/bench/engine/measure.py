"""Rounds of bound and engine in turn, from one load; medians and ratios."""

import contextlib
import ctypes
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from aioice import stun

from tests.bench.engine import traffic
from tests.bench.native import library

PACKET_ROOM = 1500
LATE_SHARE = 0.02
"""A round in which more of the sends were late than this says nothing about the server."""


class LoadPlan(ctypes.Structure):
    _fields_ = (
        ("sender", ctypes.c_int),
        ("receivers", ctypes.POINTER(ctypes.c_int)),
        ("receiver_count", ctypes.c_int),
        ("packets", ctypes.c_char_p),
        ("sizes", ctypes.POINTER(ctypes.c_uint16)),
        ("due_ns", ctypes.POINTER(ctypes.c_uint64)),
        ("kinds", ctypes.c_char_p),
        ("packet_count", ctypes.c_int),
        ("video_payload_type", ctypes.c_uint8),
        ("linger_ns", ctypes.c_uint64),
    )


class LoadResult(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_uint64)
        for name in (
            "sent",
            "received",
            "late_sends",
            "worst_late_ns",
            "histogram_count",
            "p50_ns",
            "p99_ns",
            "worst_ns",
        )
    )


@dataclass(frozen=True, slots=True)
class Round:
    """One server, once. `late`: the load itself was not on time."""

    us_per_packet: float
    syscalls_per_packet: float
    p50_ms: float
    p99_ms: float
    delivered: float
    late: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One line of `--json`."""

    bench: str
    n: int
    pacing: str
    hold_ms: float
    us_per_packet: float
    bound_us_per_packet: float
    ratio: float
    p50_ms: float
    p99_ms: float
    bound_p99_ms: float
    syscalls_per_packet: float
    delivered: float
    rounds: int
    late_rounds: int

    def json(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def compare(n: int, pacing: str, hold_ms: float, *, rounds: int, seconds: float) -> Row:
    """Bound and engine in turn, `rounds` times; the median ratio of the rounds on time."""
    pairs: list[tuple[Round, Round]] = []
    late = 0
    for number in range(rounds):
        order = ("bound", "engine") if number % 2 == 0 else ("engine", "bound")
        done = {what: one_round(what, n, pacing, hold_ms, seconds) for what in order}
        if done["bound"].late or done["engine"].late:
            late += 1
        pairs.append((done["bound"], done["engine"]))
    on_time = [p for p in pairs if not (p[0].late or p[1].late)] or pairs

    def median(pick: str, which: int) -> float:
        return float(statistics.median(getattr(p[which], pick) for p in on_time))

    return Row(
        bench="engine",
        n=n,
        pacing=pacing,
        hold_ms=hold_ms,
        us_per_packet=round(median("us_per_packet", 1), 3),
        bound_us_per_packet=round(median("us_per_packet", 0), 3),
        ratio=round(statistics.median(e.us_per_packet / b.us_per_packet for b, e in on_time), 3),
        p50_ms=round(median("p50_ms", 1), 3),
        p99_ms=round(median("p99_ms", 1), 3),
        bound_p99_ms=round(median("p99_ms", 0), 3),
        syscalls_per_packet=round(median("syscalls_per_packet", 1), 4),
        delivered=round(median("delivered", 1), 5),
        rounds=len(on_time),
        late_rounds=late,
    )


def one_round(what: str, n: int, pacing: str, hold_ms: float, seconds: float) -> Round:
    """Start the server, send the traffic to it, count what comes out."""
    key = traffic.new_key()
    plain = traffic.packets(pacing, seconds)
    with contextlib.ExitStack() as stack:
        receivers = [stack.enter_context(_receiver()) for _ in range(n)]
        sender = stack.enter_context(_receiver())
        job = {
            "what": what,
            "key": key.hex(),
            "ports": [r.getsockname()[1] for r in receivers],
            "packets": len(plain),
            "hold_us": int(hold_ms * 1000),
        }
        process, talk = stack.enter_context(_server(job))
        port = talk()["port"]
        if what == "engine":
            _check(sender, port, b"publisher")
            for number, receiver in enumerate(receivers):
                _check(receiver, port, f"receiver{number}".encode())
            talk()
        sender.connect(("127.0.0.1", port))
        result = _run_load(sender, receivers, plain, key)
        assert process.stdin is not None
        process.stdin.write("stop\n")
        process.stdin.flush()
        server = talk()
    out = max(1, server["packets_out"])
    return Round(
        us_per_packet=server["cpu_ns"] / 1000 / out,
        syscalls_per_packet=server["calls"] / out,
        p50_ms=result.p50_ns / 1e6,
        p99_ms=result.p99_ns / 1e6,
        delivered=result.received / (len(plain) * n),
        late=result.late_sends > LATE_SHARE * len(plain),
    )


@contextlib.contextmanager
def _receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
        endpoint.bind(("127.0.0.1", 0))
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        endpoint.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        yield endpoint


@contextlib.contextmanager
def _server(job: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[str], Any]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.engine.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert process.stdin is not None
    assert process.stdout is not None
    answers: IO[str] = process.stdout

    def talk() -> dict[str, Any]:
        line = answers.readline()
        if not line:
            raise RuntimeError("the server under test ended: see above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    try:
        yield process, talk
        process.wait(20)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        answers.close()


def _check(endpoint: socket.socket, port: int, ufrag: bytes) -> None:
    """One ICE connectivity check (RFC 8445), repeated until it is answered."""
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    request.attributes["USERNAME"] = f"{ufrag.decode()}:bench"
    request.attributes["PRIORITY"] = 1
    request.attributes["ICE-CONTROLLING"] = 1
    request.attributes["USE-CANDIDATE"] = None
    request.add_message_integrity(b"p" * 22)
    endpoint.settimeout(0.5)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        endpoint.sendto(bytes(request), ("127.0.0.1", port))
        with contextlib.suppress(TimeoutError):
            endpoint.recv(PACKET_ROOM)
            endpoint.setblocking(False)
            return
    raise TimeoutError(f"no answer to the STUN check of {ufrag.decode()}")


def _run_load(
    sender: socket.socket,
    receivers: list[socket.socket],
    plain: list[traffic.Packet],
    key: bytes,
) -> LoadResult:
    protect = traffic.session(key, outbound=True).protect
    protected = [protect(p.data) for p in plain]
    count = len(plain)
    plan = LoadPlan(
        sender.fileno(),
        (ctypes.c_int * len(receivers))(*(r.fileno() for r in receivers)),
        len(receivers),
        b"".join(p.ljust(PACKET_ROOM, b"\0") for p in protected),
        (ctypes.c_uint16 * count)(*(len(p) for p in protected)),
        (ctypes.c_uint64 * count)(*(p.due_ns for p in plain)),
        bytes(int(p.video) for p in plain),
        count,
        traffic.VIDEO_PAYLOAD_TYPE,
        300_000_000,
    )
    result = LoadResult()
    present = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(present)})
    try:
        run = library(Path(__file__).with_name("load.c")).run_load
        failed = run(ctypes.byref(plan), ctypes.byref(result))
    finally:
        os.sched_setaffinity(0, present)
    if failed:
        raise OSError(failed, os.strerror(failed))
    return result
