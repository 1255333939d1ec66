"""The main job on real media: a host, a main venue and two branch venues, each in a browser of its
own with its own colour and tone, from the first start to the verified recording."""

import contextlib
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from playwright.async_api import expect

from tests.e2e.browser import browser
from tests.e2e.cameras import BLUE, GREEN, RED, SIGNS, nearest
from tests.e2e.pages import HostPanel, VenuePage, by_id
from tests.e2e.product import running
from tests.e2e.waiting import always, eventually

Json = Any

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]


async def test_a_consultation_from_first_start_to_archive(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        product = await stack.enter_async_context(running(tmp_path / "data"))
        host = HostPanel(await stack.enter_async_context(browser(tmp_path)), product)
        await host.set_up()
        await host.create_session("Flood consultation", "Main", ["East", "West"])
        links = await host.links()
        assert len(links) == 3
        main_id, east_id, west_id = links
        venues = [
            VenuePage(await stack.enter_async_context(browser(tmp_path, sign)), url)
            for sign, url in zip(SIGNS, links.values(), strict=True)
        ]
        main, east, west = venues
        await host.step("open")
        for venue in venues:
            await venue.enter()
        await host.step("start")
        await host.start_recording()

        # The branches decode the main venue's picture and hear it; nobody hears a branch.
        for branch in (east, west):
            await eventually(branch.stage_colour, lambda c: c == RED.name)
            await eventually(lambda b=branch: b.browser.heard(SIGNS), lambda h: h == {RED.name})  # type: ignore[misc]
        await always(lambda: main.browser.heard(SIGNS), lambda h: h == set(), 4)
        await always(lambda: west.browser.heard(SIGNS), lambda h: h == {RED.name}, 4)

        # East asks, the host grants: every other venue sees East's colour and hears its tone.
        await east.request("Water level at the east gate")
        await host.grant(east_id)
        await east.air("on_air")
        for other in (main, west):
            await eventually(other.stage_colour, lambda c: c == GREEN.name)
        await eventually(lambda: main.browser.heard(SIGNS), lambda h: h == {GREEN.name})
        await eventually(lambda: west.browser.heard(SIGNS), lambda h: h == {RED.name, GREEN.name})
        # It does not hear itself, and it sees the main venue.
        await eventually(lambda: east.browser.heard(SIGNS), lambda h: h == {RED.name})
        await always(lambda: east.browser.heard(SIGNS), lambda h: GREEN.name not in h, 4)
        await eventually(east.stage_colour, lambda c: c == RED.name)

        # A reload brings the holder back to its place.
        await east.page.reload()
        await east.air("on_air")
        await eventually(lambda: west.browser.heard(SIGNS), lambda h: h == {RED.name, GREEN.name})
        await eventually(west.stage_colour, lambda c: c == GREEN.name)

        # Revoked, it is gone.
        await host.revoke(east_id)
        await east.air("off")
        await eventually(lambda: west.browser.heard(SIGNS), lambda h: h == {RED.name})
        await eventually(west.stage_colour, lambda c: c == RED.name)

        # West speaks too, so that the record has an order to keep.
        await west.request("West")
        await host.grant(west_id)
        await eventually(main.stage_colour, lambda c: c == BLUE.name)
        await eventually(lambda: main.browser.heard(SIGNS), lambda h: h == {BLUE.name})
        await host.revoke(west_id)
        await eventually(east.stage_colour, lambda c: c == RED.name)

        ciphers = {s.get("srtpCipher") for s in await main.browser.stats("transport")}
        assert ciphers == {"SRTP_AEAD_AES_128_GCM"}

        await host.step("end")
        for venue in venues:
            await expect(venue.page.locator(by_id("session-ended"))).to_be_visible()

        recordings = await _finished(host, product.url)
        program = next((tmp_path / "data" / "recordings").glob("*/program.webm"))
        _check_program(program, recordings["recording"])
        await _check_archive_page(host, product.url, len(recordings["chapters"]))
        assert main_id


async def _finished(host: HostPanel, url: str) -> Json:
    """The one recording, once it is ready."""

    async def look() -> Json:
        return await host.page.evaluate(
            """async () => {
              const list = await (await fetch('/api/recordings')).json();
              const id = list.recordings[0]?.recording_id;
              return id ? (await fetch('/api/recordings/' + id)).json() : null;
            }"""
        )

    found = await eventually(
        look, lambda r: r and r["recording"]["state"] in ("ready", "failed"), 90
    )
    assert found["recording"]["state"] == "ready", found
    assert url
    return found


def _check_program(program: Path, recording: Json) -> None:
    """Duration, clean decoding, the speakers' colours in order and each with its own sound."""
    wanted = recording["ended_at"] - recording["started_at"]
    colours: list[tuple[float, str]] = []
    sound: list[np.ndarray[Any, Any]] = []
    with av.open(str(program)) as container:
        assert container.duration is not None
        assert abs(container.duration / 1e6 - wanted) <= 1.0
        for frame in container.decode(video=0):
            middle = frame.to_ndarray(format="rgb24")[frame.height // 2, frame.width // 2]
            colours.append(
                (float(frame.time), nearest((float(middle[0]), float(middle[1]), float(middle[2]))))
            )
    with av.open(str(program)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48_000)
        for packet in container.decode(audio=0):
            sound += [part.to_ndarray().reshape(-1) for part in resampler.resample(packet)]
    heard = np.concatenate(sound)
    order = [name for at, (t, name) in enumerate(colours) if at == 0 or colours[at - 1][1] != name]
    shown = [name for name in order if name != "none"]
    assert shown == [RED.name, GREEN.name, RED.name, BLUE.name, RED.name] or shown == [
        RED.name,
        GREEN.name,
        GREEN.name,
        RED.name,
        BLUE.name,
        RED.name,
    ], order
    for sign in (GREEN, BLUE):
        first = next(t for t, name in colours if name == sign.name)
        last = max(t for t, name in colours if name == sign.name)
        inside = _level(heard, (first + last) / 2, sign.hertz)
        before = _level(heard, first - 1.0, sign.hertz)
        assert inside > 10 * before, f"{sign.name} is not heard where it is seen"


def _level(heard: np.ndarray[Any, Any], at: float, hertz: float) -> float:
    """Strength of a tone in 200 ms around `at` seconds."""
    start = max(0, int((at - 0.1) * 48_000))
    part = heard[start : start + 9_600]
    time = np.arange(len(part)) / 48_000
    return float(abs(np.sum(part * np.exp(-2j * np.pi * hertz * time))) / max(1, len(part)))


async def _check_archive_page(host: HostPanel, url: str, chapters: int) -> None:
    """The program plays in the page, seeks by chapter, and verifies."""
    page = host.page
    await page.goto(f"{url}/archive")
    await page.locator(by_id("recording-row")).first.click()
    await page.wait_for_selector(by_id("player"))
    assert await page.locator(by_id("chapter")).count() == chapters
    assert chapters >= 3
    await page.evaluate(
        "s => { const v = document.querySelector(s); v.muted = true; return v.play(); }",
        by_id("player"),
    )
    position = f"document.querySelector('{by_id('player')}').currentTime"
    await eventually(lambda: page.evaluate(position), lambda t: t > 0.5)
    await page.locator(by_id("chapter")).last.click()
    await eventually(lambda: page.evaluate(position), lambda t: t > 3.0)
    error = await page.evaluate(f"document.querySelector('{by_id('player')}').error")
    assert error is None
    await page.click(by_id("verify"))
    await expect(page.locator(by_id("verify-result"))).to_have_attribute("data-state", "intact")
