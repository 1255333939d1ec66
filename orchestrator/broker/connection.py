"""The connection to Valkey/Redis, whose absence is an ordinary state and never an error.

Every use goes through `Broker.attempt`, which answers None when Redis is away: callers do what
they can without it (tail SQL, count locally) instead of failing.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

log = structlog.get_logger(__name__)

TIMEOUT = 0.5
"""Seconds that one use may take before Redis counts as away."""

PROBE_INTERVAL = 1.0
"""Seconds between probes: an outage or a return is known within this plus `TIMEOUT`."""

AWAY = (RedisError, OSError, asyncio.TimeoutError)

Result = TypeVar("Result")


class Broker:
    """A circuit breaker around one Redis client.

    Closed: uses go through. The first failure opens it: uses answer None at once, so that nobody
    waits for a dead server, until the probe reaches it again. Each change is logged once.
    Use `connect`, which also starts the probe; `close` when done.
    """

    def __init__(self, url: str) -> None:
        # One try per use: redis-py's own retries would add their delays to every caller's.
        self.client: Redis = Redis.from_url(
            url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
        )
        self._available = False
        self._known = False
        self._changed = asyncio.Condition()
        self._probe: asyncio.Task[None] | None = None
        self._away_since: float | None = None
        self._refusal = ""

    @property
    def available(self) -> bool:
        """Whether the last use or probe succeeded."""
        return self._available

    async def attempt(self, use: Callable[[Redis], Awaitable[Result]]) -> Result | None:
        """Return what `use` returns, or None when Redis is away, too slow, or refuses the command
        (out of memory, a read-only replica). Raises nothing of Redis's."""
        if not self._available:
            return None
        try:
            async with asyncio.timeout(TIMEOUT * 2):
                result = await use(self.client)
        except ResponseError as error:
            # It answers, so the breaker stays closed; the same refusal is told once.
            if str(error) != self._refusal:
                self._refusal = str(error)
                log.warning("broker_refused", error=self._refusal)
            return None
        except AWAY as error:
            await self._set(available=False, error=error)
            return None
        else:
            self._refusal = ""
            return result

    async def wait_available(self) -> None:
        """Return once Redis answers."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._available)

    def start(self) -> None:
        """Begin probing; `connect` does it."""
        if self._probe is None:
            self._probe = asyncio.create_task(self._run_probe(), name="broker-probe")

    async def probe(self) -> bool:
        """Ask once whether Redis answers, and remember it."""
        try:
            async with asyncio.timeout(TIMEOUT * 2):
                await self.client.ping()
        except AWAY as error:
            await self._set(available=False, error=error)
        else:
            await self._set(available=True)
        return self._available

    async def close(self) -> None:
        """Stop probing and close all connections; idempotent."""
        if self._probe is not None:
            self._probe.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._probe
            self._probe = None
        self._available = False
        with contextlib.suppress(*AWAY):
            await self.client.aclose()

    async def _run_probe(self) -> None:
        while True:
            await asyncio.sleep(PROBE_INTERVAL)
            await self.probe()

    async def _set(self, *, available: bool, error: BaseException | None = None) -> None:
        if self._known and available == self._available:
            return
        self._known = True
        self._available = available
        if available:
            since, self._away_since = self._away_since, None
            away = None if since is None else round(time.monotonic() - since, 3)
            log.info("broker_available", away_seconds=away)
        else:
            self._away_since = time.monotonic()
            log.warning(
                "broker_away",
                error=repr(error),
                advice="sessions go on; check that Valkey/Redis runs and redis_url is right",
            )
        async with self._changed:
            self._changed.notify_all()


async def connect(url: str) -> Broker:
    """Return a broker for `url` (`unix:///path`, `redis://…`, `rediss://…`), whether or not
    anything answers there now. Raises ValueError for a URL of another kind."""
    broker = Broker(url)
    await broker.probe()
    broker.start()
    return broker
