"""Pre-encoded clips: a venue's name with a running clock, and speech-like sound.

Encoded once with PyAV and kept; sending them costs almost nothing, so that one process can be
many venues.
"""

import hashlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 480, 270
FRAMES_PER_SECOND = 12
SECONDS = 12
SAMPLE_RATE = 48_000
SAMPLES_PER_PACKET = 960
FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
)
FORMAT = 2
"""Part of the cache's name: raise it when the clips change."""


@dataclass(frozen=True, slots=True)
class Frame:
    """An encoded VP8 picture."""

    data: bytes
    key: bool


@dataclass(frozen=True, slots=True)
class Clip:
    """A loop: video at `FRAMES_PER_SECOND`, Opus packets of 20 ms."""

    video: tuple[Frame, ...]
    audio: tuple[bytes, ...]


def clip(name: str, number: int, cache: Path) -> Clip:
    """The clip of a venue, made on first use and kept in `cache`.

    `number` gives it its colour and pitch.
    """
    digest = hashlib.sha256(f"{FORMAT}:{name}:{number}".encode()).hexdigest()[:16]
    file = cache / f"{digest}.mkv"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        aside = file.with_suffix(".part.mkv")
        _encode(name, number, aside)
        aside.replace(file)
    return _read(file)


def _read(file: Path) -> Clip:
    video, audio = [], []
    with av.open(str(file)) as container:
        for packet in container.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video":
                video.append(Frame(bytes(packet), packet.is_keyframe))
            else:
                audio.append(bytes(packet))
    return Clip(tuple(video), tuple(audio))


def _encode(name: str, number: int, file: Path) -> None:
    with av.open(str(file), "w") as out:
        video = out.add_stream("libvpx", rate=FRAMES_PER_SECOND)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.bit_rate = 250_000
        video.time_base = Fraction(1, FRAMES_PER_SECOND)
        # A key frame each second: a new viewer waits for the next one at most that long.
        video.options = {
            "deadline": "realtime",
            "cpu-used": "8",
            "g": str(FRAMES_PER_SECOND),
            "keyint_min": str(FRAMES_PER_SECOND),
            "auto-alt-ref": "0",
            "threads": "1",  # more only spin beside the product on a small machine
        }
        audio = out.add_stream("libopus", rate=SAMPLE_RATE, layout="mono")
        audio.options = {"frame_duration": "20", "application": "voip"}
        audio.bit_rate = 32_000
        background = _background(name, number)
        for index in range(FRAMES_PER_SECOND * SECONDS):
            frame = av.VideoFrame.from_ndarray(np.asarray(_picture(background, index)), "rgb24")
            frame.pts = index
            out.mux(video.encode(frame))
        out.mux(video.encode(None))
        sound = (_speech(number) * 32767).astype(np.int16)
        for start in range(0, len(sound) - SAMPLES_PER_PACKET + 1, SAMPLES_PER_PACKET):
            part = av.AudioFrame.from_ndarray(
                sound[start : start + SAMPLES_PER_PACKET].reshape(1, -1), "s16", "mono"
            )
            part.sample_rate = SAMPLE_RATE
            part.pts = start
            out.mux(audio.encode(part))
        out.mux(audio.encode(None))


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for path in FONTS:
        if Path(path).exists():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)


def _background(name: str, number: int) -> Image.Image:
    hue = (number * 47 + 200) % 360
    image = Image.new("HSV", (WIDTH, HEIGHT), (hue * 255 // 360, 110, 90)).convert("RGB")
    draw = ImageDraw.Draw(image)
    # A desk and a person's outline: at a glance a meeting room, not a test card.
    skin, coat = (214, 178, 150), (40, 46, 60)
    draw.ellipse((WIDTH // 2 - 32, 72, WIDTH // 2 + 32, 148), fill=skin)
    draw.pieslice((WIDTH // 2 - 84, 143, WIDTH // 2 + 84, 320), 180, 360, fill=coat)
    draw.rectangle((0, 226, WIDTH, HEIGHT), fill=(92, 64, 48))
    draw.text((WIDTH // 2, 36), name, font=_font(30), fill="white", anchor="mm")
    return image


def _picture(background: Image.Image, index: int) -> Image.Image:
    image = background.copy()
    draw = ImageDraw.Draw(image)
    tenths = index * 10 // FRAMES_PER_SECOND
    draw.text(
        (WIDTH // 2, 246),
        f"00:{tenths // 10:02d}.{tenths % 10}",
        font=_font(24),
        fill="white",
        anchor="mm",
    )
    mouth = 2 + abs((index * 5) % 16 - 8)
    draw.ellipse(
        (WIDTH // 2 - 11, 126 - mouth // 2, WIDTH // 2 + 11, 126 + mouth // 2), fill=(120, 40, 40)
    )
    x = index * WIDTH // (FRAMES_PER_SECOND * SECONDS)
    draw.rectangle((0, HEIGHT - 6, x, HEIGHT), fill=(255, 255, 255))
    return image


def _speech(number: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """A glottal pulse train through three formants that change each syllable, with pauses."""
    rng = np.random.default_rng(number)
    total = SAMPLE_RATE * SECONDS
    time = np.arange(total) / SAMPLE_RATE
    pitch = 95 + 22 * (number % 6) + 6 * np.sin(2 * np.pi * 0.7 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    harmonics = np.arange(1, 24)
    sound = np.zeros(total)
    syllable = int(0.19 * SAMPLE_RATE)
    for start in range(0, total, syllable):
        part = slice(start, min(start + syllable, total))
        if rng.random() < 0.16:  # a breath
            continue
        formants = np.array([rng.uniform(300, 800), rng.uniform(900, 2200), 2600.0])
        frequency = harmonics * pitch[start]
        gain = sum(1 / (1 + ((frequency - f) / 90) ** 2) for f in formants) / harmonics**0.4
        length = part.stop - part.start
        envelope = np.sin(np.pi * np.arange(length) / length) ** 0.6
        sound[part] = envelope * (gain[:, None] * np.sin(np.outer(harmonics, phase[part]))).sum(0)
    return np.asarray(0.25 * sound / np.abs(sound).max())
