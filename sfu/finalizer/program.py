"""One playable file: the picture of the stage and the mixed sound, with chapters inside."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av

from sfu.finalizer.chapters import Chapter
from sfu.finalizer.frames import MILLISECOND, Coded
from sfu.finalizer.sound import RATE, Samples

AUDIO_BITS = 64_000
FORMAT_OPTIONS = {"cues_to_front": "1"}
"""A browser can seek before it has the whole file."""
CHAPTER_BASE = MILLISECOND
Progress = Callable[[float], None]


def write_program(
    path: Path,
    size: tuple[int, int],
    frames: Iterator[Coded],
    blocks: Iterator[Samples],
    chapters: list[Chapter],
    duration_ns: int,
    progress: Progress,
) -> None:
    """Mux frames and sound in order of time into a WebM file; `progress` gets 0 to 1.

    Raises OSError when the file cannot be written.
    """
    with av.open(str(path), "w", format="webm", options=FORMAT_OPTIONS) as container:
        video: Any = container.add_mux_stream("vp8", width=size[0], height=size[1])
        audio: Any = container.add_stream("libopus", rate=RATE, layout="mono")
        audio.bit_rate = AUDIO_BITS
        container.set_chapters([_chapter(i, c) for i, c in enumerate(chapters, 1)])
        pictures = _video_packets(frames, video, duration_ns)
        sounds = _audio_packets(blocks, audio)
        for at_ns, packet in _merged(pictures, sounds):
            container.mux_one(packet)
            progress(min(1.0, at_ns / duration_ns))


def _chapter(number: int, chapter: Chapter) -> Any:
    return {
        "id": number,
        "start": round(chapter.start * 1000),
        "end": round(chapter.end * 1000),
        "time_base": CHAPTER_BASE,
        "metadata": {"title": chapter.title},
    }


Timed = tuple[int, "av.Packet[Any]"]


def _video_packets(frames: Iterator[Coded], stream: Any, duration_ns: int) -> Iterator[Timed]:
    previous: Coded | None = None
    for frame in chain(frames, [None]):
        if previous is not None:
            until = frame.at_ns if frame is not None else duration_ns
            packet = av.Packet(previous.data)
            packet.stream = stream
            packet.time_base = MILLISECOND
            packet.pts = packet.dts = previous.at_ns // 1_000_000
            packet.duration = max(1, (until - previous.at_ns) // 1_000_000)
            packet.is_keyframe = previous.key
            yield previous.at_ns, packet
        previous = frame


def _audio_packets(blocks: Iterator[Samples], stream: Any) -> Iterator[Timed]:
    at = 0
    for block in blocks:
        frame = av.AudioFrame.from_ndarray(block[None, :], format="flt", layout="mono")
        frame.sample_rate = RATE
        frame.pts = at
        frame.time_base = Fraction(1, RATE)
        for packet in stream.encode(frame):
            yield at * 1_000_000_000 // RATE, packet
        at += len(block)
    for packet in stream.encode(None):
        yield at * 1_000_000_000 // RATE, packet


def _merged(one: Iterator[Timed], other: Iterator[Timed]) -> Iterator[Timed]:
    """Both in order of time, so that the muxer holds little."""
    first, second = next(one, None), next(other, None)
    while first is not None or second is not None:
        if second is None or (first is not None and first[0] <= second[0]):
            assert first is not None
            yield first
            first = next(one, None)
        else:
            yield second
            second = next(other, None)
