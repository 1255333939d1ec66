"""Everybody can use the pages: no serious barriers by axe in either language, the main job by
keyboard alone, the language said to screen readers, and a screen that stays awake."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.e2e.browser import browser
from tests.e2e.cameras import GREEN
from tests.e2e.pages import by_id, sign_in, state
from tests.e2e.product import Product
from tests.e2e.session import LiveSession, live_session
from tests.e2e.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

STILL = """() => document.getAnimations().every(
  a => a.playState !== 'running' || a.effect.getComputedTiming().endTime === Infinity)"""
"""No transition is under way; what pulses for ever may."""
NAMES = ("Main", "East", "West")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(
    product: Product, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LiveSession]:
    """A live session in which somebody speaks and somebody waits; East's place is free."""
    folder = tmp_path_factory.mktemp("session")
    async with live_session(product, folder, NAMES, empty=("East",)) as made:
        async with made.chair() as chair:
            await chair.command("recording.start")
            await chair.command("floor.grant", venue_id=made.ids["West"])
        yield made


async def barriers(page: Page) -> list[str]:
    """What axe finds serious on the page as it is now."""
    await page.wait_for_function(STILL)  # half faded in, everything lacks contrast
    found = (await Axe().run(page)).response
    assert len(found["passes"]) >= 10, "axe has hardly looked"
    return [
        f"{v['id']} ({v['impact']}) at {[n['target'] for n in v['nodes']][:4]}:"
        f" {v['nodes'][0].get('failureSummary', '')}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


async def no_barriers(page: Page) -> None:
    """Axe finds nothing serious on the page as it is now, in either language."""
    switch = page.locator(by_id("language-switch")).first
    for language in ("en", "zh-CN"):
        await expect(switch).to_have_attribute("data-state", language)
        await expect(page.locator("html")).to_have_attribute("lang", language)
        assert await barriers(page) == [], f"{page.url} in {language}"
        await switch.click()
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_start_and_sign_in(product: Product, tmp_path: Path) -> None:
    async with browser(tmp_path) as chromium:
        page = chromium.page
        await page.goto(product.url)
        await state(page, "server-state", "reachable")
        await no_barriers(page)
        for place in ("host", "monitor", "archive"):
            await page.goto(f"{product.url}/{place}")
            await page.wait_for_selector(by_id("sign-in-form"))
        await no_barriers(page)


async def test_list_creation_and_control_panel(
    product: Product, session: LiveSession, tmp_path: Path
) -> None:
    async with browser(tmp_path) as chromium:
        await sign_in(chromium, product)
        page = chromium.page
        await page.goto(f"{product.url}/host")
        await page.wait_for_selector(by_id("session-row"))
        await no_barriers(page)
        await page.click(by_id("new-session"))
        await page.wait_for_selector(by_id("create-form"))
        await no_barriers(page)
        await page.goto(f"{product.url}/host#session={session.session_id}")
        await page.wait_for_selector(by_id("holder-row"))
        await no_barriers(page)
        await page.click(by_id("links-open"))
        await page.wait_for_selector(by_id("link-row"))
        assert await barriers(page) == []


async def test_monitor(product: Product, session: LiveSession, tmp_path: Path) -> None:
    async with browser(tmp_path) as chromium:
        await sign_in(chromium, product)
        page = chromium.page
        await page.goto(f"{product.url}/monitor#session={session.session_id}")
        row = page.locator(f'{by_id("monitor-row")}[data-venue-id="{session.ids["West"]}"]')
        await expect(row).to_have_attribute("data-state", "good")
        await no_barriers(page)
        await row.get_by_role("button").first.click()
        await page.wait_for_selector(by_id("monitor-detail"))
        assert await barriers(page) == []


async def test_venue_before_and_on_stage_with_a_screen_that_stays_awake(
    session: LiveSession, tmp_path: Path
) -> None:
    async with browser(tmp_path, GREEN) as chromium:
        await chromium.context.add_init_script(
            """
            const request = WakeLock.prototype.request;
            window.awake = [];
            WakeLock.prototype.request = function (kind) {
              window.awake.push(kind);
              return request.call(this, kind);
            };
            """
        )
        page = chromium.page
        await page.goto(session.links["East"])
        await state(page, "camera-preview", "ok")
        await no_barriers(page)
        assert await page.evaluate("window.awake") == []
        await page.click(by_id("join"))
        await state(page, "venue-slot", "playing")
        assert await page.evaluate("window.awake") == ["screen"]
        await no_barriers(page)
        for opener in ("settings-button", "floor-request", "shortcuts"):
            await page.click(by_id(opener))
            await expect(page.locator("dialog[open]")).to_be_visible()
            assert await barriers(page) == [], opener
            await page.keyboard.press("Escape")
            await expect(page.locator("dialog[open]")).to_be_hidden()


async def test_the_floor_is_requested_held_and_given_back_by_keyboard_alone(
    session: LiveSession, tmp_path: Path
) -> None:
    async with browser(tmp_path, GREEN) as chromium, session.chair() as chair:
        page = chromium.page
        east = session.ids["East"]
        await page.goto(session.links["East"])
        await state(page, "microphone-preview", "ok")
        await press_on(page, "join")
        await state(page, "floor", "free")
        await press_on(page, "floor-request")
        await expect(page.locator(by_id("floor-subject"))).to_be_focused()
        await page.keyboard.type("Dikes, by keyboard")
        await page.keyboard.press("Tab")
        await expect(page.locator(by_id("floor-speaker"))).to_be_focused()
        await page.keyboard.type("Li")
        await page.keyboard.press("Enter")
        await state(page, "floor", "waiting")
        view = await chair.until(lambda v: v["floor"]["queue"] != [])
        request = view["floor"]["requests"][view["floor"]["queue"][0]]
        assert (request["venue_id"], request["subject"], request["speaker"]) == (
            east,
            "Dikes, by keyboard",
            "Li",
        )
        await chair.command("floor.grant", request_id=request["request_id"])
        await state(page, "floor", "holding")
        await state(page, "air", "on_air")
        # The keys on the stage: microphone off and on, then the floor back.
        await page.keyboard.press("m")
        await state(page, "microphone-button", "off")
        await page.keyboard.press("m")
        await state(page, "microphone-button", "on")
        await press_on(page, "floor-release")
        await state(page, "floor", "free")
        await chair.until(lambda v: east not in v["floor"]["holders"])


async def press_on(page: Page, handle: str) -> None:
    """Go to a control by Tab, as one can see where one is, and press Enter on it."""

    async def at() -> Any:
        await page.keyboard.press("Tab")
        return await page.evaluate(
            """() => {
              const focused = document.activeElement;
              const {outlineStyle, boxShadow} = getComputedStyle(focused);
              return [focused.dataset.testid, outlineStyle !== 'none' || boxShadow !== 'none'];
            }"""
        )

    _, visible = await eventually(at, lambda now: now[0] == handle)
    assert visible, f"{handle} does not show that it has the focus"
    await page.keyboard.press("Enter")


async def test_archive(product: Product, tmp_path: Path) -> None:
    async with live_session(product, tmp_path, ("Main",)) as session, session.chair() as chair:
        await chair.command("recording.start")
        view = await chair.until(lambda v: v.get("recording") is not None)
        recording = view["recording"]["recording_id"]
        tracks = product.data / "recordings" / recording / "tracks"

        async def captured() -> list[int]:
            return [f.stat().st_size for f in tracks.glob("*.mkv")]

        await eventually(captured, lambda sizes: len(sizes) == 2 and min(sizes) > 5_000)
        await chair.command("session.end")
    async with browser(tmp_path) as chromium:
        await sign_in(chromium, product)
        page = chromium.page
        await page.goto(f"{product.url}/archive")
        ready = page.locator(
            f'{by_id("recording-row")}[data-recording-id="{recording}"][data-state="ready"]'
        )
        await expect(ready).to_be_visible()
        await no_barriers(page)
        await ready.click()
        await page.wait_for_selector(by_id("chapter"))
        await no_barriers(page)
