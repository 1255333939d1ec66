"""A real PostgreSQL for tests: own folder, Unix socket only, gone when the tests are."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

MISSING = (
    "PostgreSQL's server programs are missing (initdb, postgres). The store is tested on a real "
    "server: install them with `apt-get install postgresql`, or put their folder on PATH."
)


def find_programs() -> Path:
    """The folder of `initdb` and `postgres`; newest version first."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("initdb")
    if on_path is not None:
        folders.append(Path(on_path).parent)
    for folder in folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise RuntimeError(MISSING)


def _user() -> str | None:
    """PostgreSQL refuses to run as root: then it runs as its own user, or as nobody."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise RuntimeError("tests run as root and there is neither a user postgres nor nobody")


class PostgresServer:
    """A running server; `create` gives the URL of a new empty database."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        self._count = 0

    def ask(self, program: str, *arguments: str) -> bool:
        """Run one of PostgreSQL's client programs; whether it succeeded."""
        where = ["-h", str(self._folder), "-U", "plenary"]
        command = [str(self._programs / program), *where, *arguments]
        return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0

    def create(self) -> str:
        self._count += 1
        name = f"test_{self._count}"
        assert self.ask("createdb", name), "createdb failed"
        return f"postgresql://plenary@/{name}?host={self._folder}"


@contextmanager
def running_postgres() -> Iterator[PostgresServer]:
    """Start a server, stop it and remove its files in the end."""
    programs, user = find_programs(), _user()
    # A socket path must stay short, and its folder reachable for the server's user.
    folder = Path(tempfile.mkdtemp(prefix="plenary-pg-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user)
    try:
        data = str(folder / "data")
        _as_user([programs / "initdb", "-D", data, *_INITDB], user, folder).wait(timeout=60)
        # setpriv: the server ends with the tests, also when they are killed.
        server = _as_user(
            ["setpriv", "--pdeathsig", "QUIT", programs / "postgres", "-D", data, *_server(folder)],
            user,
            folder,
        )
        try:
            running = PostgresServer(programs, folder)
            _wait_until_ready(running, server, folder / "log")
            yield running
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=20)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


_INITDB = ("-U", "plenary", "-A", "trust", "-N", "-E", "UTF8", "--locale=C")


def _server(folder: Path) -> tuple[str, ...]:
    return ("-k", str(folder), "-c", "listen_addresses=", "-c", "fsync=off")


def _as_user(
    command: Sequence[str | Path], user: str | None, folder: Path
) -> subprocess.Popen[bytes]:
    groups: list[str] | None = [] if user is not None else None
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [str(part) for part in command],
            stdout=log,
            stderr=log,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user is not None else None,
            extra_groups=groups,
            cwd=folder,
        )


def _wait_until_ready(running: PostgresServer, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        if running.ask("pg_isready"):
            return
        time.sleep(0.05)  # between two tries; the condition is checked above
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')}")
