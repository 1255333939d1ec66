"""Chromium with mediasoup-client against the worker: it decodes, repairs, follows a switch."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from playwright.async_api import BrowserContext, Page, async_playwright

from tests.integration.media_rig import WorkerProcess, conducted, plan, running_worker
from tests.sfu.agent.control_client import ControlClient, Refused

ROOT = Path(__file__).parents[2]
MODULES = ROOT / "web_client" / "node_modules"
CHROMIUM = shutil.which("chromium")
NODE = shutil.which("node", path=f"{ROOT}/.venv/bin") or shutil.which("node")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(120),
    pytest.mark.skipif(
        not (CHROMIUM and NODE and (MODULES / "mediasoup-client").exists()),
        reason="needs Chromium, Node and the web client's modules: scripts/test installs them",
    ),
]

ARGUMENTS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-background-timer-throttling",
]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    (folder / "node_modules").symlink_to(MODULES)
    shutil.copy(Path(__file__).with_name("browser_page.js"), folder / "page.js")
    assert NODE is not None
    subprocess.run(
        [NODE, MODULES / ".bin" / "rolldown", "page.js", "--format", "iife", "--file", "out.js"],
        cwd=folder,
        check=True,
        capture_output=True,
        timeout=60,
    )
    return (folder / "out.js").read_text()


@asynccontextmanager
async def page_server(bundle: str, conductor: ControlClient) -> AsyncIterator[str]:
    """Serves the page, and passes its requests on to the worker."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(
            text=f"<!doctype html><body><script>{bundle}</script>", content_type="text/html"
        )

    async def control(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type != WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            reply: dict[str, Any] = {"id": asked["id"]}
            try:
                reply["result"] = drop_null(
                    await conductor.call(asked["method"], **asked["params"])
                )
            except Refused as refused:
                reply["error"] = {"code": refused.code, "message": refused.message}
            await socket.send_json(reply)
        return socket

    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/control", control)])
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def drop_null(value: Any) -> Any:
    """Absent, not null, is what a browser library wants."""
    if isinstance(value, dict):
        return {key: drop_null(item) for key, item in value.items() if item is not None}
    return [drop_null(item) for item in value] if isinstance(value, list) else value


def camera(path: Path, colour: tuple[int, int, int]) -> Path:
    """A fake camera's file: one colour (Y, U, V)."""
    y, u, v = colour
    width, height = 320, 180
    frame = bytes([y]) * (width * height) + b"".join(
        bytes([value]) * (width * height // 4) for value in (u, v)
    )
    header = f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420mpeg2\n".encode()
    path.write_bytes(header + (b"FRAME\n" + frame) * 2)
    return path


class Browsers:
    """Chromium processes, each with its own camera."""

    def __init__(self, stack: AsyncExitStack, playwright: Any, folder: Path, url: str) -> None:
        self._stack, self._playwright, self._folder, self._url = stack, playwright, folder, url

    async def page(self, name: str, colour: tuple[int, int, int] | None = None) -> Page:
        arguments = list(ARGUMENTS)
        if colour is not None:
            file = camera(self._folder / f"{name}.y4m", colour)
            arguments.append(f"--use-file-for-fake-video-capture={file}")
        context: BrowserContext = await self._playwright.chromium.launch_persistent_context(
            str(self._folder / name), executable_path=CHROMIUM, headless=True, args=arguments
        )
        self._stack.push_async_callback(context.close)
        page = await context.new_page()
        await page.goto(self._url)
        return page


@asynccontextmanager
async def scene(
    worker: WorkerProcess, bundle: str, folder: Path
) -> AsyncIterator[tuple[ControlClient, Browsers]]:
    async with (
        conducted(worker) as conductor,
        page_server(bundle, conductor) as url,
        async_playwright() as playwright,
        AsyncExitStack() as stack,
    ):
        yield conductor, Browsers(stack, playwright, folder, url)


async def figures(page: Page) -> dict[str, Any]:
    found: dict[str, Any] = await page.evaluate("figures()")
    return found


async def eventually(page: Page, condition: Any, what: str, seconds: float = 20) -> dict[str, Any]:
    """The page's figures once they satisfy the condition."""
    end = time.monotonic() + seconds
    while True:
        found = await figures(page)
        if condition(found):
            return found
        assert time.monotonic() < end, f"not within {seconds} s: {what}: {found}"
        await asyncio.sleep(0.1)


async def shows(page: Page, element: str, colour: str, seconds: float = 10) -> float:
    """Wait until an element shows mostly red, green or blue; returns the seconds it took."""
    began = time.monotonic()
    index = {"red": 0, "green": 1, "blue": 2}[colour]
    while True:
        pixel = await page.evaluate(f"picture('{element}')")
        others = [value for n, value in enumerate(pixel) if n != index]
        if pixel[index] > max(others) + 60:
            return time.monotonic() - began
        assert time.monotonic() < began + seconds, f"{element} is {pixel}, not {colour}"
        await asyncio.sleep(0.05)


async def test_chromium_publishes_watches_and_follows_a_switch(bundle: str, tmp_path: Path) -> None:
    async with (
        running_worker() as worker,
        scene(worker, bundle, tmp_path) as (conductor, browsers),
    ):
        await conductor.call("session.apply", epoch=1, plan=plan(1, slots={1: "a"}, heard=("a",)))
        a, b = await browsers.page("a", (81, 90, 240)), await browsers.page("b", (145, 54, 34))
        viewer = await browsers.page("v")
        await a.evaluate("publish('a')")
        await viewer.evaluate("watch('v')")
        await shows(viewer, "slot-1-video", "red")
        seen = await eventually(
            viewer,
            lambda f: (
                f["inbound"].get("video-0", {}).get("framesDecoded", 0) > 30
                and f["inbound"].get("audio-1", {}).get("packetsReceived", 0) > 50
            ),
            "pictures and sound",
        )
        assert seen["srtpCipher"] == "SRTP_AEAD_AES_128_GCM"
        assert seen["inbound"]["audio-1"]["totalAudioEnergy"] > 0

        await b.evaluate("publish('b')")
        await eventually(b, lambda f: f["outbound"]["video"]["framesEncoded"] > 10, "b sends")
        before = await figures(viewer)
        for version, (venue, colour) in enumerate((("b", "green"), ("a", "red")) * 2, start=2):
            await conductor.call(
                "session.apply", epoch=1, plan=plan(version, slots={1: venue}, heard=(venue,))
            )
            assert await shows(viewer, "slot-1-video", colour) < 2
        after = await figures(viewer)
        video = after["inbound"]["video-0"]
        assert video["packetsLost"] == 0
        assert video["freezeCount"] - before["inbound"]["video-0"]["freezeCount"] <= 1
        assert video["framesDecoded"] > before["inbound"]["video-0"]["framesDecoded"]
        # Nobody renegotiated: the same streams as before.
        assert after["inbound"].keys() == before["inbound"].keys()
        # The silent venue is silent: its sound came only while it was heard.
        publisher = await eventually(
            a,
            lambda f: f["outbound"].get("video-remote", {}).get("roundTripTime") is not None,
            "reports reach the publisher",
        )
        assert publisher["outbound"]["video-remote"]["packetsLost"] == 0
        assert publisher["outbound"]["video"]["codecId"]
