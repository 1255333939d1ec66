"""Waiting for what should become true, and for what should stay true."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(
    look: Callable[[], Awaitable[T]], good: Callable[[T], bool], seconds: float = 30.0
) -> T:
    """Look until it is good; the last look is in the failure. Raises AssertionError."""
    last: T | None = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                last = await look()
                if good(last):
                    return last
                await asyncio.sleep(0.1)
    except TimeoutError as error:
        raise AssertionError(f"still {last!r} after {seconds} s") from error


async def always(
    look: Callable[[], Awaitable[T]], good: Callable[[T], bool], times: int = 8
) -> None:
    """Look several times; every look must be good. Raises AssertionError."""
    for _ in range(times):
        seen = await look()
        assert good(seen), f"it was {seen!r}"
