"""Watching and hearing a program as a test does: colours and tones by the second."""

from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48_000


class Picture(NamedTuple):
    at: float
    width: int
    height: int
    pixels: NDArray[np.uint8]

    def colour(self, x: float = 0.5, y: float = 0.5) -> tuple[int, int, int]:
        """Mean RGB of a small patch; places are fractions of the picture."""
        row, column = int(self.height * y), int(self.width * x)
        patch = self.pixels[row - 5 : row + 5, column - 5 : column + 5].reshape(-1, 3)
        red, green, blue = (int(v) for v in patch.mean(axis=0))
        return red, green, blue


def pictures(path: Path) -> list[Picture]:
    """Every decoded picture; raises when one cannot be decoded."""
    found = []
    with av.open(str(path), "r") as container:
        for frame in container.decode(video=0):
            assert frame.time is not None
            pixels = frame.to_ndarray(format="rgb24").astype(np.uint8)
            found.append(Picture(frame.time, frame.width, frame.height, pixels))
    return found


def shown_at(found: list[Picture], at: float) -> Picture:
    """What is on the screen at a moment."""
    return [p for p in found if p.at <= at][-1]


def sound(path: Path) -> NDArray[np.float32]:
    """The whole sound, mono, from time zero."""
    with av.open(str(path), "r") as container:
        parts = []
        total = 0
        for frame in container.decode(audio=0):
            samples = frame.to_ndarray().mean(axis=0)
            assert frame.time is not None
            start = round(frame.time * RATE)
            parts.append((start, samples))
            total = max(total, start + len(samples))
    whole = np.zeros(total, dtype=np.float32)
    for start, samples in parts:
        first = max(0, -start)
        whole[start + first : start + len(samples)] = samples[first:]
    return whole


def level(samples: NDArray[np.float32], tone: float, start: float, end: float) -> float:
    """Amplitude of a tone between two moments."""
    part = samples[int(start * RATE) : int(end * RATE)]
    wave = np.exp(-2j * np.pi * tone * np.arange(len(part)) / RATE)
    return float(2 * np.abs(np.mean(part * wave)))


def loud_from(samples: NDArray[np.float32], after: float) -> float:
    """The first moment after `after` at which there is sound."""
    start = int(after * RATE)
    return after + int(np.argmax(np.abs(samples[start:]) > 0.1)) / RATE
