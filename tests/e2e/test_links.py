"""Join links: who holds a venue's place, links that open nothing, and a link taken back."""

import secrets
import time
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from orchestrator.identity.link_key import load_or_create
from orchestrator.identity.links import LinkClaims, LinkSigner
from tests.e2e.browser import Browser, browser
from tests.e2e.cameras import GREEN
from tests.e2e.pages import VenuePage, by_id, sign_in, state
from tests.e2e.product import Product
from tests.e2e.session import LiveSession, live_session
from tests.e2e.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

NAMES = ("Main", "East", "West")
EMPTY = ("East",)


async def test_two_tabs_on_one_link_only_one_acts_for_the_venue(
    product: Product, tmp_path: Path
) -> None:
    async with (
        live_session(product, tmp_path, NAMES, empty=EMPTY) as session,
        browser(tmp_path, GREEN) as chromium,
        session.chair() as chair,
    ):
        east = session.ids["East"]
        first = VenuePage(chromium, session.links["East"])
        await first.enter()
        await chair.until(lambda v: len(v["venues"][east]["publications"]) == 2)
        await chair.command("floor.grant", venue_id=east)
        await session.flowing("West", "slot-1-audio")

        second = VenuePage(Browser(await chromium.context.new_page(), chromium.context), first.url)
        await second.enter()
        await state(second.page, "occupied", "occupied")
        await state(second.page, "floor", "watching")
        await state(first.page, "floor", "holding")

        before = chair.view["venues"][east]["publications"]
        await second.page.click(by_id("take-over"))
        await expect(second.page.locator(by_id("occupied"))).to_be_hidden()
        await state(second.page, "floor", "holding")
        await state(first.page, "occupied", "superseded")
        await state(first.page, "floor", "watching")
        await chair.until(
            lambda v: (
                len(v["venues"][east]["publications"]) == 2
                and v["venues"][east]["publications"] != before
            )
        )
        await session.flowing("West", "slot-1-audio")
        # The first one does not fight for its place; only to watch is a choice too.
        await first.page.click(by_id("watch-only"))
        await state(first.page, "occupied", "watching")
        await state(second.page, "floor", "holding")


def crafted(session: LiveSession, key: bytes, **changes: object) -> str:
    """A link of East as whoever has `key` would sign it."""
    claims = {
        "session_id": session.session_id,
        "venue_id": session.ids["East"],
        "role": "venue",
        "link_id": f"l{secrets.token_hex(8)}",
        "expires_at": float(int(time.time()) + 3600),
        **changes,
    }
    token = LinkSigner(key).link(LinkClaims(**claims))  # type: ignore[arg-type] # mixed values
    return f"{session.product.url}/join/{token}"


async def test_links_that_open_nothing_say_why_in_both_languages(
    product: Product, tmp_path: Path
) -> None:
    async with (
        live_session(product, tmp_path, NAMES[:2], empty=EMPTY) as session,
        browser(tmp_path) as chromium,
    ):
        key = load_or_create(product.data / "secrets" / "link.key")
        await product.post(f"/api/sessions/{session.session_id}/venues/{session.ids['East']}/link")
        page = chromium.page
        for url, code, english, chinese in (
            (
                crafted(session, key, expires_at=float(int(time.time()) - 60)),
                "link_expired",
                "This link has expired",
                "链接已过期",
            ),
            (
                crafted(session, secrets.token_bytes(32)),
                "link_invalid",
                "This link is not valid",
                "链接无效",
            ),
            (
                f"{product.url}/join/not-a-link",
                "link_invalid",
                "This link is not valid",
                "链接无效",
            ),
            (
                session.links["East"],
                "link_revoked",
                "This link was withdrawn",
                "链接已被撤销",
            ),
        ):
            await page.goto(url)
            await state(page, "venue-link-error", code)
            error = page.locator(by_id("venue-link-error"))
            await expect(error).to_contain_text(english)
            await expect(error).to_contain_text("ask the host of the session")
            await page.click(by_id("language-switch"))
            await expect(error).to_contain_text(chinese)
            await expect(error).to_contain_text("向会议主持人索取")
            await page.click(by_id("language-switch"))


async def test_renewing_a_link_throws_the_venue_out_and_the_new_one_lets_it_in(
    product: Product, tmp_path: Path
) -> None:
    async with (
        live_session(product, tmp_path, NAMES, empty=EMPTY) as session,
        browser(tmp_path, GREEN) as chromium,
        browser(tmp_path) as desk,
        session.chair() as chair,
    ):
        east = session.ids["East"]
        inside = VenuePage(chromium, session.links["East"])
        await inside.enter()
        await chair.until(lambda v: len(v["venues"][east]["publications"]) == 2)
        await chair.command("floor.grant", venue_id=east)
        await session.flowing("West", "slot-1-audio")

        await sign_in(desk, product)
        fresh = await renew(desk.page, session, east)
        await state(inside.page, "venue-link-error", "link_revoked")
        await expect(inside.page.locator(by_id("venue-link-error"))).to_contain_text(
            "This link was withdrawn"
        )
        await chair.until(lambda v: v["venues"][east]["publications"] == {})
        assert await inside.page.evaluate("window.__plenary.pcs().length") == 0

        await inside.page.reload()
        await state(inside.page, "venue-link-error", "link_revoked")
        renewed = VenuePage(chromium, fresh)
        await renewed.enter()
        await chair.until(lambda v: len(v["venues"][east]["publications"]) == 2)


async def renew(page: Page, session: LiveSession, venue_id: str) -> str:
    """Give a venue a new link in the host's panel; returns its URL."""
    await page.goto(f"{session.product.url}/host#session={session.session_id}")
    await page.click(by_id("links-open"))
    row = page.locator(f'{by_id("link-row")}[data-venue-id="{venue_id}"]')
    url = row.locator(f"{by_id('link-url')} input, input{by_id('link-url')}")
    old = await url.input_value()
    await row.locator(by_id("link-renew")).click()
    await page.locator(".el-message-box__btns button").last.click()
    fresh: str = await eventually(url.input_value, lambda now: now != old)
    return fresh


@pytest.mark.parametrize(("language", "word"), [("en-US", "recorded"), ("zh-CN", "录制")])
async def test_a_session_that_records_closed_microphones_says_so_before_one_joins(
    product: Product, tmp_path: Path, language: str, word: str
) -> None:
    venues = [{"name": "Main", "kind": "main"}]
    for policy in ("everything", "stage_and_speakers"):
        detail = await product.post(
            "/api/sessions", {"title": policy, "venues": venues, "recording_policy": policy}
        )
        async with browser(tmp_path, GREEN, language=language) as chromium:
            await chromium.page.goto(detail["links"][0]["url"])
            await chromium.page.wait_for_selector(by_id("prejoin"))
            notice = chromium.page.locator(by_id("records-everything"))
            if policy == "everything":
                await expect(notice).to_contain_text(word)
            else:
                await expect(notice).to_have_count(0)
