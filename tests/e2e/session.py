"""A running session with synthetic venues, for tests of what survives what."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from peers.clip import clip
from peers.signalling import SignallingClient
from peers.venue import SyntheticVenue
from tests.e2e.product import Product
from tests.e2e.waiting import eventually

NAMES = ("Main", "East", "West")


class LiveSession:
    """`venues` by name: synthetic ones that publish and receive; `chair` commands."""

    def __init__(
        self, product: Product, detail: dict[str, Any], venues: dict[str, SyntheticVenue]
    ) -> None:
        self.product = product
        self.session_id: str = detail["session"]["session_id"]
        self.links: dict[str, str] = {link["name"]: link["url"] for link in detail["links"]}
        self.ids: dict[str, str] = {link["name"]: link["venue_id"] for link in detail["links"]}
        self.venues = venues
        self.switches: list[tuple[float, int, str, str | None]] = []

    @contextlib.asynccontextmanager
    async def chair(self) -> AsyncIterator[SignallingClient]:
        """A host's connection; `switches` gets (monotonic s, slot, kind, venue) in effect."""
        url = f"{self.product.url.replace('http', 'ws', 1)}/signal?session={self.session_id}"
        async with SignallingClient(self.product.http, url, self._notified) as client:
            await client.join(publish=False)
            yield client

    def packets(self, venue: str, target: str) -> int:
        """How many packets this venue has received of a slot or bus; 0 while it is away."""
        stage = self.venues[venue].stage
        return stage.streams[target].packets if stage and target in stage.streams else 0

    async def flowing(self, venue: str, target: str = "slot-1-video", seconds: float = 20) -> float:
        """Wait until packets arrive; returns the monotonic time at which they did."""
        before = self.packets(venue, target)

        async def more() -> bool:
            return self.packets(venue, target) > 0 and self.packets(venue, target) != before

        await eventually(more, bool, seconds)
        return time.monotonic()

    async def switched(self, slot: int, kind: str, venue_id: str | None, since: float) -> float:
        """Seconds from `since` until the worker reported that switch."""

        async def look() -> float | None:
            return next(
                (
                    at
                    for at, s, k, v in self.switches
                    if at >= since and (s, k, v) == (slot, kind, venue_id)
                ),
                None,
            )

        at = await eventually(look, lambda found: found is not None, 10)
        assert at is not None
        return at - since

    def _notified(self, method: str, params: dict[str, Any]) -> None:
        if method == "stage.switched":
            self.switches.append(
                (time.monotonic(), params["slot"], params["kind"], params.get("venue_id"))
            )


@contextlib.asynccontextmanager
async def live_session(
    product: Product,
    folder: Path,
    names: tuple[str, ...] = NAMES,
    *,
    empty: tuple[str, ...] = (),
    **options: Any,
) -> AsyncIterator[LiveSession]:
    """Sign in, create, open and start a session in which every venue publishes and receives,
    but for the `empty` ones: their places are for browsers."""
    await product.sign_in()
    detail = await product.post(
        "/api/sessions",
        {
            "title": "What survives",
            "venues": [{"name": n, "kind": "branch" if i else "main"} for i, n in enumerate(names)],
            **options,
        },
    )
    venues = {}
    for number, link in enumerate(detail["links"]):
        if link["name"] in empty:
            continue
        pictures = await asyncio.to_thread(clip, link["name"], number, folder / "clips")
        token = link["url"].rsplit("/", 1)[1]
        venues[link["name"]] = SyntheticVenue(product.url, token, pictures)
    session = LiveSession(product, detail, venues)
    running = [asyncio.create_task(venue.run()) for venue in venues.values()]
    try:
        async with session.chair() as chair:
            await chair.command("session.open")
            await chair.command("session.start")
        for venue in venues.values():
            await asyncio.wait_for(venue.ready.wait(), 30)
        yield session
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
