"""The worker's UDP sockets: one per listen address, all on the same port.

Bound to the announced address, never to a wildcard: a reply must leave from the address that was
reached, or the client's ICE agent drops it.
"""

import errno
import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field

from sfu.transport import AddressUnavailable, PortInUse

BUFFER_BYTES = 8 << 20
"""Asked of the kernel for each direction: half a second of 118 streams during a key-frame burst."""

EPHEMERAL_ATTEMPTS = 32


@dataclass(frozen=True)
class Endpoint:
    """Bound, non-blocking sockets. `close()` only after the engine's thread has stopped."""

    addresses: tuple[str, ...]
    port: int
    sockets: tuple[socket.socket, ...] = field(repr=False)

    def close(self) -> None:
        """Close every socket; idempotent."""
        for bound in self.sockets:
            bound.close()


def bind_endpoint(addresses: Sequence[str], port: int) -> Endpoint:
    """Bind all `addresses` on one port; `port` 0 takes a free one.

    Raises PortInUse, AddressUnavailable, and ValueError for what is no usable IP address.
    """
    families = [_family(address) for address in addresses]
    if not families:
        raise ValueError("a worker needs at least one address to listen on")
    for attempt in range(EPHEMERAL_ATTEMPTS):
        first = _bind(families[0], addresses[0], port)
        bound = [first]
        chosen: int = first.getsockname()[1]
        try:
            for family, address in zip(families[1:], addresses[1:], strict=True):
                bound.append(_bind(family, address, chosen))
        except PortInUse:
            _close_all(bound)
            # A port free on one address may be taken on another: with port 0 try another one.
            if port or attempt == EPHEMERAL_ATTEMPTS - 1:
                raise
        except BaseException:
            _close_all(bound)
            raise
        else:
            return Endpoint(tuple(addresses), chosen, tuple(bound))
    raise AssertionError("the loop returns or raises")


def _family(address: str) -> socket.AddressFamily:
    parsed = ipaddress.ip_address(address)
    if parsed.is_unspecified or parsed.is_multicast:
        raise ValueError(f"{address} cannot be announced to clients: name the machine's addresses")
    return socket.AF_INET if parsed.version == 4 else socket.AF_INET6


def _bind(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    created = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        created.setblocking(False)
        if family == socket.AF_INET6:
            created.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        _enlarge(created, "SO_RCVBUFFORCE", 33, socket.SO_RCVBUF)
        _enlarge(created, "SO_SNDBUFFORCE", 32, socket.SO_SNDBUF)
        created.bind((address, port))
    except OSError as error:
        created.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"UDP port {port} on {address} is taken: stop what holds it (ss -lunp shows it) "
                "or choose another port"
            ) from error
        if error.errno in (errno.EADDRNOTAVAIL, errno.EACCES):
            raise AddressUnavailable(
                f"cannot listen on {address} port {port} ({error.strerror}): "
                "name an address that this machine has, and a port it may use"
            ) from error
        raise
    return created


def _enlarge(target: socket.socket, name: str, number: int, fallback: int) -> None:
    """Set a buffer past the system's limit where we may, up to the limit elsewhere."""
    try:
        target.setsockopt(socket.SOL_SOCKET, getattr(socket, name, number), BUFFER_BYTES)
    except PermissionError:
        target.setsockopt(socket.SOL_SOCKET, fallback, BUFFER_BYTES)


def _close_all(sockets: list[socket.socket]) -> None:
    for bound in sockets:
        bound.close()
