"""Presence: which venues have a connection at which orchestrator, for overviews of a cluster.

Decisions never depend on it: that a venue joined or left is an event of the session log.
"""

import time
from collections.abc import Callable

from redis.asyncio import Redis

from orchestrator.broker.connection import Broker

PREFIX = "plenary:presence:"
EXPIRY = 30.0
"""Seconds that a sign of life lasts; renew at a third of it."""


class Presence:
    """A sorted set per session: `<orchestrator>/<venue>` scored with the end of its validity."""

    def __init__(
        self, broker: Broker, origin: str, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._broker = broker
        self._origin = origin
        self._clock = clock

    async def announce(self, session_id: str, *venue_ids: str) -> bool:
        """Renew these venues for `EXPIRY` seconds; False when Redis is away."""
        if not venue_ids:
            return True
        key = PREFIX + session_id
        until = self._clock() + EXPIRY
        members = {f"{self._origin}/{venue_id}": until for venue_id in venue_ids}

        async def use(client: Redis) -> bool:
            async with client.pipeline(transaction=True) as pipe:
                pipe.zadd(key, members)
                pipe.expire(key, int(EXPIRY * 2))
                await pipe.execute()
            return True

        return bool(await self._broker.attempt(use))

    async def withdraw(self, session_id: str, venue_id: str) -> None:
        """The venue's connection here has ended."""

        async def use(client: Redis) -> int:
            return int(await client.zrem(PREFIX + session_id, f"{self._origin}/{venue_id}"))

        await self._broker.attempt(use)

    async def present(self, session_id: str) -> dict[str, str] | None:
        """Venue id → orchestrator, or None when Redis is away."""
        now = self._clock()

        async def use(client: Redis) -> list[str]:
            found = await client.zrangebyscore(PREFIX + session_id, now, "+inf")
            return [str(member) for member in found]

        members = await self._broker.attempt(use)
        if members is None:
            return None
        found = {}
        for member in members:
            origin, _, venue_id = member.partition("/")
            found[venue_id] = origin
        return found
