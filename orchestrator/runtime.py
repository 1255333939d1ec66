"""Folders, sockets and locks of one installation on one machine.

StartError
├── PortInUse          port_in_use
├── AlreadyRunning     already_running
├── ReadOnly           read_only
├── DiskFull           disk_full
├── SocketPathTooLong  config_invalid
└── CannotListen       config_invalid: not an address of this machine, or not allowed there
"""

import errno
import fcntl
import hashlib
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config import Settings

# sun_path is 108 bytes with its terminating zero; valkey-server refuses at that length.
SOCKET_PATH_LIMIT = 107


class StartError(Exception):
    """The product cannot start; the message says what to do."""

    code = "internal_error"


class PortInUse(StartError):
    code = "port_in_use"


class AlreadyRunning(StartError):
    code = "already_running"


class ReadOnly(StartError):
    code = "read_only"


class DiskFull(StartError):
    code = "disk_full"


class SocketPathTooLong(StartError):
    code = "config_invalid"


class CannotListen(StartError):
    code = "config_invalid"


_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
UNWRITABLE = _NO_ROOM | {errno.EROFS, errno.EACCES, errno.EPERM}
"""Error numbers that say something of the data folder's disk or rights, not of our code."""


def unusable(place: Path, error: OSError) -> StartError:
    """Why a file or folder of ours could not be made or written."""
    if error.errno in _NO_ROOM:
        return DiskFull(f"no space left for {place}: free some and start again")
    return ReadOnly(
        f"{place} cannot be written ({error.strerror}): "
        "give this user write access or choose another folder with --data"
    )


@dataclass(frozen=True, slots=True)
class RuntimePaths:
    """Sockets of the processes on this machine, in a private folder with a short name."""

    folder: Path

    @property
    def valkey(self) -> Path:
        return self.folder / "valkey.sock"

    @property
    def worker(self) -> Path:
        return self.folder / "w0.sock"

    @property
    def tap(self) -> Path:
        return self.folder / "w0-tap.sock"

    @property
    def recorder(self) -> Path:
        return self.folder / "r0.sock"

    def create(self) -> None:
        """Make the folder, for its owner alone. Raises StartError."""
        longest = max(len(os.fsencode(p)) for p in (self.valkey, self.worker, self.tap))
        if longest > SOCKET_PATH_LIMIT:
            raise SocketPathTooLong(
                f"socket paths in {self.folder} are longer than {SOCKET_PATH_LIMIT} bytes: "
                "set XDG_RUNTIME_DIR or TMPDIR to a shorter folder"
            )
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise unusable(self.folder, error) from error
        status = self.folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise ReadOnly(f"{self.folder} must belong to you alone (mode 0700): remove it")

    def remove(self) -> None:
        """Take the folder away when no process uses it any more."""
        shutil.rmtree(self.folder, ignore_errors=True)


def runtime_paths(data_folder: Path) -> RuntimePaths:
    """The runtime folder that belongs to this data folder: the same one at every start."""
    name = hashlib.sha256(os.fsencode(data_folder)).hexdigest()[:10]
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return RuntimePaths(Path(base) / f"plenary-{os.getuid()}-{name}")


def prepare_data_folder(settings: Settings) -> Path:
    """Make the data folder and prove that it can be written. Raises ReadOnly or DiskFull."""
    folder = settings.data_folder
    try:
        for part in ("", "recordings", "secrets", "tls"):
            (folder / part).mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / ".write-probe"
        probe.write_bytes(b"plenary" * 512)
        probe.unlink()
    except OSError as error:
        raise unusable(folder, error) from error
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < settings.data.minimum_free_mb:
        raise DiskFull(
            f"{folder} has {free_mb} MB free, less than data.minimum_free_mb "
            f"({settings.data.minimum_free_mb}): free some, or lower the limit"
        )
    return folder


def lock_data_folder(folder: Path) -> int:
    """Hold the folder for this process; returns the descriptor that keeps the lock.

    Raises AlreadyRunning when another supervisor has it, ReadOnly, DiskFull.
    """
    file = folder / "plenary.lock"
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise unusable(file, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        os.close(descriptor)
        raise AlreadyRunning(
            f"Plenary already runs on {folder} (process {holder or 'unknown'}): "
            "stop it, or choose another folder with --data"
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def check_port(host: str, port: int, kind: socket.SocketKind) -> None:
    """Raises PortInUse or CannotListen when nothing can be bound there. Port 0: any."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            pages = kind is socket.SOCK_STREAM
            name, flag = ("TCP", "--port") if pages else ("UDP", "--media-port")
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"{name} port {port} on {host} is in use: stop what uses it, "
                    f"or choose another with {flag}"
                ) from error
            if error.errno == errno.EACCES:
                raise CannotListen(
                    f"this user may not listen on {name} port {port}: choose one above 1023 "
                    f"with {flag}"
                ) from error
            key = "server.host (--host)" if pages else "media.addresses"
            raise CannotListen(
                f"cannot listen on {host} ({error.strerror}): give {key} an address of this machine"
            ) from error


def media_addresses(settings: Settings) -> tuple[str, ...]:
    """Where the media worker listens: as configured, else loopback, else every address."""
    if settings.media.addresses:
        return settings.media.addresses
    if settings.on_loopback:
        return ("127.0.0.1",)
    return machine_addresses()


def machine_addresses() -> tuple[str, ...]:
    """IPv4 and global IPv6 addresses of this machine, loopback first."""
    import ifaddr

    found = ["127.0.0.1"]
    for adapter in ifaddr.get_adapters():
        for address in adapter.ips:
            text = address.ip if isinstance(address.ip, str) else address.ip[0]
            if text not in found and not text.startswith(("fe80", "::1", "127.")):
                found.append(text)
    return tuple(found)
