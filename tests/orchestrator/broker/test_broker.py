"""The broker against a real Valkey that is killed and started again."""

import asyncio
import time

import pytest

from orchestrator.broker.connection import Broker, connect
from orchestrator.broker.fanout import FanOut
from orchestrator.broker.nodes import PREFIX, Node, NodeRegistry
from orchestrator.broker.presence import Presence
from orchestrator.broker.rate_limit import Rate, RateLimiter, take
from tests.orchestrator.broker.conftest import Valkey, until

pytestmark = pytest.mark.integration


async def test_connects_to_nothing_and_says_so_quickly() -> None:
    started = time.monotonic()
    broker = await connect("unix:///tmp/plenary-nobody-is-here.sock")
    assert not broker.available
    assert await broker.attempt(lambda client: client.get("x")) is None
    assert time.monotonic() - started < 2
    await broker.close()
    await broker.close()


async def test_a_url_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        await connect("http://127.0.0.1/")


async def test_an_outage_is_tolerated_and_ends_by_itself(broker: Broker, valkey: Valkey) -> None:
    assert await broker.attempt(lambda client: client.set("a", "1")) is True
    valkey.kill()
    started = time.monotonic()
    assert await broker.attempt(lambda client: client.get("a")) is None
    assert time.monotonic() - started < 1.5
    assert not broker.available
    valkey.start()
    started = time.monotonic()
    async with asyncio.timeout(5):
        await broker.wait_available()
    assert time.monotonic() - started < 5
    assert await broker.attempt(lambda client: client.set("a", "2")) is True


async def test_a_frozen_server_costs_a_second_at_most(broker: Broker, valkey: Valkey) -> None:
    assert valkey.process is not None
    valkey.process.send_signal(19)  # SIGSTOP
    try:
        started = time.monotonic()
        assert await broker.attempt(lambda client: client.get("a")) is None
        assert time.monotonic() - started < 1.5
        started = time.monotonic()
        assert await broker.attempt(lambda client: client.get("a")) is None
        assert time.monotonic() - started < 0.1
    finally:
        valkey.process.send_signal(18)  # SIGCONT


async def test_a_refused_command_is_no_outage(broker: Broker) -> None:
    assert await broker.attempt(lambda client: client.set("text", "no number")) is True
    assert await broker.attempt(lambda client: client.incr("text")) is None
    assert broker.available
    assert await broker.attempt(lambda client: client.get("text")) == "no number"


async def test_nodes_are_listed_and_a_bad_entry_is_left_out(broker: Broker) -> None:
    registry = NodeRegistry(broker)
    assert await registry.live() == ()
    worker = Node(id="w0", kind="worker", control="/run/w0.sock")
    assert await registry.announce(worker)
    await broker.attempt(lambda client: client.set(PREFIX + "w1", "no json", ex=5))
    assert await registry.live() == (worker,)
    ttl = await broker.attempt(lambda client: client.ttl(PREFIX + "w0"))
    assert ttl is not None
    assert 0 < ttl <= 10
    await registry.withdraw("w0")
    assert await registry.live() == ()


async def test_nodes_without_redis_are_unknown_not_empty(broker: Broker, valkey: Valkey) -> None:
    registry = NodeRegistry(broker)
    valkey.kill()
    assert await registry.live() is None
    assert not await registry.announce(Node(id="w0", kind="worker"))


async def test_pings_reach_the_other_orchestrator_only(broker: Broker) -> None:
    here, there = FanOut(broker, "o1"), FanOut(broker, "o2")
    got_here: list[int | None] = []
    got_there: list[int | None] = []
    other: list[int | None] = []
    here.subscribe("s1", got_here.append)
    subscription = there.subscribe("s1", got_there.append)
    there.subscribe("s2", other.append)
    here.start()
    there.start()
    await until(lambda: here.listening.is_set() and there.listening.is_set())
    got_here.clear()
    got_there.clear()
    other.clear()
    assert await here.publish("s1", 7)
    await until(lambda: got_there == [7])
    assert got_here == []
    assert other == []
    subscription.close()
    subscription.close()
    await here.publish("s1", 8)
    await here.publish("s2", 1)
    await until(lambda: other == [1])
    assert got_there == [7]
    await here.close()
    await there.close()


async def test_after_an_outage_subscribers_read_again(broker: Broker, valkey: Valkey) -> None:
    fan_out = FanOut(broker, "o1")
    got: list[int | None] = []
    fan_out.subscribe("s1", got.append)
    fan_out.start()
    await until(fan_out.listening.is_set)
    got.clear()
    valkey.kill()
    await until(lambda: not fan_out.listening.is_set())
    assert not await fan_out.publish("s1", 3)
    valkey.start()
    await until(lambda: got == [None])
    other = FanOut(broker, "o2")
    await until(fan_out.listening.is_set)
    assert await other.publish("s1", 4)
    await until(lambda: got == [None, 4])
    await fan_out.close()


async def test_presence_expires_and_withdraws(broker: Broker) -> None:
    now = 1000.0
    presence = Presence(broker, "o1", clock=lambda: now)
    assert await presence.announce("s1", "v1", "v2")
    assert await presence.present("s1") == {"v1": "o1", "v2": "o1"}
    await presence.withdraw("s1", "v1")
    assert await presence.present("s1") == {"v2": "o1"}
    now += 31
    assert await presence.present("s1") == {}


async def test_limit_counts_across_orchestrators(broker: Broker) -> None:
    first, second = RateLimiter(broker), RateLimiter(broker)
    rate = Rate(limit=3, period=60)
    verdicts = [
        (await first.allow("login:a", rate)).allowed,
        (await second.allow("login:a", rate)).allowed,
        (await first.allow("login:a", rate)).allowed,
    ]
    assert verdicts == [True, True, True]
    refused = await second.allow("login:a", rate)
    assert not refused.allowed
    assert 0 < refused.retry_after <= 20
    assert (await second.allow("login:b", rate)).allowed


async def test_limit_holds_while_redis_is_away(broker: Broker, valkey: Valkey) -> None:
    limiter = RateLimiter(broker)
    rate = Rate(limit=2, period=60)
    valkey.kill()
    verdicts = [(await limiter.allow("k", rate)).allowed for _ in range(3)]
    assert verdicts == [True, True, False]


async def test_a_refund_gives_the_token_back(broker: Broker, valkey: Valkey) -> None:
    limiter = RateLimiter(broker)
    rate = Rate(limit=1, period=60)
    await limiter.refund("k", rate)
    for _ in range(2):
        assert (await limiter.allow("k", rate)).allowed
        await limiter.refund("k", rate)
        await limiter.refund("k", rate)
    assert (await limiter.allow("k", rate)).allowed
    assert not (await limiter.allow("k", rate)).allowed
    valkey.kill()
    assert (await limiter.allow("k", rate)).allowed
    await limiter.refund("k", rate)
    assert (await limiter.allow("k", rate)).allowed


def test_bucket_refills_and_never_overflows() -> None:
    rate = Rate(limit=2, period=10)
    tokens, verdict = take(2, 0, rate)
    assert (tokens, verdict.allowed) == (1, True)
    tokens, verdict = take(0, 1, rate)
    assert not verdict.allowed
    assert verdict.retry_after == pytest.approx(4)
    tokens, verdict = take(0, 5, rate)
    assert (tokens, verdict.allowed) == (0, True)
    tokens, _ = take(2, 1000, rate)
    assert tokens == 1
    tokens, _ = take(1, -50, rate)
    assert tokens == 0
