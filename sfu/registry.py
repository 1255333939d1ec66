"""This node's entry in Valkey, kept alive by a heartbeat. Media never depends on it.

Key `plenary:node:<id>`, value JSON {id, kind, control}, expiring after `EXPIRY_SECONDS`.
"""

import asyncio
import contextlib
import json
from typing import Literal

import redis.asyncio as valkey
import structlog
from redis.exceptions import RedisError

EXPIRY_SECONDS = 10
RENEWAL_SECONDS = 3.0
TIMEOUT_SECONDS = 2.0

log = structlog.get_logger()


class NodeHeartbeat:
    """Announces a node until cancelled. The registry's absence is logged once and endured."""

    def __init__(
        self, url: str, *, node_id: str, kind: Literal["worker", "recorder"], control: str
    ) -> None:
        self._client = valkey.Redis.from_url(
            url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )
        self._key = f"plenary:node:{node_id}"
        self._value = json.dumps({"id": node_id, "kind": kind, "control": control})
        self._present: bool | None = None

    async def run(self) -> None:
        """Renew until cancelled; then take the entry away, if the registry answers."""
        try:
            while True:
                await self._renew()
                await asyncio.sleep(RENEWAL_SECONDS)
        finally:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                if self._present:
                    await self._client.delete(self._key)
            with contextlib.suppress(RedisError, OSError):
                await self._client.aclose()

    async def _renew(self) -> None:
        try:
            await self._client.set(self._key, self._value, ex=EXPIRY_SECONDS)
        except (RedisError, OSError, TimeoutError) as error:
            if self._present is not False:
                log.warning("registry.absent", error=str(error), note="media is not affected")
            self._present = False
        else:
            if self._present is False:
                log.info("registry.back")
            self._present = True
