"""The token bucket and the outbox."""

import asyncio

import pytest

from orchestrator.web.signalling.outbox import Outbox
from orchestrator.web.signalling.rate import TokenBucket


def test_a_bucket_allows_its_burst_then_its_rate() -> None:
    bucket = TokenBucket(rate=10, burst=3, now=0.0)
    assert [bucket.take(0.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.take(0.1)
    assert not bucket.take(0.15)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    bucket = TokenBucket(rate=10, burst=1, now=10.0)
    assert bucket.take(10.0)
    assert not bucket.take(5.0)


async def test_an_outbox_keeps_order_and_refuses_when_it_is_full() -> None:
    outbox = Outbox(messages=2, size=100)
    assert outbox.put("a")
    assert outbox.put("b")
    assert not outbox.put("c")
    assert await outbox.next() == "a"
    assert outbox.put("d")
    assert [await outbox.next(), await outbox.next()] == ["b", "d"]
    await asyncio.wait_for(outbox.wait_empty(), 1)


async def test_an_outbox_is_bounded_in_size_too() -> None:
    outbox = Outbox(messages=100, size=10)
    assert outbox.put("x" * 11)
    assert not outbox.put("y")
    outbox.clear()
    assert outbox.put("y")
    assert await outbox.next() == "y"


async def test_whoever_waits_for_a_message_gets_it() -> None:
    outbox = Outbox()
    waiting = asyncio.create_task(outbox.next())
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.01)
    outbox.put("late")
    assert await waiting == "late"
