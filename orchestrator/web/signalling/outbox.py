"""What waits to be sent to one client, bounded: a slow reader costs nobody but himself."""

import asyncio
from collections import deque

MESSAGE_LIMIT = 2000
BYTE_LIMIT = 8 * 1024 * 1024
"""A snapshot of 300 venues is some 100 KiB; changes are a few hundred bytes."""


class Outbox:
    """`put` from anywhere in the event loop; one task takes with `next`."""

    def __init__(self, messages: int = MESSAGE_LIMIT, size: int = BYTE_LIMIT) -> None:
        self._message_limit = messages
        self._byte_limit = size
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    def put(self, text: str) -> bool:
        """Queue a message; False when the client is too slow to be sent any more."""
        if len(self._waiting) >= self._message_limit or self._bytes > self._byte_limit:
            return False
        self._waiting.append(text)
        self._bytes += len(text)
        self._filled.set()
        self._empty.clear()
        return True

    async def next(self) -> str:
        """Wait for the oldest message and take it."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        text = self._waiting.popleft()
        self._bytes -= len(text)
        if not self._waiting:
            self._empty.set()
        return text

    async def wait_empty(self) -> None:
        """Return once nothing waits."""
        await self._empty.wait()

    def clear(self) -> None:
        """Throw away what waits: its client has to begin anew."""
        self._waiting.clear()
        self._bytes = 0
        self._empty.set()
