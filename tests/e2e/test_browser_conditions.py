"""Browsers as people have them: blocked sound, refused or missing devices, a telephone, a device
that disappears, a network that goes away."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.e2e.browser import HEARD_DB, Browser, browser
from tests.e2e.cameras import GREEN
from tests.e2e.pages import VenuePage, by_id, sign_in, state
from tests.e2e.product import Product
from tests.e2e.session import live_session
from tests.e2e.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120), pytest.mark.asyncio(loop_scope="module")]

FAKE = "--use-fake-device-for-media-stream"
PLUGS = """
  // What Chromium does when somebody pulls a plug, and when it is put back.
  const media = navigator.mediaDevices, out = new Set(), taken = [];
  const take = media.getUserMedia.bind(media);
  media.getUserMedia = async wish => {
    if ((wish.video && out.has('videoinput')) || (wish.audio && out.has('audioinput')))
      throw new DOMException('Requested device not found', 'NotFoundError');
    const stream = await take(wish);
    taken.push(...stream.getTracks());
    return stream;
  };
  window.unplug = device => {
    out.add(device);
    for (const track of taken.filter(t => device.startsWith(t.kind))) {
      track.stop();
      track.dispatchEvent(new Event('ended'));
    }
    media.dispatchEvent(new Event('devicechange'));
  };
  window.plug = () => {
    out.clear();
    media.dispatchEvent(new Event('devicechange'));
  };
"""
NO_MICROPHONE = """
  // Chromium has no flag for it: what it does on a machine without one.
  const media = navigator.mediaDevices;
  const take = media.getUserMedia.bind(media), list = media.enumerateDevices.bind(media);
  media.getUserMedia = async wish => {
    if (wish.audio) throw new DOMException('Requested device not found', 'NotFoundError');
    return take(wish);
  };
  media.enumerateDevices = async () => (await list()).filter(d => d.kind !== 'audioinput');
"""
TELEPHONE = {
    "has_touch": True,
    "is_mobile": True,
    "device_scale_factor": 2,
    "user_agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/126.0.0.0 Mobile Safari/537.36",
}


async def decoded(chromium: Browser) -> int:
    """Video frames that this browser has decoded."""
    received = await chromium.stats("inbound-rtp")
    return sum(s.get("framesDecoded", 0) for s in received if s["kind"] == "video")


async def sees_and_hears(chromium: Browser) -> None:
    """Until the stage's picture is decoded and its sound is heard."""
    await eventually(lambda: decoded(chromium), lambda frames: frames > 5)
    await eventually(chromium.loudness, lambda db: db > HEARD_DB)


async def test_blocked_sound_is_seen_by_the_technician_and_turned_on_by_a_click(
    product: Product, tmp_path: Path
) -> None:
    async with (
        live_session(product, tmp_path, ("Main", "East"), empty=("East",)) as session,
        browser(tmp_path, autoplay=False, permit=False) as chromium,
        browser(tmp_path) as desk,
    ):
        await sign_in(desk, product)
        await desk.page.goto(f"{product.url}/monitor#session={session.session_id}")
        row = desk.page.locator(f'{by_id("monitor-row")}[data-venue-id="{session.ids["East"]}"]')
        await expect(row).to_be_visible()

        # A restored tab comes back to the stage without a click, so the browser blocks sound,
        # unless the page may use a microphone. Looking into the page counts as a gesture, so the
        # technician is asked first.
        place = f"plenary.inside.{session.session_id}.{session.ids['East']}"
        await chromium.context.add_init_script(f"sessionStorage.setItem('{place}', '1')")
        page = chromium.page
        await page.goto(session.links["East"])
        flag = row.get_by_text("the browser blocks sound")
        await expect(flag).to_be_visible()
        await state(page, "sound-blocked", "blocked")
        await eventually(lambda: decoded(chromium), lambda frames: frames > 5)
        assert await chromium.loudness() < HEARD_DB

        await page.locator(by_id("sound-blocked")).get_by_role("button").click()
        await expect(page.locator(by_id("sound-blocked"))).to_be_hidden()
        await eventually(chromium.loudness, lambda db: db > HEARD_DB)
        await expect(flag).to_be_hidden()


async def test_without_permission_one_listens_and_is_told_how_to_allow(
    product: Product, tmp_path: Path
) -> None:
    async with (
        live_session(product, tmp_path, ("Main", "East"), empty=("East",)) as session,
        browser(tmp_path, permit=False, extra=(FAKE,)) as chromium,
    ):
        page = chromium.page
        await page.goto(session.links["East"])
        await state(page, "permission-advice", "refused")
        advice = page.locator(by_id("permission-advice"))
        await expect(advice).to_contain_text("Click the icon to the left of the address")
        await page.click(by_id("language-switch"))
        await expect(advice).to_contain_text("点击地址左侧的图标")
        await expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        await expect(page.locator(by_id("join"))).to_have_text("不使用话筒进入")
        await page.click(by_id("join"))
        await state(page, "microphone-button", "refused")
        await state(page, "camera-button", "refused")
        await sees_and_hears(chromium)
        async with session.chair() as chair:
            await chair.until(lambda v: v["venues"][session.ids["East"]]["connected"])
            assert chair.view["venues"][session.ids["East"]]["publications"] == {}


@pytest.mark.parametrize(
    "there", [{"microphone"}, {"camera"}, set()], ids=["no camera", "no microphone", "nothing"]
)
async def test_whatever_device_is_missing_one_takes_part_with_the_others(
    product: Product, tmp_path: Path, there: set[str]
) -> None:
    cameras = FAKE if "camera" in there else f"{FAKE}=device-count=0"
    async with (
        live_session(product, tmp_path, ("Main", "East"), empty=("East",)) as session,
        browser(tmp_path, extra=(cameras,)) as chromium,
    ):
        if "microphone" not in there:
            await chromium.context.add_init_script(NO_MICROPHONE)
        page = chromium.page
        await page.goto(session.links["East"])
        await state(page, "camera-preview", "ok" if "camera" in there else "none")
        await state(page, "microphone-preview", "ok" if "microphone" in there else "none")
        await page.click(by_id("join"))
        await state(page, "camera-button", "on" if "camera" in there else "none")
        await state(page, "microphone-button", "on" if "microphone" in there else "none")
        await sees_and_hears(chromium)
        async with session.chair() as chair:
            east = session.ids["East"]
            await chair.until(lambda v: set(v["venues"][east]["publications"]) == there)


@pytest.mark.parametrize("language", ["en-US", "zh-CN"])
async def test_on_a_telephone_everything_fits(
    product: Product, tmp_path: Path, language: str
) -> None:
    async with (
        live_session(product, tmp_path, ("Main", "East"), empty=("East",)) as session,
        browser(
            tmp_path, GREEN, language=language, viewport=(390, 844), device=TELEPHONE
        ) as chromium,
    ):
        page = chromium.page
        await page.goto(session.links["East"])
        await state(page, "camera-preview", "ok")
        await fits(page, f"{tmp_path}/prejoin-{language}.png")
        await page.tap(by_id("join"))
        await state(page, "venue-slot", "playing")
        await state(page, "connection", "open")
        await fits(page, f"{tmp_path}/stage-{language}.png")
        picture = await page.locator(by_id("stage-video")).first.bounding_box()
        assert picture is not None
        assert picture["width"] > 300
        assert picture["height"] > 150
        await page.tap(by_id("floor-request"))
        await expect(page.locator(by_id("floor-subject"))).to_be_visible()
        await fits(page, f"{tmp_path}/dialog-{language}.png")
        await page.tap(by_id("floor-send"))
        await state(page, "floor", "waiting")
        await fits(page, f"{tmp_path}/waiting-{language}.png")


async def fits(page: Page, picture: str) -> None:
    """No sideways scrolling; each visible control inside the window's width, and reachable."""
    await page.screenshot(path=picture)
    found: dict[str, Any] = await page.evaluate(
        """() => ({
          wide: document.documentElement.scrollWidth - innerWidth,
          outside: [...document.querySelectorAll('button, input, select, a')]
            .filter(e => e.checkVisibility({visibilityProperty: true}))
            .map(e => [e.innerText || e.tagName, e.getBoundingClientRect()])
            .filter(([, r]) => r.left < -0.5 || r.right > innerWidth + 0.5 || r.height < 24)
            .map(([text, r]) => `${text} ${r.left}–${r.right} ${r.height}`),
        })"""
    )
    assert found["wide"] <= 0
    assert found["outside"] == []


@pytest.mark.parametrize(
    ("device", "source", "kind"),
    [("videoinput", "camera", "video"), ("audioinput", "microphone", "audio")],
)
async def test_a_device_that_disappears_is_used_again_when_it_is_back(
    product: Product, tmp_path: Path, device: str, source: str, kind: str
) -> None:
    async with (
        live_session(product, tmp_path, ("Main", "East", "West"), empty=("East",)) as session,
        browser(tmp_path, GREEN) as chromium,
        session.chair() as chair,
    ):
        await chromium.context.add_init_script(PLUGS)
        east = session.ids["East"]
        venue = VenuePage(chromium, session.links["East"])
        page = venue.page
        await venue.enter()
        await chair.until(lambda v: len(v["venues"][east]["publications"]) == 2)
        await chair.command("floor.grant", venue_id=east)
        await venue.air("on_air")
        await session.flowing("West", f"slot-1-{kind}")
        before = chair.view["venues"][east]["publications"][source]

        await page.evaluate("device => window.unplug(device)", device)
        await state(page, f"{source}-button", "lost")
        notice = page.get_by_role("alert").filter(has_text=f"The {source} has disappeared")
        await expect(notice).to_be_visible()
        await chair.until(lambda v: source not in v["venues"][east]["publications"])

        await page.evaluate("window.plug()")
        await state(page, f"{source}-button", "on")
        await expect(notice).to_be_hidden()
        await chair.until(lambda v: v["venues"][east]["publications"].get(source, 0) > before)
        await session.flowing("West", f"slot-1-{kind}")


async def test_after_a_lost_network_all_returns_and_a_command_counts_once(
    product: Product, tmp_path: Path
) -> None:
    async with (
        live_session(product, tmp_path, ("Main", "East"), empty=("East",)) as session,
        browser(tmp_path, GREEN) as chromium,
        session.chair() as chair,
    ):
        east = VenuePage(chromium, session.links["East"])
        await east.enter()
        page = chromium.page
        await state(page, "connection", "open")
        await sees_and_hears(chromium)
        await page.evaluate("window.untouched = true")
        notice = page.get_by_role("alert").filter(has_text="Reconnecting by itself")
        await chromium.context.set_offline(True)
        await expect(notice).to_be_visible()
        await page.click(by_id("floor-request"))
        await page.fill(by_id("floor-subject"), "Asked while the network was away")
        await page.click(by_id("floor-send"))
        await expect(page.get_by_text("Your action is sent as soon as")).to_be_visible()
        assert chair.view["floor"]["queue"] == []
        await chromium.context.set_offline(False)

        await state(page, "connection", "open")
        await state(page, "floor", "waiting")
        await expect(notice).to_be_hidden()
        view = await chair.until(lambda v: v["floor"]["queue"] != [])
        requests = [
            r["subject"]
            for r in view["floor"]["requests"].values()
            if r["venue_id"] == session.ids["East"]
        ]
        assert requests == ["Asked while the network was away"]
        frames = await decoded(chromium)
        await eventually(lambda: decoded(chromium), lambda now: now > frames)
        assert await page.evaluate("window.untouched")
