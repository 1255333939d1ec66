"""What people do on the pages, by the handles of `web_client/src/ui/testids.ts`."""

from playwright.async_api import Locator, Page, expect

from tests.e2e.browser import Browser
from tests.e2e.product import PASSWORD, Product

PATIENCE = 20_000
"""Milliseconds that a condition may take on a busy machine."""


def by_id(name: str) -> str:
    return f'[data-testid="{name}"]'


async def state(page: Page, handle: str, wanted: str) -> None:
    """Until the first element with this handle says so in `data-state`."""
    await expect(page.locator(by_id(handle)).first).to_have_attribute("data-state", wanted)


class HostPanel:
    """`/host` in a browser."""

    def __init__(self, browser: Browser, product: Product) -> None:
        self.browser = browser
        self.page: Page = browser.page
        self._product = product

    async def set_up(self) -> None:
        """Redeem the one-time link of the first start."""
        await self.page.goto(f"{self._product.url}/host#setup={self._product.setup_token}")
        await self.page.fill(by_id("setup-username"), "chair")
        await self.page.fill(by_id("setup-password"), PASSWORD)
        await self.page.fill(by_id("setup-password-again"), PASSWORD)
        await self.page.click(by_id("setup-submit"))
        await self.page.wait_for_selector(by_id("new-session"))

    async def create_session(self, title: str, main: str, branches: list[str]) -> None:
        """Make a session by hand, and open its control panel."""
        await self.page.click(by_id("new-session"))
        await self.page.fill(by_id("create-title"), title)
        await self.page.fill(by_id("create-main"), main)
        for number, name in enumerate(branches):
            rows = self.page.locator(by_id("create-branch"))
            while await rows.count() <= number:
                await self.page.click(by_id("create-add-branch"))
            await rows.nth(number).fill(name)
        await self.page.click(by_id("create-submit"))
        await self.page.wait_for_selector(by_id("control-panel"))

    async def links(self) -> dict[str, str]:
        """Join URLs by venue id, as the dialog that follows the creation shows them."""
        rows = self.page.locator(by_id("link-row"))
        await expect(rows.first).to_be_visible()
        found = {}
        for row in await rows.all():
            field = row.locator(by_id("link-url"))
            url = (
                await field.input_value()
                if await field.evaluate("e => e.matches('input')")
                else (
                    await field.locator("input").input_value()
                    if await field.locator("input").count()
                    else await field.inner_text()
                )
            )
            venue_id = await row.get_attribute("data-venue-id")
            found[str(venue_id)] = url.strip()
            await expect(row.locator(by_id("link-qr"))).to_be_visible()
        await self.page.keyboard.press("Escape")
        await expect(rows.first).to_be_hidden()
        return found

    async def step(self, name: str) -> None:
        """`open`, `start`, `pause`, `resume`; `end` asks again."""
        await self.page.click(by_id(f"phase-{name}"))
        if name == "end":
            await self.page.locator(".el-message-box__btns button").last.click()
        phase = {
            "open": "open",
            "start": "live",
            "pause": "paused",
            "resume": "live",
            "end": "ended",
        }
        await expect(self.page.locator(by_id("phase"))).to_have_attribute("data-state", phase[name])

    def venue(self, venue_id: str) -> Locator:
        return self.page.locator(f'{by_id("venue-row")}[data-venue-id="{venue_id}"]')

    async def grant(self, venue_id: str) -> None:
        """Grant the waiting request of a venue."""
        row = self.page.locator(f'{by_id("queue-row")}[data-venue-id="{venue_id}"]')
        await row.locator(by_id("grant")).click()
        await expect(self._holder(venue_id)).to_be_visible()

    async def revoke(self, venue_id: str) -> None:
        """Take the floor back."""
        await self._holder(venue_id).locator(by_id("revoke")).click()
        await expect(self._holder(venue_id)).to_be_hidden()

    async def start_recording(self) -> None:
        await self.page.click(by_id("recording-start"))
        await expect(self.page.locator(by_id("recording"))).to_have_attribute(
            "data-state", "recording"
        )

    def _holder(self, venue_id: str) -> Locator:
        return self.page.locator(f'{by_id("holder-row")}[data-venue-id="{venue_id}"]')


class VenuePage:
    """`/join/…` in a browser."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser = browser
        self.page: Page = browser.page
        self.url = url

    async def enter(self) -> None:
        """Open the link, choose the devices as offered, join."""
        await self.page.goto(self.url)
        await self.page.wait_for_selector(by_id("prejoin"))
        await self.page.click(by_id("join"))
        await self.page.wait_for_selector(by_id("stage"))

    async def request(self, subject: str) -> None:
        """Ask for the floor."""
        await self.page.click(by_id("floor-request"))
        await self.page.fill(by_id("floor-subject"), subject)
        await self.page.click(by_id("floor-send"))
        await expect(self.page.locator(by_id("floor"))).to_have_attribute("data-state", "waiting")

    async def air(self, state: str) -> None:
        """Until the page says `off`, `on_air` or `muted`."""
        await expect(self.page.locator(by_id("air"))).to_have_attribute("data-state", state)

    async def stage_colour(self, slot: int = 1) -> str:
        """The sign whose colour the slot's decoded picture has."""
        return await self.browser.colour(
            f'{by_id("venue-slot")}[data-slot="{slot}"] {by_id("stage-video")}'
        )


async def sign_in(browser: Browser, product: Product) -> None:
    """Make the browser the person who is signed in at `product.http`."""
    await browser.context.add_cookies(
        [
            {"name": cookie.key, "value": cookie.value, "url": product.url}
            for cookie in product.http.cookie_jar
        ]
    )
