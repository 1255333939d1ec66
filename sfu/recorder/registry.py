"""The recorder's sign of life in the node registry. Redis may be away: media never need it."""

import asyncio
import json
from pathlib import Path

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

PREFIX = "plenary:node:"
EXPIRY_SECONDS = 10
RENEWAL_SECONDS = 3.0


async def announce(url: str, recorder_id: str, control: Path) -> None:
    """Renew `plenary:node:<id>` until cancelled, then withdraw it."""
    client: Redis = Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0)
    body = json.dumps({"id": recorder_id, "kind": "recorder", "control": str(control)})
    away = False
    try:
        while True:
            try:
                await client.set(PREFIX + recorder_id, body, ex=EXPIRY_SECONDS)
                away = False
            except (RedisError, OSError) as error:
                if not away:
                    log.warning("registry_away", error=str(error))
                away = True
            await asyncio.sleep(RENEWAL_SECONDS)
    finally:
        try:
            if not away:
                await client.delete(PREFIX + recorder_id)
        except (RedisError, OSError):
            pass  # it expires by itself
        await client.aclose()
