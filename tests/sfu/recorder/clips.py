"""Synthetic pictures and sounds as encoded frames: one colour and one tone a venue."""

from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import av
import numpy as np

RATE = 48_000
FPS = 25


class Clip(NamedTuple):
    """Encoded frames with their capture times in seconds."""

    frames: tuple[tuple[float, bytes], ...]


@lru_cache(maxsize=64)
def picture(
    colour: tuple[int, int, int],
    seconds: float,
    size: tuple[int, int] = (320, 180),
    flash_at: tuple[float, ...] = (),
    gop: int = 50,
) -> Clip:
    """VP8 of one colour (RGB); white for 200 ms at each of `flash_at`."""
    encoder = av.CodecContext.create("libvpx", "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(FPS)
    encoder.time_base = Fraction(1, FPS)
    encoder.bit_rate = 200_000
    encoder.gop_size = gop
    encoder.thread_count = 1
    encoder.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    frames: list[tuple[float, bytes]] = []
    width, height = size
    for index in range(int(seconds * FPS)):
        at = index / FPS
        flash = any(f <= at < f + 0.2 for f in flash_at)
        pixels = np.full((height, width, 3), (255, 255, 255) if flash else colour, dtype=np.uint8)
        pixels[:8, : (index * 4) % width] = 128
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
        frame.pts = index
        frames += [(at, bytes(packet)) for packet in encoder.encode(frame)]
    return Clip(tuple(frames))


@lru_cache(maxsize=64)
def sound(tone: float, seconds: float, beep_at: tuple[float, ...] = ()) -> Clip:
    """Opus (20 ms) of a steady tone, or, with `beep_at`, silent but for 200 ms at each."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = RATE
    encoder.layout = "mono"
    encoder.format = "s16"
    time = np.arange(int(seconds * RATE)) / RATE
    wave = 0.4 * np.sin(2 * np.pi * tone * time)
    if beep_at:
        wave *= np.any([(time >= b) & (time < b + 0.2) for b in beep_at], axis=0)
    samples = (wave * 32767).astype(np.int16)
    packets: list[tuple[float, bytes]] = []
    for index in range(len(samples) // 960):
        frame = av.AudioFrame.from_ndarray(
            samples[None, index * 960 : (index + 1) * 960], format="s16", layout="mono"
        )
        frame.sample_rate = RATE
        frame.pts = index * 960
        packets += [(0.0, bytes(packet)) for packet in encoder.encode(frame)]
    # The encoder looks 6.5 ms ahead: its first packet stands for the time before zero.
    return Clip(tuple((i * 0.02 - 0.0065, data) for i, (_, data) in enumerate(packets)))
