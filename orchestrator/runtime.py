"""Folders, sockets and locks of one installation on one machine.

StartError
├── PortInUse          port_in_use
├── AlreadyRunning     already_running
├── ReadOnly           read_only
├── DiskFull           disk_full
└── SocketPathTooLong  config_invalid
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
            raise ReadOnly(f"cannot make {self.folder}: {error.strerror}") from error
        status = self.folder.stat()
        if status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise ReadOnly(f"{self.folder} must belong to you alone (mode 0700): remove it")


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
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"no space left for {folder}: free some and start again") from error
        raise ReadOnly(
            f"the data folder {folder} cannot be written ({error.strerror}): "
            "give this user write access or choose another with --data"
        ) from error
    free_mb = shutil.disk_usage(folder).free // 1_000_000
    if free_mb < settings.data.minimum_free_mb:
        raise DiskFull(
            f"{folder} has {free_mb} MB free, less than data.minimum_free_mb "
            f"({settings.data.minimum_free_mb}): free some, or lower the limit"
        )
    return folder


def lock_data_folder(folder: Path) -> int:
    """Hold the folder for this process; returns the descriptor that keeps the lock.

    Raises AlreadyRunning when another supervisor has it.
    """
    descriptor = os.open(folder / "plenary.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
    """Raises PortInUse when nothing else can be bound there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            name = "TCP" if kind is socket.SOCK_STREAM else "UDP"
            if error.errno == errno.EADDRINUSE:
                flag = "--port" if kind is socket.SOCK_STREAM else "--media-port"
                raise PortInUse(
                    f"{name} port {port} on {host} is in use: stop what uses it, "
                    f"or choose another with {flag}"
                ) from error
            raise PortInUse(f"cannot listen on {host} {name} {port}: {error.strerror}") from error


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
