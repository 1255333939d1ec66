"""The edit list covers the program and follows the switches."""

import itertools
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sfu.control.plan import PublicationKey
from sfu.finalizer.edit import edit_list
from sfu.finalizer.material import SECOND, Material, Track
from sfu.record.switches import BusInterval
from tests.sfu.finalizer.recorded import Log

A, B, C = (PublicationKey(venue_id=v, source="camera", generation=1) for v in ("v1", "v2", "v3"))
FRAME = SECOND // 25


def track(key: PublicationKey, start: float, end: float) -> Track:
    times = list(range(round(start * SECOND), round(end * SECOND), FRAME))
    return Track(key, "video", [], times, times[::25])


def material(stop: float, tracks: list[Track], buses: list[Any], **log: Any) -> Material:
    return Material(
        folder=Path(),
        timeline=Log(stop=stop, **log).timeline(),
        shift_ns=0,
        duration_ns=round(stop * SECOND),
        tracks={t.publication: t for t in tracks},
        buses=[
            BusInterval(slot, "video", key, round(a * SECOND), round(b * SECOND))
            for slot, key, a, b in buses
        ],
        switches=[],
        notes=[],
    )


def told(found: Material) -> list[tuple[float, float, Any, Any]]:
    return [(p.start_ns / SECOND, p.end_ns / SECOND, p.left, p.right) for p in edit_list(found)]


def test_one_speaker_after_the_other() -> None:
    both = [track(A, 0, 10), track(B, 0, 10)]
    found = told(material(10, both, [(1, A, 0, 4), (1, B, 4, 10)]))
    assert found == [(0.0, 4.0, A, None), (4.0, 10.0, B, None)]


def test_a_switch_begins_at_its_key_frame() -> None:
    both = [track(A, 0, 10), track(B, 0, 10)]
    found = told(material(10, both, [(1, A, 0, 4.1), (1, B, 4.1, 10)]))
    assert found == [(0.0, 4.0, A, None), (4.0, 10.0, B, None)]


def test_a_short_hole_is_held_and_a_long_one_is_a_slate() -> None:
    tracks = [track(A, 0, 3), track(B, 3.6, 6), track(C, 8, 10)]
    found = told(material(10, tracks, [(1, A, 0, 3), (1, B, 3.6, 6), (1, C, 8, 10)]))
    assert [(round(a, 1), round(b, 1), k) for a, b, k, _ in found] == [
        (0.0, 3.6, A),
        (3.6, 6.0, B),
        (6.0, 8.0, None),
        (8.0, 10.0, C),
    ]


def test_two_sides_only_where_the_layout_and_both_pictures_say_so() -> None:
    both = [track(A, 0, 10), track(B, 4, 8)]
    buses = [(1, A, 0, 10), (2, B, 0, 10)]
    layouts = [(0.0, "side_by_side"), (6.0, "single")]
    found = told(material(10, both, buses, layouts=layouts))
    assert found == [(0.0, 4.0, A, None), (4.0, 6.0, A, B), (6.0, 10.0, A, None)]


moments = st.integers(0, 120).map(lambda tenth: tenth / 10)
spans = st.tuples(moments, moments).map(lambda s: (min(s), max(s)))


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from([A, B, C]), spans), max_size=8),
    st.dictionaries(st.sampled_from([A, B, C]), spans),
    st.lists(st.tuples(moments, st.sampled_from(["single", "side_by_side"])), max_size=3),
)
def test_the_pieces_cover_the_program_and_nothing_twice(
    buses: list[Any], covered: dict[PublicationKey, tuple[float, float]], layouts: list[Any]
) -> None:
    tracks = [track(key, *span) for key, span in covered.items()]
    flat = [(slot, key, *span) for slot, key, span in buses]
    found = edit_list(material(12, tracks, flat, layouts=sorted(layouts)))
    assert found[0].start_ns == 0
    assert found[-1].end_ns == 12 * SECOND
    assert all(a.end_ns == b.start_ns for a, b in itertools.pairwise(found))
    assert all(p.start_ns < p.end_ns for p in found)
    assert all(p.left is not None or p.right is None for p in found)
    assert all(p.left is None or p.left != p.right for p in found)
