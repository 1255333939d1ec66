"""Make the README pictures from the running product: `python -m tests.e2e.picture FOLDER`."""

import asyncio
import re
import sys
import tempfile
from pathlib import Path

from tests.e2e.browser import browser
from tests.e2e.pages import by_id
from tests.e2e.product import running
from tests.e2e.waiting import eventually


async def make(target: Path) -> None:
    """Start the demo, wait until its venues are live, take the host panel and a venue page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with running(folder / "data", "--demo") as product:

            async def said() -> str:
                return product.output.read_text()

            text = await eventually(said, lambda t: "consultation is live" in t, 90)
            link = re.search(r"(http\S+/join/\S+)", text)
            account = re.search(r"\((demo) / (\S+)\)", text)
            assert link
            assert account
            async with browser(folder, language="en-US", viewport=(1366, 768)) as host:
                page = host.page
                await page.goto(f"{product.url}/host")
                await page.fill(by_id("sign-in-username"), account[1])
                await page.fill(by_id("sign-in-password"), account[2])
                await page.click(by_id("sign-in-submit"))
                await page.locator(by_id("session-row")).first.click()
                tiles = "document.querySelectorAll('video').length && " + (
                    "[...document.querySelectorAll('video')].filter(v => v.currentTime > 3).length"
                )
                await eventually(lambda: page.evaluate(tiles), lambda n: n >= 6, 60)
                await page.wait_for_selector(
                    f"{by_id('control-panel')}:has({by_id('holder-row')}):has({by_id('queue-row')})",
                    timeout=90_000,
                )
                await page.screenshot(path=str(target / "host.png"))
            async with browser(
                folder,
                language="zh-CN",
                viewport=(1366, 768),
                extra=("--use-fake-device-for-media-stream",),
            ) as venue:
                page = venue.page
                await page.goto(link[1])
                await page.click(by_id("join"))
                await page.wait_for_selector(by_id("stage"))
                playing = f'{by_id("venue-slot")}[data-state="playing"]'
                await page.wait_for_selector(playing, timeout=60_000)
                await page.screenshot(path=str(target / "venue.png"))


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1])))
