"""The edit list: what the program shows when. Pure: intervals in, pieces out.

A piece with one picture is copied, one with two is composed, one with none is a slate.
"""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from sfu.control.plan import PublicationKey
from sfu.finalizer.material import RUN_BREAK_NS, Material
from sfu.record.switches import BusInterval
from sfu.record.timeline import Layout

SNAP_NS = 300_000_000
"""A switch and its key frame may stand this far apart: clocks were refined in between."""


class Piece(NamedTuple):
    """From `start_ns` until before `end_ns` of the program. `absent`: who has no picture."""

    start_ns: int
    end_ns: int
    left: PublicationKey | None
    right: PublicationKey | None
    absent: PublicationKey | None = None


Span = tuple[int, int, PublicationKey]


def edit_list(material: Material) -> list[Piece]:
    """Return pieces that cover the program without gap or overlap."""
    slots = {slot: _slot_spans(material, slot) for slot in (1, 2)}
    layouts = [(material.moment(c.at), c.layout) for c in material.timeline.layouts]
    marks = {0, material.duration_ns, *(at for at, _ in layouts)}
    runs = {key: track.runs() for key, track in material.tracks.items()}
    for spans in slots.values():
        for start, end, key in spans:
            marks |= {start, end}
            for first, last in runs.get(key, []):
                marks |= {first, last + 1} if start <= last and first < end else set()
    moments = sorted(m for m in marks if 0 <= m <= material.duration_ns)
    pieces = [_piece(start, end, slots, layouts, runs) for start, end in pairwise(moments)]
    return _joined(_held(pieces))


def _slot_spans(material: Material, slot: int) -> list[Span]:
    """What one slot carried, beginning at the key frame with which it began."""
    return [
        _snapped(material, interval)
        for interval in material.buses
        if interval.slot == slot and interval.kind == "video"
    ]


def _snapped(material: Material, interval: BusInterval) -> Span:
    track = material.tracks.get(interval.publication)
    key = track.key_near(interval.start_ns, SNAP_NS) if track else None
    start = interval.start_ns if key is None else key
    return min(start, interval.end_ns), interval.end_ns, interval.publication


def _piece(
    start: int,
    end: int,
    slots: dict[int, list[Span]],
    layouts: list[tuple[int, Layout]],
    runs: dict[PublicationKey, list[tuple[int, int]]],
) -> Piece:
    layout: Layout = "single"
    for at, chosen in layouts:
        if at <= start:
            layout = chosen
    first, second = (_newest(slots[slot], start) for slot in (1, 2))
    if layout == "single":
        second = None
    shown = [k for k in (first, second) if k is not None and _visible(runs.get(k, []), start)]
    left = shown[0] if shown else None
    right = shown[1] if len(shown) > 1 and shown[1] != left else None
    return Piece(start, end, left, right, first if left is None else None)


def _newest(spans: list[Span], at: int) -> PublicationKey | None:
    carried = [span for span in spans if span[0] <= at < span[1]]
    return max(carried, key=lambda s: s[0])[2] if carried else None


def _visible(runs: list[tuple[int, int]], at: int) -> bool:
    return any(first <= at <= last for first, last in runs)


def _held(pieces: list[Piece]) -> list[Piece]:
    """A hole too short for a slate shows the picture before it a little longer."""
    out: list[Piece] = []
    for piece in _joined(pieces):
        length = piece.end_ns - piece.start_ns
        if piece.left is None and length <= RUN_BREAK_NS and out:
            out[-1] = out[-1]._replace(end_ns=piece.end_ns)
        else:
            out.append(piece)
    return out


def _joined(pieces: Iterable[Piece]) -> list[Piece]:
    out: list[Piece] = []
    for piece in pieces:
        if out and out[-1][2:] == piece[2:]:
            out[-1] = out[-1]._replace(end_ns=piece.end_ns)
        else:
            out.append(piece)
    return out
