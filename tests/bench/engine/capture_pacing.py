"""Record how a real Chromium spaces its video packets: writes chrome-pacing.json.

A Chromium with a noisy 720p camera publishes to the product over loopback, at the bitrate of the
benchmark; a packet socket on `lo` (needs root) takes the kernel's arrival times.
Run: `.venv/bin/python -m tests.bench.engine.capture_pacing`
"""

import asyncio
import json
import random
import socket
import struct
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tests.bench.engine.traffic import TRACE
from tests.e2e.browser import browser
from tests.e2e.pages import VenuePage
from tests.e2e.product import Product, running

WIDTH, HEIGHT, FRAMES = 1280, 720, 30
MAX_BITRATE = 2_600_000
SECONDS = 10.0
PACKET_OUTGOING = 4
SO_TIMESTAMPNS = 35

RAISE_BITRATE = """
async rate => {
  for (const pc of window.__plenary.pcs())
    for (const sender of pc.getSenders())
      if (sender.track?.kind === 'video') {
        const p = sender.getParameters();
        p.encodings[0].maxBitrate = rate;
        p.encodings[0].scaleResolutionDownBy = 1;
        await sender.setParameters(p);
      }
}
"""


def noisy_camera(folder: Path) -> Path:
    """A picture that moves and is hard to compress, so that the bitrate is reached."""
    file = folder / "camera.y4m"
    dice = random.Random(1)
    noise = [dice.randbytes(WIDTH) for _ in range(256)]
    with file.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES}:1 Ip A1:1 C420\n".encode())
        for frame in range(FRAMES * 2):
            out.write(b"FRAME\n")
            out.write(b"".join(noise[(y // 6 + frame * 5) % 256] for y in range(HEIGHT)))
            out.write(bytes([128]) * (WIDTH * HEIGHT // 2))
    return file


def listen(port: int, seconds: float) -> list[tuple[float, bool, int]]:
    """(arrival in s, marker, bytes) of video packets to a UDP port of this machine."""
    found = []
    with socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as tap:
        tap.bind(("lo", 0))
        tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        tap.settimeout(5)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            data, control, _, address = tap.recvmsg(2048, 128)
            rtp = data[28:]
            if address[2] == PACKET_OUTGOING or struct.unpack("!H", data[22:24])[0] != port:
                continue  # loopback shows each packet on its way out and in
            if len(rtp) < 400 or rtp[0] & 0xC0 != 0x80:
                continue
            sec, nsec = struct.unpack("qq", control[0][2])
            found.append((sec + nsec / 1e9, bool(rtp[1] & 0x80), len(rtp)))
    return found


def media_port(product: Product) -> int:
    """The UDP port that the worker listens on."""
    worker = product.child("worker")
    return next(
        int(c.laddr.port) for c in worker.net_connections("udp") if c.type == socket.SOCK_DGRAM
    )


async def capture() -> None:
    """Publish, wait until the bitrate is reached, write the trace."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        camera = noisy_camera(folder)
        extra = (
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={camera}",
        )
        async with running(folder / "data") as product, browser(folder, extra=extra) as chromium:
            await product.sign_in()
            detail = await product.post(
                "/api/sessions", {"title": "Pacing", "venues": [{"name": "Main", "kind": "main"}]}
            )
            venue = VenuePage(chromium, detail["links"][0]["url"])
            await venue.enter()
            await venue.page.evaluate(RAISE_BITRATE, MAX_BITRATE)
            port = media_port(product)
            packets: list[tuple[float, bool, int]] = []
            for _ in range(4):
                packets = await asyncio.to_thread(listen, port, SECONDS)
                rate = sum(p[2] for p in packets) * 8 / SECONDS
                sys.stdout.write(
                    f"{rate / 1e6:.2f} Mbit/s, {len(packets) / SECONDS:.0f} packets/s\n"
                )
                if rate > 0.8 * MAX_BITRATE:
                    break
    write(packets)


def write(packets: list[tuple[float, bool, int]]) -> None:
    """Whole frames only, times in µs from the first packet."""
    frames: list[list[int]] = [[]]
    for at, marker, _ in packets:
        frames[-1].append(round((at - packets[0][0]) * 1e6))
        if marker:
            frames.append([])
    whole = [frame for frame in frames[1:-1] if frame]
    rate = sum(map(len, whole)) / SECONDS
    about = f"Chromium, VP8 720p30, {rate:.0f} packets/s: arrival times in µs, frame by frame"
    TRACE.write_text(json.dumps({"about": about, "frames": whole}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    sys.stdout.write(f"cores: {psutil.cpu_count()}, load: {psutil.getloadavg()[0]:.1f}\n")
    asyncio.run(capture())
