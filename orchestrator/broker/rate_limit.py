"""Token buckets: how often somebody may do something, counted for the whole cluster.

Redis counts for all orchestrators with one atomic script on its own clock. While it is away each
orchestrator counts for itself with the same arithmetic, and forgets it when Redis is back. That is
no in-memory twin of the product: a limit is a brake, not truth, nothing reads it back, and the
embedded default runs the Redis path; refusing every login because a cache is down would be
the outage that the limit is meant to prevent.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from redis.asyncio import Redis

from orchestrator.broker.connection import Broker

PREFIX = "plenary:rate:"
LOCAL_KEYS = 10_000
"""Most keys counted locally; the longest unused is forgotten first."""

TAKE = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1000000
local limit, period = tonumber(ARGV[1]), tonumber(ARGV[2])
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens, at = tonumber(held[1]) or limit, tonumber(held[2]) or now
tokens = math.min(limit, tokens + math.max(0, now - at) * limit / period)
local wait = 0
if tokens >= 1 then tokens = tokens - 1 else wait = (1 - tokens) * period / limit end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', string.format('%.6f', now))
redis.call('PEXPIRE', KEYS[1], math.ceil(period * 1000))
return tostring(wait)
"""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`retry_after`: seconds until the next try can succeed; 0 when allowed."""

    allowed: bool
    retry_after: float


@dataclass(frozen=True, slots=True)
class Rate:
    """`limit` at once, refilled over `period` seconds."""

    limit: int
    period: float


def take(tokens: float, elapsed: float, rate: Rate) -> tuple[float, Verdict]:
    """Fill a bucket for `elapsed` seconds, take one token; return what is left and the verdict."""
    tokens = min(float(rate.limit), tokens + max(0.0, elapsed) * rate.limit / rate.period)
    if tokens >= 1:
        return tokens - 1, Verdict(allowed=True, retry_after=0.0)
    wait = (1 - tokens) * rate.period / rate.limit
    return tokens, Verdict(allowed=False, retry_after=wait)


class RateLimiter:
    def __init__(self, broker: Broker, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._broker = broker
        self._clock = clock
        self._local: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def allow(self, key: str, rate: Rate) -> Verdict:
        """Take one token of `key` (what and who, such as `login:10.0.0.7`)."""

        async def use(client: Redis) -> float:
            script = client.eval(TAKE, 1, PREFIX + key, str(rate.limit), str(rate.period))
            return float(await script)

        wait = await self._broker.attempt(use)
        if wait is None:
            return self._allow_locally(key, rate)
        self._local.clear()
        return Verdict(allowed=wait <= 0, retry_after=wait)

    async def refund(self, key: str, rate: Rate) -> None:
        """Give back a token that was taken for something that turned out well."""

        async def use(client: Redis) -> bool:
            # A bucket that has expired is full already; do not make one.
            if await client.exists(PREFIX + key):
                await client.hincrbyfloat(PREFIX + key, "tokens", 1.0)
                await client.pexpire(PREFIX + key, int(rate.period * 1000))
            return True

        if await self._broker.attempt(use) is None and key in self._local:
            tokens, at = self._local[key]
            self._local[key] = (min(float(rate.limit), tokens + 1), at)

    def _allow_locally(self, key: str, rate: Rate) -> Verdict:
        now = self._clock()
        tokens, at = self._local.pop(key, (float(rate.limit), now))
        tokens, verdict = take(tokens, now - at, rate)
        self._local[key] = (tokens, now)
        while len(self._local) > LOCAL_KEYS:
            self._local.popitem(last=False)
        return verdict
