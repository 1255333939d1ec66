"""Pings between orchestrators: "session S has reached version n", so that others tail SQL.

A ping carries no content: one that is lost costs a moment, never an event. After an outage every
subscriber is called with None: "read the log again, something may have been missed".
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable

import structlog
from redis.asyncio import Redis

from orchestrator.broker.connection import AWAY, PROBE_INTERVAL, Broker

log = structlog.get_logger(__name__)

PREFIX = "plenary:session:"

Listener = Callable[[int | None], None]
"""Called with the version reached, or None when pings may have been missed."""


class Subscription:
    """Ends with `close()`; idempotent."""

    def __init__(self, fan_out: "FanOut", session_id: str, listener: Listener) -> None:
        self._fan_out = fan_out
        self._session_id = session_id
        self._listener = listener

    def close(self) -> None:
        self._fan_out.drop(self._session_id, self._listener)


class FanOut:
    """Publishes this orchestrator's pings and delivers those of the others.

    One pattern subscription serves all sessions: pings are a few per second for a whole cluster,
    and nothing needs to be re-subscribed one by one after an outage.
    """

    def __init__(self, broker: Broker, origin: str) -> None:
        """`origin` names this orchestrator: its own pings do not come back to it."""
        self._broker = broker
        self._origin = origin
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._task: asyncio.Task[None] | None = None
        self.listening = asyncio.Event()
        """Set while the subscription stands."""

    def start(self) -> None:
        """Begin to listen; idempotent."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="broker-fanout")

    async def close(self) -> None:
        """Stop listening; idempotent."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def publish(self, session_id: str, version: int) -> bool:
        """Tell the others; False when Redis is away (they tail SQL by themselves then)."""
        message = f"{self._origin} {version}"

        async def use(client: Redis) -> bool:
            await client.publish(PREFIX + session_id, message)
            return True

        return bool(await self._broker.attempt(use))

    def subscribe(self, session_id: str, listener: Listener) -> Subscription:
        """Call `listener` (quick, must not raise) on each ping of this session."""
        self._listeners[session_id].append(listener)
        return Subscription(self, session_id, listener)

    def drop(self, session_id: str, listener: Listener) -> None:
        """What `Subscription.close` does."""
        listeners = self._listeners.get(session_id, [])
        if listener in listeners:
            listeners.remove(listener)
        if not listeners:
            self._listeners.pop(session_id, None)

    async def _run(self) -> None:
        while True:
            await self._broker.wait_available()
            with contextlib.suppress(*AWAY):
                await self._listen()
            self.listening.clear()
            # The breaker may not have seen the loss yet; do not spin until it does.
            await asyncio.sleep(PROBE_INTERVAL / 4)
            await self._broker.probe()

    async def _listen(self) -> None:
        async with self._broker.client.pubsub() as pubsub:
            await pubsub.psubscribe(PREFIX + "*")
            self.listening.set()
            self._call_all()
            while True:
                message = await pubsub.get_message(
                    ignore_subscribe_messages=True, timeout=PROBE_INTERVAL
                )
                if message is not None and message["type"] == "pmessage":
                    self._deliver(message["channel"], message["data"])

    def _call_all(self) -> None:
        for listeners in list(self._listeners.values()):
            for listener in list(listeners):
                listener(None)

    def _deliver(self, channel: str, data: str) -> None:
        origin, _, version = data.partition(" ")
        if origin == self._origin:
            return
        if not version.isdecimal():
            log.warning("fanout_ping_unreadable", channel=channel)
            return
        for listener in list(self._listeners.get(channel.removeprefix(PREFIX), ())):
            listener(int(version))
