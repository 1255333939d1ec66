"""The program's sound: every microphone while it was heard, mixed on the program's clock.

What a microphone said while it was not heard is decoded at most for the few milliseconds that a
decoder needs to get going, and never mixed.
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from sfu.control.plan import PublicationKey
from sfu.finalizer.material import SECOND, Material, Track, packet_ns, packets
from sfu.record.switches import FIRST_AUDIO_BUS_SLOT, SwitchLine

RATE = 48_000
BLOCK = RATE
PREROLL_NS = 100_000_000
"""Opus decoders converge within 80 ms (RFC 7845, 4.2)."""
RUN_BREAK_NS = SECOND
FADE = 240
"""Samples (5 ms) over which a microphone comes and goes, so that nothing clicks."""
KNEE = 0.8
"""Above this the mix is rounded off instead of cut."""
RESAMPLE = "48000:async=1000:out_chlayout=mono:out_sample_fmt=flt"
"""Follows the timestamps: clock drift is stretched away, small holes are filled with silence."""

Samples = NDArray[np.float32]
Interval = tuple[int, int]


def heard_intervals(material: Material, publication: PublicationKey) -> list[Interval]:
    """When a microphone may be in the program.

    Both the log (timeline) and the engine (audio buses) must say so; where the record says nothing
    about unpaired buses, the log alone decides, as the buses do without a log.
    """
    log = material.timeline.heard
    buses = _union(
        [
            (i.start_ns, i.end_ns)
            for i in material.buses
            if i.kind == "audio" and i.publication == publication
        ]
    )
    if log is None:
        return buses
    allowed = _union(
        [
            (
                material.moment(h.start),
                material.duration_ns if h.end is None else material.moment(h.end),
            )
            for h in log
            if h.venue_id == publication.venue_id
        ]
    )
    unpaired_known = any(
        isinstance(line, SwitchLine) and line.slot > FIRST_AUDIO_BUS_SLOT
        for line in material.switches
    )
    return _both(allowed, buses) if unpaired_known else allowed


def _union(intervals: list[Interval]) -> list[Interval]:
    out: list[Interval] = []
    for start, end in sorted(intervals):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        elif start < end:
            out.append((start, end))
    return out


def _both(one: list[Interval], other: list[Interval]) -> list[Interval]:
    cut = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return _union([i for i in cut if i[0] < i[1]])


def mixed_blocks(material: Material) -> Iterator[Samples]:
    """Yield the program's sound, mono, in blocks of one second; the last may be shorter."""
    voices = [
        _Voice(track, heard, material.shift_ns)
        for track in material.tracks.values()
        if track.kind == "audio" and (heard := heard_intervals(material, track.publication))
    ]
    total = material.duration_ns * RATE // SECOND
    for start in range(0, total, BLOCK):
        mix = np.zeros(min(BLOCK, total - start), dtype=np.float32)
        for voice in voices:
            voice.add_to(mix, start)
        yield _rounded(mix)


def _rounded(mix: Samples) -> Samples:
    loud = np.abs(mix) > KNEE
    if loud.any():
        over = np.abs(mix[loud]) - KNEE
        mix[loud] = np.sign(mix[loud]) * (KNEE + (1 - KNEE) * np.tanh(over / (1 - KNEE)))
    return mix


class _Voice:
    """One microphone on the program's clock, silent where it was not heard."""

    def __init__(self, track: Track, heard: list[Interval], shift_ns: int) -> None:
        self._chunks = _chunks(track, heard, shift_ns)
        self._heard = [(a * RATE // SECOND, b * RATE // SECOND) for a, b in heard]
        self._pending = next(self._chunks, None)

    def add_to(self, mix: Samples, start: int) -> None:
        """Add what belongs into a block that begins at sample `start`."""
        end = start + len(mix)
        while self._pending is not None and self._pending[0] < end:
            at, samples = self._pending
            skip = max(0, start - at)
            part = samples[skip : end - at]
            if len(part):
                first = at + skip
                mix[first - start : first - start + len(part)] += part * self._gate(
                    first, len(part)
                )
            if at + len(samples) > end:
                return
            self._pending = next(self._chunks, None)

    def _gate(self, first: int, count: int) -> Samples:
        gate = np.zeros(count, dtype=np.float32)
        places = np.arange(first, first + count)
        for start, end in self._heard:
            if start < first + count and end > first:
                edges = np.minimum(places - start, end - 1 - places) / FADE
                gate = np.maximum(gate, np.clip(edges, 0.0, 1.0).astype(np.float32))
        return gate


def _chunks(track: Track, heard: list[Interval], shift_ns: int) -> Iterator[tuple[int, Samples]]:
    """Yield (sample of the program, samples) in order of time."""
    reached = -(1 << 62)
    for run in _runs(track, heard, shift_ns):
        for at, samples in run:
            # Two parts, or a refined clock, may say the same moment twice: the first said counts.
            skip = max(0, reached - at)
            if skip < len(samples):
                yield at + skip, samples[skip:]
                reached = at + len(samples)


def _runs(
    track: Track, heard: list[Interval], shift_ns: int
) -> Iterator[Iterator[tuple[int, Samples]]]:
    run: _Run | None = None
    last = 0
    for path in track.files:
        for packet in packets(path):
            at = packet_ns(packet) - shift_ns
            if not any(a - PREROLL_NS <= at < b for a, b in heard):
                continue
            if run is None or at - last > RUN_BREAK_NS:
                if run is not None:
                    yield run.finish()
                run = _Run()
            last = at
            yield run.decode(packet, at)
        if run is not None:
            yield run.finish()
        run = None


class _Run:
    """Decoding without a long hole: one decoder, one resampler that follows the timestamps."""

    def __init__(self) -> None:
        self._decoder: Any = av.CodecContext.create("opus", "r")
        self._decoder.sample_rate = RATE
        self._decoder.layout = "stereo"  # what it decodes to; a mono packet fills both
        self._graph: Graph | None = None
        self._source: Any = None
        self._sink: Any = None

    def decode(self, packet: "av.Packet[Any]", at_ns: int) -> Iterator[tuple[int, Samples]]:
        """Give a packet in; yield what comes out."""
        fresh = av.Packet(bytes(packet))
        try:
            frames = self._decoder.decode(fresh)
        except av.FFmpegError:
            return  # one bad packet of sound is 20 ms of silence
        at = at_ns * RATE // SECOND
        for frame in frames:
            frame.pts = at
            frame.time_base = Fraction(1, RATE)
            at += frame.samples
            if self._graph is None:
                self._build(frame)
            self._source.push(frame)
        yield from self._pull()

    def finish(self) -> Iterator[tuple[int, Samples]]:
        """Yield what the resampler still holds."""
        if self._graph is not None:
            self._source.push(None)
            yield from self._pull()

    def _build(self, frame: av.AudioFrame) -> None:
        graph = Graph()
        self._source = graph.add_abuffer(
            format=frame.format.name,
            sample_rate=frame.sample_rate,
            layout=frame.layout.name,
            time_base=Fraction(1, RATE),
        )
        resample = graph.add("aresample", RESAMPLE)
        self._sink = graph.add("abuffersink")
        self._source.link_to(resample)
        resample.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def _pull(self) -> Iterator[tuple[int, Samples]]:
        while self._sink is not None:
            try:
                frame = self._sink.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield round(frame.pts * frame.time_base * RATE), frame.to_ndarray()[0]
