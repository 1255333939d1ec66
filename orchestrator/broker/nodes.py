"""The node registry: which workers, recorders and orchestrators are alive, as they say themselves.

A node renews `plenary:node:<id>` every few seconds with an expiry, so a dead one disappears by
itself. The addresses are also known from the settings: without Redis nothing is lost but the list.
"""

import json
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from redis.asyncio import Redis

from orchestrator.broker.connection import Broker

log = structlog.get_logger(__name__)

PREFIX = "plenary:node:"
EXPIRY = 10
"""Seconds after its last sign of life that a node counts as gone."""

RENEWAL = 3.0
"""Seconds between signs of life."""

NODE_LIMIT = 1000


class Node(BaseModel):
    """`control`: where its control connection is (a Unix socket path or host:port)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
    kind: Literal["worker", "recorder", "orchestrator"]
    control: str = ""


class NodeRegistry:
    """Reads the registry, and announces this process in it."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def announce(self, node: Node) -> bool:
        """Renew `node` for `EXPIRY` seconds; call each `RENEWAL`. False when Redis is away."""
        body = json.dumps(node.model_dump())

        async def use(client: Redis) -> bool:
            return bool(await client.set(PREFIX + node.id, body, ex=EXPIRY))

        return bool(await self._broker.attempt(use))

    async def withdraw(self, node_id: str) -> None:
        """Leave the registry at a clean end."""

        async def use(client: Redis) -> int:
            return int(await client.delete(PREFIX + node_id))

        await self._broker.attempt(use)

    async def live(self) -> tuple[Node, ...] | None:
        """All live nodes by id, or None when Redis is away. An entry that does not parse is
        logged and left out."""

        async def use(client: Redis) -> dict[str, str | None]:
            keys = []
            async for key in client.scan_iter(match=PREFIX + "*", count=NODE_LIMIT):
                keys.append(key)
                if len(keys) >= NODE_LIMIT:
                    break
            if not keys:
                return {}
            return dict(zip(keys, await client.mget(keys), strict=True))

        found = await self._broker.attempt(use)
        if found is None:
            return None
        nodes = [_parse(key, value) for key, value in sorted(found.items()) if value is not None]
        return tuple(node for node in nodes if node is not None)


def _parse(key: str, value: str) -> Node | None:
    try:
        return Node.model_validate_json(value)
    except ValidationError as error:
        log.warning("node_entry_unreadable", key=key, errors=error.error_count())
        return None
