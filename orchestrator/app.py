"""Composition root of the orchestrator process: builds every part and gives it what it needs.

Run by `plenary up`, or by itself as `python -m orchestrator.app` with settings from the
environment (`PLENARY_…`). Importing it does no work.
"""

import argparse
import asyncio
import contextlib
import datetime
import errno
import os
import secrets
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Protocol

import structlog
from aiohttp import web

from orchestrator import logs, tls
from orchestrator.archive.finalization import Finalization
from orchestrator.archive.recordings import Archive
from orchestrator.broker.connection import Broker, connect
from orchestrator.broker.fanout import FanOut
from orchestrator.broker.nodes import RENEWAL, Node, NodeRegistry
from orchestrator.broker.rate_limit import RateLimiter
from orchestrator.conduct.conductors import Conductors
from orchestrator.conduct.recorder_link import RecorderLink
from orchestrator.conduct.sessions import Sessions
from orchestrator.conduct.worker_link import WorkerLink
from orchestrator.config import ConfigError, Settings, environment, load
from orchestrator.figures import Figures
from orchestrator.health.venues import Health
from orchestrator.identity.authentication import Authenticator
from orchestrator.identity.link_key import LinkKeyError, load_or_create
from orchestrator.identity.links import LinkSigner
from orchestrator.identity.logins import Logins
from orchestrator.identity.passwords import Passwords
from orchestrator.runtime import (
    UNWRITABLE,
    StartError,
    machine_addresses,
    prepare_data_folder,
    runtime_paths,
    unusable,
)
from orchestrator.startup import CANNOT_START_EXIT, DEMO_PASSWORD, PORT_IN_USE_EXIT
from orchestrator.store.accounts import Accounts
from orchestrator.store.audit import Audit
from orchestrator.store.database import Database, open_database
from orchestrator.store.errors import StoreError
from orchestrator.store.placements import Placements
from orchestrator.store.recordings import Recordings
from orchestrator.store.session_log import SessionLog
from orchestrator.web.access_log import AccessLogger
from orchestrator.web.errors import error_middleware
from orchestrator.web.guard import guard_middleware
from orchestrator.web.metrics import Metrics, add_metrics, metrics_middleware
from orchestrator.web.origin import OriginRule
from orchestrator.web.pages import PageFiles, add_pages
from orchestrator.web.readiness import (
    Check,
    Readiness,
    add_readiness,
    database_writable,
    disk_has_room,
)
from orchestrator.web.rest.routes import add_rest_routes
from orchestrator.web.rest.services import RestServices
from orchestrator.web.signalling.endpoint import Signalling

log = structlog.get_logger(__name__)

_Announce = Callable[[str, int], None]


class _Link(Protocol):
    @property
    def is_up(self) -> bool: ...


DRAIN_SECONDS = 3.0
"""Time for open requests to end at a stop; WebSockets are told to come back before."""


async def serve(settings: Settings, stop: asyncio.Event, *, demo: bool = False) -> None:
    """Run the orchestrator until `stop`. Raises StartError, StoreError, TlsError, LinkKeyError or
    OSError when it cannot start; then nothing is left half-started."""
    async with contextlib.AsyncExitStack() as stack:
        folder = prepare_data_folder(settings)
        paths = runtime_paths(folder)
        certificates = _certificates(settings, folder)
        public_url = _public_url(settings)
        database_url = settings.services.database_url or f"sqlite:///{folder}/plenary.sqlite3"
        database = await open_database(database_url)
        stack.push_async_callback(database.close)
        broker = await connect(settings.services.redis_url or f"unix://{paths.valkey}")
        stack.push_async_callback(broker.close)
        # A name for each life: a conductor that was replaced must not be taken for its successor.
        holder = f"orchestrator-{secrets.token_hex(4)}"
        announce = await stack.enter_async_context(_announcements(broker, holder))

        metrics = Metrics()
        truth = _Truth(database)
        sessions = Sessions(truth.log, announce=announce, on_outcome=metrics.command)
        stack.push_async_callback(sessions.close)
        media = _Media(truth, sessions, folder, holder, str(paths.worker), str(paths.recorder))
        media.feed(metrics)

        signer = LinkSigner(load_or_create(folder / "secrets" / "link.key"))
        limiter = RateLimiter(broker)
        accounts, passwords = Accounts(database), Passwords()
        logins = Logins(accounts, limiter, passwords)
        authenticator = Authenticator(logins, signer, sessions.state)
        origins = OriginRule(allowed=(*settings.server.allowed_origins, public_url))
        signalling = Signalling(
            sessions,
            media.conductors,
            media.health,
            authenticator.authenticate,
            origins,
            recorder=media.recorder,
            on_count=metrics.signalling_connections,
        )
        readiness = Readiness(
            required={
                "database": database_writable(database),
                "disk": disk_has_room(folder, settings.data.minimum_free_mb << 20),
                "worker": _is_up(media.worker),
            },
            optional={"broker": broker.probe, "recorder": _is_up(media.recorder.link)},
        )

        app = web.Application(
            middlewares=[
                metrics_middleware(metrics),
                error_middleware,
                guard_middleware(authenticator.authenticate, limiter, origins),
            ]
        )
        add_pages(app, PageFiles(root_certificate=certificates.root if certificates else None))
        add_readiness(app, readiness)
        add_metrics(app, metrics)
        signalling.add_to(app)
        add_rest_routes(
            app,
            RestServices(
                logins=logins,
                authenticator=authenticator,
                signer=signer,
                sessions=sessions,
                session_log=truth.log,
                archive=media.archive,
                audit=Audit(database),
                public_url=public_url,
                origins=origins,
            ),
        )

        await media.start()
        stack.push_async_callback(media.close)
        figures = Figures(metrics, truth.log, truth.recordings, readiness)
        await stack.enter_async_context(figures.kept_fresh())
        await _listen(stack, app, settings, certificates)
        stack.push_async_callback(signalling.close)
        if demo:
            await _demo_account(accounts, passwords)
        _say(public_url, certificates, await logins.first_start_link(public_url))
        await stop.wait()
        readiness.draining = True


class _Truth:
    """What stands in SQL."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.log = SessionLog(database)
        self.recordings = Recordings(database)


class _Media:
    """What conducts, records and looks after the media processes."""

    def __init__(
        self,
        truth: _Truth,
        sessions: Sessions,
        folder: Path,
        holder: str,
        worker_address: str,
        recorder_address: str,
    ) -> None:
        self._truth = truth
        recordings_folder = folder / "recordings"
        self.finalization = Finalization(truth.recordings, truth.log, recordings_folder)
        self.archive = Archive(truth.recordings, truth.log, recordings_folder, self.finalization)
        self.worker = WorkerLink("w0", worker_address)
        self.recorder = RecorderLink("r0", recorder_address, self.worker)
        self.recorder.archive = self.archive
        self.health = Health()
        self.conductors = Conductors(
            sessions, Placements(truth.database, truth.log, holder), [self.worker], self.recorder
        )

    def feed(self, metrics: Metrics) -> None:
        """Let the media processes' figures reach `metrics` and technicians."""
        self.health.on_figures = lambda loss: metrics.health(alarms=0, worst_loss=loss)
        self.worker.on_stats = self.health.take
        self.worker.on_worker_stats = lambda _, stats: metrics.worker(stats)
        self.recorder.on_state = lambda state: metrics.recorder(
            bytes_written=state.bytes_written, gaps=state.gaps
        )

    async def start(self) -> None:
        """Take up the sessions that ran and the recordings that were left."""
        running = await self._truth.log.sessions(("open", "live", "paused"))
        known = [item.session_id for item in running]
        left = await self._truth.recordings.list_all(states=("recording",))
        await self.conductors.start(known, [(r.session_id, r.recording_id) for r in left])
        await self.finalization.start()

    async def close(self) -> None:
        """Stop conducting; media and recording go on without us."""
        await self.finalization.close()
        await self.conductors.close()


async def _listen(
    stack: contextlib.AsyncExitStack,
    app: web.Application,
    settings: Settings,
    certificates: tls.Certificates | None,
) -> None:
    runner = web.AppRunner(
        app, access_log_class=AccessLogger, shutdown_timeout=DRAIN_SECONDS, handle_signals=False
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    context: ssl.SSLContext | None = tls.server_context(certificates) if certificates else None
    site = web.TCPSite(
        runner, settings.server.host, settings.server.port, ssl_context=context, backlog=512
    )
    await site.start()


@contextlib.asynccontextmanager
async def _announcements(broker: Broker, holder: str) -> AsyncIterator[_Announce]:
    """Tell other orchestrators of each append, and the registry that this one lives."""
    fan_out = FanOut(broker, holder)
    fan_out.start()
    pings: set[asyncio.Task[bool]] = set()
    registry = NodeRegistry(broker)

    async def renew() -> None:
        while True:
            await registry.announce(Node(id=holder, kind="orchestrator"))
            await asyncio.sleep(RENEWAL)

    def announce(session_id: str, version: int) -> None:
        # Never awaited by a command: a grant must not wait for Redis.
        ping = asyncio.create_task(fan_out.publish(session_id, version))
        pings.add(ping)
        ping.add_done_callback(pings.discard)

    renewal = asyncio.create_task(renew(), name="node-renewal")
    try:
        yield announce
    finally:
        renewal.cancel()
        await asyncio.gather(renewal, *pings, return_exceptions=True)
        await registry.withdraw(holder)
        await fan_out.close()


def _certificates(settings: Settings, folder: Path) -> tls.Certificates | None:
    server = settings.server
    if server.tls_certificate:
        return tls.Certificates(Path(server.tls_certificate), Path(server.tls_key), None)
    if settings.on_loopback:
        return None
    names = [*tls.machine_names(), *machine_addresses()]
    if server.public_url:
        names.append(_host_of(server.public_url))
    return tls.local_certificates(folder / "tls", names, datetime.datetime.now(datetime.UTC))


def _host_of(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0].rsplit(":", 1)[0].strip("[]")


def _public_url(settings: Settings) -> str:
    """Where people reach the pages: as configured, else made from address and port."""
    server = settings.server
    if server.public_url:
        return server.public_url.rstrip("/")
    if settings.on_loopback and not server.tls_certificate:
        return f"http://{_bracketed(server.host)}:{server.port}"
    anywhere = server.host in ("0.0.0.0", "::")  # noqa: S104 - recognised, not bound here
    host = next((a for a in machine_addresses() if not a.startswith("127.")), "127.0.0.1")
    return f"https://{_bracketed(host if anywhere else server.host)}:{server.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_up(link: _Link) -> Check:
    async def check() -> bool:
        return link.is_up

    return check


async def _demo_account(accounts: Accounts, passwords: Passwords) -> None:
    """The account of a demonstration, with the password that its parent made for this start."""
    hashed = await passwords.hash(os.environ[DEMO_PASSWORD])
    if await accounts.get("demo") is None:
        await accounts.create("demo", hashed, {"admin"}, at=time.time())
    else:
        await accounts.set_password("demo", hashed)


def _say(public_url: str, certificates: tls.Certificates | None, setup: str | None) -> None:
    """What a person at the console needs to know, once it is true."""
    lines = [
        "",
        f"  Plenary is ready  已就绪      {public_url}",
        f"    host        主持人    {public_url}/host",
        "    venues      分会场    by their join links, from the host panel",
        f"    technician  技术员    {public_url}/monitor",
        f"    archivist   档案员    {public_url}/archive",
    ]
    if certificates is not None and certificates.root is not None:
        lines.append(f"    trust this server  安装证书    {public_url}/install")
    if setup is not None:
        lines += ["", f"  First start: make the admin account  首次使用    {setup}"]
    sys.stdout.write("\n".join([*lines, "", ""]))
    sys.stdout.flush()


async def _run(settings: Settings, *, demo: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await serve(settings, stop, demo=demo)


def main() -> None:
    """Entry point of the process; what people can mend is one line with its code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", action="store_true")
    given = parser.parse_args()
    try:
        settings = load(None, environment())
        logs.configure(settings.log)
        asyncio.run(_run(settings, demo=given.demo))
    except (ConfigError, StartError, StoreError, LinkKeyError, tls.TlsError) as error:
        logs.tell(error.code, error)
        sys.exit(CANNOT_START_EXIT)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            logs.tell("port_in_use", error)
            sys.exit(PORT_IN_USE_EXIT)
        if error.errno not in UNWRITABLE:
            raise
        told = unusable(Path(error.filename or settings.data_folder), error)
        logs.tell(told.code, told)
        sys.exit(CANNOT_START_EXIT)


if __name__ == "__main__":
    main()
