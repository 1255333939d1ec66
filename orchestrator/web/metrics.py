"""`/metrics` for Prometheus, in a registry of our own.

Labels come from small fixed sets only: never a session, a venue, an address or a path as asked for.
"""

import time
from typing import Literal

from aiohttp import web
from aiohttp.typedefs import Middleware
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from orchestrator.web.errors import Handler
from sfu.control.messages import WorkerStats

Phase = Literal["scheduled", "open", "live", "paused", "ended", "archived"]
PHASES: tuple[Phase, ...] = ("scheduled", "open", "live", "paused", "ended", "archived")
DEPENDENCIES = ("database", "worker", "broker", "recorder")
OUTCOMES = ("accepted", "refused", "repeated")
RECORDING_STATES = ("recording", "captured", "finalizing", "ready", "failed")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"

_TOTALS = (
    ("packets_in", "Packets received by the media worker."),
    ("packets_out", "Packets sent by the media worker."),
    ("bytes_in", "Bytes received by the media worker."),
    ("bytes_out", "Bytes sent by the media worker."),
    ("send_calls", "System calls that sent packets."),
    ("gso_messages", "Messages sent with UDP segmentation offload."),
    ("dropped_events", "Engine events lost because the control loop did not read them."),
    ("invalid_datagrams", "Datagrams that were no valid STUN, DTLS or SRTP."),
)


class Metrics:
    """All of the orchestrator's figures; whoever knows a figure calls the method for it."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._requests = Counter(
            "plenary_http_requests",
            "HTTP requests by route and class of status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            "plenary_http_request_seconds",
            "Time to answer an HTTP request.",
            buckets=(0.005, 0.02, 0.1, 0.5, 2, 10),
            registry=self.registry,
        )
        self._up = self._gauge("plenary_dependency_up", "1 when it answers.", ("dependency",))
        self._draining = self._gauge("plenary_draining", "1 while it takes no new connections.")
        self._sessions = self._gauge("plenary_sessions", "Sessions by phase.", ("phase",))
        self._venues = self._gauge("plenary_venues_connected", "Venues that are connected.")
        self._signalling = self._gauge("plenary_signalling_connections", "Open WebSockets.")
        self._commands = self._counter("plenary_commands", "Commands by outcome.", ("outcome",))
        self._events = self._counter("plenary_session_events", "Events appended to session logs.")
        self._resets = self._counter("plenary_media_resets", "Times that media was set up again.")
        self._recordings = self._gauge("plenary_recordings", "Recordings by state.", ("state",))
        self._recorder_bytes = self._gauge("plenary_recorder_bytes", "Bytes captured so far.")
        self._recorder_gaps = self._gauge("plenary_recorder_gaps", "Gaps in running recordings.")
        self._alarms = self._gauge("plenary_health_alarms", "Alarms that are on now.")
        self._worst_loss = self._gauge("plenary_worst_loss_ratio", "Highest loss of a venue, 0-1.")
        self._worker = {
            name: self._gauge(f"plenary_worker_{name}_total", text) for name, text in _TOTALS
        }
        self._worker_cpu = self._gauge(
            "plenary_worker_engine_cpu_seconds_total", "CPU time of the engine's thread."
        )
        self._transports = self._gauge("plenary_worker_transports", "Transports of the worker.")
        for dependency in DEPENDENCIES:
            self._up.labels(dependency)
        for outcome in OUTCOMES:
            self._commands.labels(outcome)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...] = ()) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is the path template, never the path."""
        method = method if method in METHODS else OTHER
        self._requests.labels(method, route, f"{status // 100}xx").inc()
        self._request_seconds.observe(seconds)

    def dependency(
        self, name: Literal["database", "worker", "broker", "recorder"], *, up: bool
    ) -> None:
        self._up.labels(name).set(up)

    def draining(self, *, on: bool) -> None:
        self._draining.set(on)

    def sessions(self, by_phase: dict[Phase, int]) -> None:
        """How many sessions are in each phase; a phase that is left out has none."""
        for phase in PHASES:
            self._sessions.labels(phase).set(by_phase.get(phase, 0))

    def venues_connected(self, count: int) -> None:
        self._venues.set(count)

    def signalling_connections(self, count: int) -> None:
        self._signalling.set(count)

    def command(self, outcome: Literal["accepted", "refused", "repeated"]) -> None:
        self._commands.labels(outcome).inc()

    def events_appended(self, count: int) -> None:
        self._events.inc(count)

    def media_reset(self) -> None:
        self._resets.inc()

    def recordings(self, by_state: dict[str, int]) -> None:
        """How many recordings are in each state; unknown states are left out."""
        for state in RECORDING_STATES:
            self._recordings.labels(state).set(by_state.get(state, 0))

    def recorder(self, *, bytes_written: int, gaps: int) -> None:
        self._recorder_bytes.set(bytes_written)
        self._recorder_gaps.set(gaps)

    def health(self, *, alarms: int, worst_loss: float) -> None:
        self._alarms.set(alarms)
        self._worst_loss.set(worst_loss)

    def worker(self, stats: WorkerStats) -> None:
        """The worker's own totals, which begin again with each of its lives."""
        for name, _text in _TOTALS:
            self._worker[name].set(getattr(stats, name))
        self._worker_cpu.set(stats.engine_cpu_seconds)
        self._transports.set(stats.transports)

    def text(self) -> bytes:
        """All figures in Prometheus's text format."""
        return generate_latest(self.registry)


def metrics_middleware(metrics: Metrics) -> Middleware:
    """Counts every request; outermost, so that it sees the final status."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        begin = time.monotonic()
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            resource = request.match_info.route.resource
            route = OTHER if resource is None else resource.canonical
            metrics.request(request.method, route, status, time.monotonic() - begin)
        return response

    return count


def add_metrics(app: web.Application, metrics: Metrics) -> None:
    """Register `/metrics`."""

    async def show(_request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.text(),
            headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"},
        )

    app.router.add_get("/metrics", show)
