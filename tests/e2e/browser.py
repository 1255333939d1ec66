"""Real Chromium, one process a venue, with its own camera colour and microphone tone."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, async_playwright

from tests.e2e.cameras import Sign, camera, microphone, nearest

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-gpu",
    # Several browsers on two cores: hidden ones must not slow their timers.
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--disable-backgrounding-occluded-windows",
)
AUTOPLAY = "--autoplay-policy=no-user-gesture-required"
PERMIT = "--use-fake-ui-for-media-stream"

LOOK = """
selector => {
  const video = document.querySelector(selector);
  if (!video || video.readyState < 2 || !video.videoWidth) return null;
  const canvas = document.createElement('canvas');
  canvas.width = 16; canvas.height = 9;
  const paint = canvas.getContext('2d');
  paint.drawImage(video, 0, 0, 16, 9);
  const [r, g, b] = paint.getImageData(8, 5, 1, 1).data;
  return [r, g, b];
}
"""
"""The colour in the middle of a video element, from its decoded picture."""

LOUDNESS = """
async () => {
  const sounding = [...document.querySelectorAll('audio, video')].filter(
    e => e.srcObject && !e.paused && !e.muted && e.volume > 0 && !e.dataset.local);
  const tracks = sounding.flatMap(e => e.srcObject.getAudioTracks());
  if (tracks.length === 0) return -200;
  const ear = window.__loudness ??= {context: new AudioContext(), nodes: new Map()};
  if (ear.context.state !== 'running') await ear.context.resume();
  for (const track of tracks) {
    if (ear.nodes.has(track.id)) continue;
    const analyser = new AnalyserNode(ear.context, {fftSize: 16384});
    ear.context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    ear.nodes.set(track.id, analyser);
  }
  await new Promise(done => setTimeout(done, 350));
  let peak = 0;
  for (const {id} of tracks) {
    const samples = new Float32Array(16384);
    ear.nodes.get(id).getFloatTimeDomainData(samples);
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
  }
  return peak > 0 ? 20 * Math.log10(peak) : -200;
}
"""
"""The peak in dB of the last third of a second, over all that a person here would hear."""

LISTEN = """
async hertz => {
  const ear = window.__ear ??= {context: new AudioContext(), nodes: new Map()};
  if (ear.context.state !== 'running') await ear.context.resume();
  const sounding = [...document.querySelectorAll('audio, video')].filter(
    e => e.srcObject && !e.paused && !e.muted && e.volume > 0 && !e.dataset.local);
  const tracks = new Map();
  for (const element of sounding)
    for (const track of element.srcObject.getAudioTracks()) tracks.set(track.id, track);
  for (const [id, track] of tracks) {
    if (ear.nodes.has(id)) continue;
    const analyser = new AnalyserNode(ear.context, {fftSize: 8192, smoothingTimeConstant: 0});
    ear.context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
    ear.nodes.set(id, analyser);
  }
  await new Promise(done => setTimeout(done, 250));
  const bin = ear.context.sampleRate / 8192;
  return hertz.map(f => {
    let loudest = -200;
    for (const [id, analyser] of ear.nodes) {
      if (!tracks.has(id)) continue;
      const spectrum = new Float32Array(analyser.frequencyBinCount);
      analyser.getFloatFrequencyData(spectrum);
      const at = Math.round(f / bin);
      for (let i = at - 2; i <= at + 2; i++) loudest = Math.max(loudest, spectrum[i]);
    }
    return loudest;
  });
}
"""
"""The level in dB at each frequency, over all elements that a person here would hear."""

HEARD_DB = -55.0


class Browser:
    """A page in a browser process of its own."""

    def __init__(self, page: Page, context: BrowserContext) -> None:
        self.page = page
        self.context = context

    async def colour(self, selector: str) -> str:
        """The sign whose colour a video element shows; `none` without a picture."""
        seen = await self.page.evaluate(LOOK, selector)
        return nearest(tuple(seen)) if seen else "none"

    async def levels(self, signs: Sequence[Sign]) -> dict[str, float]:
        """Level of each sign's tone in dB, as a person at this page hears it."""
        found = await self.page.evaluate(LISTEN, [s.hertz for s in signs])
        return {s.name: db for s, db in zip(signs, found, strict=True)}

    async def heard(self, signs: Sequence[Sign]) -> set[str]:
        """Names of the signs whose tone is heard here."""
        return {n for n, db in (await self.levels(signs)).items() if db > HEARD_DB}

    async def loudness(self) -> float:
        """Peak in dB of what a person at this page hears, whatever it is; -200 for silence."""
        found: float = await self.page.evaluate(LOUDNESS)
        return found

    async def stats(self, kind: str) -> list[dict[str, Any]]:
        """`getStats` of all peer connections, entries of one type."""
        found: list[dict[str, Any]] = await self.page.evaluate(
            """async kind => {
              const all = [];
              for (const pc of window.__plenary.pcs())
                (await pc.getStats()).forEach(s => s.type === kind && all.push({...s}));
              return all;
            }""",
            kind,
        )
        return found


@contextlib.asynccontextmanager
async def browser(
    folder: Path,
    sign: Sign | None = None,
    *,
    permit: bool = True,
    autoplay: bool = True,
    language: str = "en-US",
    viewport: tuple[int, int] = (1280, 720),
    extra: Sequence[str] = (),
    device: Mapping[str, Any] | None = None,
) -> AsyncIterator[Browser]:
    """A Chromium process; with `sign`, a venue's devices. `permit`: the permission is granted.
    `device`: further context options of Playwright, of a telephone for example."""
    arguments = [*QUIET, *extra]
    if permit:
        arguments.append(PERMIT)
    if autoplay:
        arguments.append(AUTOPLAY)
    if sign is not None:
        arguments += [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera(sign, folder)}",
            f"--use-file-for-fake-audio-capture={microphone(sign, folder)}",
        ]
    async with async_playwright() as play:
        context = await play.chromium.launch_persistent_context(
            str(folder / f"profile-{sign.name if sign else 'plain'}-{len(list(folder.iterdir()))}"),
            executable_path=CHROMIUM,
            headless=True,
            args=arguments,
            locale=language,
            viewport={"width": viewport[0], "height": viewport[1]},
            # Playwright mutes by default; then nothing is ever played.
            ignore_default_args=["--mute-audio"],
            **(device or {}),
        )
        try:
            page = context.pages[0] if context.pages else await context.new_page()
            yield Browser(page, context)
        finally:
            await context.close()
