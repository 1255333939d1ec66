"""SIGKILL of each process in a live session: what people see and hear goes on, or returns by
itself within the time that we promise."""

import asyncio
import time
from pathlib import Path
from typing import Any

import av
import pytest

from peers.receiver import Received
from tests.e2e.browser import browser
from tests.e2e.pages import VenuePage, by_id
from tests.e2e.product import Product, running
from tests.e2e.session import live_session
from tests.e2e.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]


async def test_the_worker_killed_pictures_are_back_within_5_s_without_a_reload(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path / "data") as product,
        live_session(product, tmp_path, ("Main", "East", "Watcher")) as session,
        browser(tmp_path) as chromium,
    ):
        venue = VenuePage(chromium, session.links["Watcher"])
        # The browser takes the place of the synthetic venue: one connection publishes.
        await venue.page.goto(venue.url)
        await venue.page.click(by_id("join"))
        await venue.page.click(by_id("watch-only"))
        await venue.page.evaluate("window.untouched = true")

        async def decoded() -> int:
            stats = await chromium.stats("inbound-rtp")
            return sum(s.get("framesDecoded", 0) for s in stats if s["kind"] == "video")

        await eventually(decoded, lambda frames: frames > 5)
        await product.kill("worker")
        killed = time.monotonic()
        await eventually(decoded, lambda frames: frames == 0, 5)
        await eventually(decoded, lambda frames: frames > 0, 10)
        assert time.monotonic() - killed < 5
        assert await venue.page.evaluate("window.untouched")
        await session.flowing("East")


async def test_the_orchestrator_killed_media_goes_on_and_signalling_returns(
    tmp_path: Path,
) -> None:
    async with running(tmp_path / "data") as product, live_session(product, tmp_path) as session:
        await session.flowing("East")
        receiver = session.venues["East"].stage
        assert receiver is not None
        stream = receiver.streams["slot-1-video"]
        before = stream.packets
        await product.kill("orchestrator")
        # The same transport, the same stream: no gap while nobody conducts.
        for _ in range(20):
            last = stream.last_at
            await eventually(lambda last=last: _is_later(stream, last), bool, 1)  # type: ignore[misc]
        assert stream.packets > before
        await product.wait_ready()
        async with session.chair() as chair:
            assert chair.view["session"]["phase"] == "live"
            since = time.monotonic()
            await chair.command("floor.grant", venue_id=session.ids["East"])
            await session.switched(1, "video", session.ids["East"], since)


async def _is_later(stream: Received, last: float) -> bool:
    return stream.last_at > last


async def test_valkey_killed_grant_and_revoke_take_effect_within_1_s(tmp_path: Path) -> None:
    async with (
        running(tmp_path / "data") as product,
        live_session(product, tmp_path) as session,
        session.chair() as chair,
    ):
        await session.flowing("West")
        east, main = session.ids["East"], session.ids["Main"]
        valkey = product.child("valkey")
        valkey.suspend()  # it hangs: worse than dead, nothing refuses a connection
        for _ in range(2):
            since = time.monotonic()
            await chair.command("floor.grant", venue_id=east)
            assert await session.switched(1, "audio", east, since) < 1
            assert await session.switched(1, "video", east, since) < 1
            since = time.monotonic()
            await chair.command("floor.revoke", venue_id=east)
            assert await session.switched(1, "audio", main, since) < 1
        valkey.kill()
        since = time.monotonic()
        await chair.command("floor.grant", venue_id=east)
        assert await session.switched(1, "audio", east, since) < 1

        async def parts() -> str:
            answer = await product.get("/readyz")
            return str(answer["status"])

        await eventually(parts, lambda status: status == "ready", 5)


async def test_the_recorder_killed_every_track_plays_and_the_session_goes_on(
    tmp_path: Path,
) -> None:
    async with running(tmp_path / "data") as product, live_session(product, tmp_path) as session:
        async with session.chair() as chair:
            await chair.command("recording.start")
            folder = tmp_path / "data" / "recordings"
            await eventually(
                lambda: _tracks(folder),
                lambda sizes: len(sizes) >= 2 and min(sizes.values()) > 20_000,
            )
            before = session.packets("East", "slot-1-video")
            killed = time.time()
            first = set(await _tracks(folder))
            await product.kill("recorder")
            for track in first:
                await asyncio.to_thread(_plays, track)
            await eventually(
                lambda: _tracks(folder),
                lambda sizes: (
                    len(set(sizes) - first) >= 2
                    and min(size for f, size in sizes.items() if f not in first) > 5_000
                ),
            )
            assert session.packets("East", "slot-1-video") > before
            await chair.command("session.end")
        recording = await eventually(
            lambda: _recording(product), lambda r: r["state"] in ("ready", "failed"), 60
        )
        assert recording["state"] == "ready", recording
        assert recording["ended_at"] > killed
        verified = await product.post(f"/api/recordings/{recording['recording_id']}/verify")
        assert verified["intact"], verified


async def _tracks(folder: Path) -> dict[Path, int]:
    return {f: f.stat().st_size for f in folder.glob("*/tracks/*.mkv")}


async def _recording(product: Product) -> Any:
    return (await product.get("/api/recordings"))["recordings"][0]


def _plays(track: Path) -> None:
    """It opens and every packet of it decodes."""
    with av.open(str(track)) as container:
        frames = sum(1 for _ in container.decode(container.streams[0]))
    assert frames > 5, track
