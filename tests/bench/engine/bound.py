"""The bound in C as a server: decrypt once, encrypt and send to each receiver."""

import ctypes
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from pylibsrtp import Session, _binding

from tests.bench.engine import traffic
from tests.bench.engine.server import open_socket, say
from tests.bench.native import library


class BoundPlan(ctypes.Structure):
    _fields_ = (
        ("socket", ctypes.c_int),
        ("unprotect", ctypes.c_void_p),
        ("protect", ctypes.c_void_p),
        ("inbound", ctypes.c_void_p),
        ("outbound", ctypes.POINTER(ctypes.c_void_p)),
        ("addresses", ctypes.c_void_p),
        ("receiver_count", ctypes.c_int),
        ("packet_count", ctypes.c_uint64),
    )


class BoundResult(ctypes.Structure):
    _fields_ = (
        ("cpu_ns", ctypes.c_uint64),
        ("packets_in", ctypes.c_uint64),
        ("packets_out", ctypes.c_uint64),
        ("calls", ctypes.c_uint64),
    )


def pointer(session: Session) -> int:
    """The libsrtp context inside a pylibsrtp session."""
    return int(_binding.ffi.cast("uintptr_t", session._srtp[0]))


def function(name: str) -> int:
    lib, ffi = _binding.lib, _binding.ffi
    return int(ffi.cast("uintptr_t", ffi.addressof(lib, name)))


def serve(job: dict[str, Any]) -> None:
    """Decrypt once, encrypt and send to each receiver; nothing else."""
    endpoint = open_socket()
    run = library(Path(__file__).with_name("bound.c")).run_bound
    inbound = traffic.session(bytes.fromhex(job["key"]), outbound=False)
    outbound = [traffic.session(traffic.new_key(), outbound=True) for _ in job["ports"]]
    addresses = b"".join(
        socket.AF_INET.to_bytes(2, sys.byteorder)
        + port.to_bytes(2, "big")
        + socket.inet_aton("127.0.0.1")
        + bytes(8)
        for port in job["ports"]
    )
    plan = BoundPlan(
        endpoint.fileno(),
        function("srtp_unprotect"),
        function("srtp_protect"),
        pointer(inbound),
        (ctypes.c_void_p * len(outbound))(*map(pointer, outbound)),
        ctypes.cast(ctypes.c_char_p(addresses), ctypes.c_void_p),
        len(outbound),
        job["packets"],
    )
    result = BoundResult()
    thread = threading.Thread(target=run, args=(ctypes.byref(plan), ctypes.byref(result)))
    thread.start()
    say({"port": endpoint.getsockname()[1]})
    sys.stdin.readline()
    thread.join()
    say(
        {
            "cpu_ns": result.cpu_ns,
            "packets_out": result.packets_out,
            "calls": result.calls,
        }
    )
    endpoint.close()
