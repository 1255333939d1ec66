"""Files that Chromium takes for a camera and a microphone: one colour, one tone a venue."""

import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

WIDTH, HEIGHT, FRAMES_PER_SECOND = 640, 360, 15
SAMPLE_RATE = 48_000


@dataclass(frozen=True, slots=True)
class Sign:
    """What a venue is known by. `rgb` 0–255; `hertz` away from the others' harmonics."""

    name: str
    rgb: tuple[int, int, int]
    hertz: float


RED = Sign("red", (200, 30, 30), 440.0)
GREEN = Sign("green", (30, 180, 40), 1040.0)
BLUE = Sign("blue", (40, 50, 210), 1720.0)
SIGNS = (RED, GREEN, BLUE)


def camera(sign: Sign, folder: Path) -> Path:
    """A .y4m of the sign's colour with a small moving square, so that frames differ."""
    file = folder / f"{sign.name}.y4m"
    r, g, b = sign.rgb
    y = round(0.257 * r + 0.504 * g + 0.098 * b + 16)
    u = round(-0.148 * r - 0.291 * g + 0.439 * b + 128)
    v = round(0.439 * r - 0.368 * g - 0.071 * b + 128)
    quarter = WIDTH * HEIGHT // 4
    with file.open("wb") as out:
        out.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F{FRAMES_PER_SECOND}:1 Ip A1:1 C420\n".encode())
        for frame in range(FRAMES_PER_SECOND * 2):
            luma = np.full((HEIGHT, WIDTH), y, np.uint8)
            x = frame * 16 % (WIDTH - 32)
            luma[8:24, x : x + 16] = 235
            out.write(b"FRAME\n" + luma.tobytes() + bytes([u]) * quarter + bytes([v]) * quarter)
    return file


def microphone(sign: Sign, folder: Path) -> Path:
    """A .wav of the sign's tone. Chromium repeats it, so it ends where it began."""
    file = folder / f"{sign.name}.wav"
    time = np.arange(SAMPLE_RATE * 2) / SAMPLE_RATE
    samples = (0.4 * 32767 * np.sin(2 * np.pi * sign.hertz * time)).astype("<i2")
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes(samples.tobytes())
    return file


def nearest(rgb: tuple[float, float, float]) -> str:
    """The sign whose colour this is, or `none` for grey and dark."""
    best = min(SIGNS, key=lambda s: sum((a - b) ** 2 for a, b in zip(s.rgb, rgb, strict=True)))
    distance = sum((a - b) ** 2 for a, b in zip(best.rgb, rgb, strict=True)) ** 0.5
    return best.name if distance < 70 else "none"
