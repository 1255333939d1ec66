"""The program's picture: pieces of the edit list copied, composed, or drawn as a slate."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
from av.filter import Graph

from sfu.control.plan import PublicationKey
from sfu.finalizer.edit import Piece
from sfu.finalizer.frames import FRAMES_PER_SECOND, Coded, Decoder, Encoder, PictureReader
from sfu.finalizer.material import RUN_BREAK_NS, SECOND, Material
from sfu.finalizer.slate import slate

WIDTH, HEIGHT = 1280, 720
SLATE_EVERY_NS = SECOND
TICK = Fraction(1, FRAMES_PER_SECOND)
TICK_NS = SECOND // FRAMES_PER_SECOND


def picture_frames(material: Material, pieces: list[Piece]) -> Iterator[Coded]:
    """Yield the whole program's VP8 frames; timestamps only grow, each piece begins with a key."""
    readers: dict[PublicationKey, PictureReader] = {}

    def reader(key: PublicationKey) -> PictureReader:
        if key not in readers:
            readers[key] = PictureReader(material.tracks[key], material.shift_ns)
        return readers[key]

    last_ms = -1
    for piece in pieces:
        if piece.left is None:
            frames = _slate_frames(material, piece)
        elif piece.right is None:
            frames = _single_frames(reader(piece.left), piece)
        else:
            frames = _composed_frames(material, piece, reader(piece.left), reader(piece.right))
        for frame in frames:
            at_ms = max(last_ms + 1, frame.at_ns // 1_000_000)
            last_ms = at_ms
            yield frame._replace(at_ns=at_ms * 1_000_000)


# -- nothing to show


def _slate_frames(material: Material, piece: Piece) -> Iterator[Coded]:
    picture = _slate_of(material, piece.absent, WIDTH, HEIGHT)
    encoder = Encoder(WIDTH, HEIGHT)
    for at in range(piece.start_ns, piece.end_ns, SLATE_EVERY_NS):
        yield from encoder.encode(picture, at)
    yield from encoder.finish()


def _slate_of(
    material: Material, who: PublicationKey | None, width: int, height: int
) -> av.VideoFrame:
    name = material.timeline.venues.get(who.venue_id, "") if who is not None else ""
    return slate(material.timeline.title, name, width, height)


# -- one picture


def _single_frames(reader: PictureReader, piece: Piece) -> Iterator[Coded]:
    """Copy; where the piece does not begin with a key frame, encode anew until the next one."""
    reader.forward(piece.start_ns)
    first = reader.peek()
    if first is None or first.at_ns >= piece.end_ns:
        yield from _still(reader, piece)
        return
    if not first.key:
        yield from _until_key(reader, piece)
    while (frame := reader.peek()) is not None and frame.at_ns < piece.end_ns:
        reader.take()
        yield frame


def _still(reader: PictureReader, piece: Piece) -> Iterator[Coded]:
    """Between two frames of a slow source: show the one before."""
    picture = _caught_up(Decoder(), reader)
    if picture is not None:
        encoder = Encoder(picture.width, picture.height)
        yield from encoder.encode(picture, piece.start_ns)
        yield from encoder.finish()


def _until_key(reader: PictureReader, piece: Piece) -> Iterator[Coded]:
    decoder = Decoder()
    picture = _caught_up(decoder, reader)
    encoder: Encoder | None = None
    if picture is not None:
        encoder = Encoder(picture.width, picture.height)
        yield from encoder.encode(picture, piece.start_ns)
    while (frame := reader.peek()) is not None and frame.at_ns < piece.end_ns and not frame.key:
        reader.take()
        picture = decoder.decode(frame)
        if picture is None:
            continue
        if encoder is None:
            encoder = Encoder(picture.width, picture.height)
        yield from encoder.encode(picture, frame.at_ns)
    if encoder is not None:
        yield from encoder.finish()


def _caught_up(decoder: Decoder, reader: PictureReader) -> av.VideoFrame | None:
    """Give the decoder all it needs to go on at the reader's position; return the last picture."""
    picture = None
    for frame in reader.since_key:
        picture = decoder.decode(frame) or picture
    return picture


# -- two pictures


class _Side:
    """The newest picture of one side of a composed stage."""

    def __init__(self, reader: PictureReader, start_ns: int) -> None:
        self._reader = reader
        self._decoder = Decoder()
        reader.forward(start_ns)
        self.picture = _caught_up(self._decoder, reader)
        self._seen_ns = reader.since_key[-1].at_ns if reader.since_key else start_ns

    def at(self, now_ns: int) -> bool:
        """Go to a moment; return whether the picture changed."""
        changed = False
        while (frame := self._reader.peek()) is not None and frame.at_ns <= now_ns:
            self._reader.take()
            self._seen_ns = frame.at_ns
            picture = self._decoder.decode(frame)
            if picture is not None:
                self.picture = picture
                changed = True
        if self.picture is not None and now_ns - self._seen_ns > RUN_BREAK_NS:
            self.picture = None
            changed = True
        return changed


def _composed_frames(
    material: Material, piece: Piece, left: PictureReader, right: PictureReader
) -> Iterator[Coded]:
    sides = (_Side(left, piece.start_ns), _Side(right, piece.start_ns))
    slates = [_slate_of(material, k, WIDTH // 2, HEIGHT) for k in (piece.left, piece.right)]
    encoder = Encoder(WIDTH, HEIGHT)
    composer = Composer()
    for now in range(piece.start_ns, piece.end_ns, TICK_NS):
        changed = [side.at(now) for side in sides]
        if now > piece.start_ns and not any(changed):
            continue
        first, second = (s.picture or slates[i] for i, s in enumerate(sides))
        yield from encoder.encode(composer.compose(first, second), now)
    yield from encoder.finish()


class Composer:
    """Two pictures side by side, each scaled into its half with its shape kept."""

    def __init__(self) -> None:
        self._sizes: tuple[int, ...] = ()
        self._graph: Graph | None = None
        self._inputs: list[Any] = []
        self._output: Any = None
        self._count = 0

    def compose(self, left: av.VideoFrame, right: av.VideoFrame) -> av.VideoFrame:
        """Return one picture of the program's size."""
        sizes = (left.width, left.height, right.width, right.height)
        if sizes != self._sizes:
            self._build(sizes)
        for source, picture in zip(self._inputs, (left, right), strict=True):
            picture.pts = self._count
            source.push(picture)
        self._count += 1
        composed: av.VideoFrame = self._output.pull()
        return composed

    def _build(self, sizes: tuple[int, ...]) -> None:
        half = WIDTH // 2
        graph = Graph()
        stack = graph.add("hstack", "inputs=2")
        self._inputs = []
        for index in (0, 1):
            source: Any = graph.add_buffer(
                width=sizes[2 * index],
                height=sizes[2 * index + 1],
                format=av.VideoFormat("yuv420p"),
                time_base=TICK,
            )
            scale = graph.add(
                "scale",
                f"{half}:{HEIGHT}:force_original_aspect_ratio=decrease:force_divisible_by=2",
            )
            pad = graph.add("pad", f"{half}:{HEIGHT}:(ow-iw)/2:(oh-ih)/2:color=0x18202c")
            square = graph.add("setsar", "1")
            source.link_to(scale)
            scale.link_to(pad)
            pad.link_to(square)
            square.link_to(stack, 0, index)
            self._inputs.append(source)
        self._output = graph.add("buffersink")
        stack.link_to(self._output)
        graph.configure()
        self._graph = graph
        self._sizes = sizes
        self._count = 0
