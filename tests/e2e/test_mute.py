"""Mute all: whoever is muted knows it, nobody hears it, and it is as before when unmuted."""

import time
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.e2e.browser import Browser, browser
from tests.e2e.cameras import GREEN
from tests.e2e.pages import VenuePage, by_id, sign_in
from tests.e2e.product import Product
from tests.e2e.session import LiveSession, live_session
from tests.e2e.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

QUIET = 0.7
"""Seconds. A microphone sends a packet each 20 ms, silence too."""


async def test_everybody_is_muted_and_heard_again_by_the_host(
    product: Product, tmp_path: Path
) -> None:
    async with (
        live_session(
            product, tmp_path, ("Main", "East", "West"), empty=("East", "West")
        ) as session,
        browser(tmp_path, GREEN) as chromium,
        browser(tmp_path) as desk,
        session.chair() as chair,
    ):
        east = session.ids["East"]
        speaker = VenuePage(chromium, session.links["East"])
        await speaker.enter()
        await chair.until(lambda v: len(v["venues"][east]["publications"]) == 2)
        await chair.command("floor.grant", venue_id=east)
        await speaker.air("on_air")
        # A listener in a tab beside the host's panel.
        west = VenuePage(
            Browser(await desk.context.new_page(), desk.context), session.links["West"]
        )
        await west.enter()
        await eventually(lambda: west.browser.heard([GREEN]), bool)
        await session.flowing("Main", "slot-1-audio")

        await sign_in(desk, product)
        await desk.page.goto(f"{product.url}/host#session={session.session_id}")
        await desk.page.click(by_id("mute-all"))
        await speaker.air("muted")
        await expect(speaker.page.locator(by_id("air"))).to_contain_text("Muted by the host")
        before = await silent(session, "Main", "slot-1-audio")
        await eventually(lambda: west.browser.heard([GREEN]), lambda heard: not heard)
        # Still seen, still holding the floor; and the main venue is not muted.
        await session.flowing("Main", "slot-1-video")
        await eventually(west.stage_colour, lambda colour: colour == GREEN.name)
        assert east in chair.view["floor"]["holders"]
        assert chair.view["venues"][session.ids["Main"]]["heard"]
        assert session.packets("Main", "slot-1-audio") == before

        await desk.page.click(by_id("unmute-all"))
        await speaker.air("on_air")
        await eventually(lambda: west.browser.heard([GREEN]), bool)
        await session.flowing("Main", "slot-1-audio")


async def silent(session: LiveSession, venue: str, target: str) -> int:
    """Until nothing has come of this sound for a while; how many packets did before."""
    stage = session.venues[venue].stage
    assert stage is not None
    stream = stage.streams[target]

    async def quiet() -> float:
        return time.monotonic() - stream.last_at

    await eventually(quiet, lambda seconds: seconds > QUIET, 15)
    return stream.packets
