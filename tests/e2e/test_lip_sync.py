"""Picture and sound of one venue stay together from a real camera to the program file."""

import asyncio
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from peers.signalling import SignallingClient
from tests.e2e.browser import browser
from tests.e2e.pages import VenuePage, by_id
from tests.e2e.product import running
from tests.e2e.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(150)]

CLAPPER = """
(() => {
  // A camera that flashes white and a microphone that beeps, for 150 ms, together, each second.
  const context = new AudioContext();
  const canvas = Object.assign(document.createElement('canvas'), {width: 320, height: 180});
  const paint = canvas.getContext('2d');
  const tone = new OscillatorNode(context, {frequency: 1000});
  const gate = new GainNode(context, {gain: 0});
  const out = context.createMediaStreamDestination();
  tone.connect(gate).connect(out);
  tone.start();
  let on = false;
  setInterval(() => {
    const now = performance.now() % 1000 < 150;
    if (now !== on) {
      on = now;
      gate.gain.setValueAtTime(on ? 0.6 : 0, context.currentTime);
    }
    paint.fillStyle = on ? '#fff' : '#103060';
    paint.fillRect(0, 0, 320, 180);
    paint.fillStyle = '#888';
    paint.fillRect(performance.now() / 20 % 300, 0, 8, 8);
  }, 10);
  const camera = canvas.captureStream(30);
  navigator.mediaDevices.getUserMedia = async wanted => {
    await context.resume();
    const stream = new MediaStream();
    if (wanted.video) stream.addTrack(camera.getVideoTracks()[0].clone());
    if (wanted.audio) stream.addTrack(out.stream.getAudioTracks()[0].clone());
    return stream;
  };
})();
"""


async def test_flash_and_beep_are_together_in_the_program(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as product, browser(tmp_path) as chromium:
        await product.sign_in()
        detail = await product.post(
            "/api/sessions", {"title": "Clapper", "venues": [{"name": "Main", "kind": "main"}]}
        )
        session_id = detail["session"]["session_id"]
        url = f"{product.url.replace('http', 'ws', 1)}/signal?session={session_id}"
        async with SignallingClient(product.http, url) as chair:
            await chair.join(publish=False)
            await chair.command("session.open")
            await chromium.context.add_init_script(CLAPPER)
            venue = VenuePage(chromium, detail["links"][0]["url"])
            await venue.enter()
            await chair.command("session.start")
            await chair.command("recording.start")
            tracks = tmp_path / "data" / "recordings"

            async def smallest() -> int:
                sizes = [f.stat().st_size for f in tracks.glob("*/tracks/*.mkv")]
                return min(sizes) if len(sizes) == 2 else 0

            # About eight seconds of sound.
            await eventually(smallest, lambda size: size > 40_000, 60)
            await chair.command("session.end")
        await venue.page.wait_for_selector(by_id("session-ended"))

        async def state() -> Any:
            return (await product.get("/api/recordings"))["recordings"][0]["state"]

        assert await eventually(state, lambda s: s in ("ready", "failed"), 60) == "ready"
        program = next(tracks.glob("*/program.webm"))
        flashes, beeps = await asyncio.to_thread(_onsets, program)
    assert len(flashes) >= 4
    # Each flash with the beep nearest to it; the first second may still be settling.
    offsets = [min((b - f for b in beeps), key=abs) for f in flashes[1:]]
    assert abs(float(np.median(offsets))) < 0.08, offsets


def _onsets(program: Path) -> tuple[list[float], list[float]]:
    """Seconds at which the picture turns white, and at which the tone begins."""
    flashes: list[float] = []
    dark = True
    with av.open(str(program)) as container:
        for frame in container.decode(video=0):
            white = float(frame.to_ndarray(format="gray").mean()) > 180
            if white and dark:
                flashes.append(float(frame.time))
            dark = not white
    sound: list[Any] = []
    with av.open(str(program)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48_000)
        for packet in container.decode(audio=0):
            sound += [part.to_ndarray().reshape(-1) for part in resampler.resample(packet)]
    heard = np.concatenate(sound)
    step = 240  # 5 ms
    level = np.abs(heard[: len(heard) // step * step]).reshape(-1, step).max(1) > 0.1
    # A beginning: loud now, and silent for the 300 ms before.
    beeps = [
        i * step / 48_000 for i in range(60, len(level)) if level[i] and not level[i - 60 : i].any()
    ]
    return flashes, beeps
