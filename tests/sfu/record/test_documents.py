"""Names, sidecars, switches and the timeline."""

import pytest
from pydantic import ValidationError

from sfu.control.plan import PublicationKey
from sfu.record.document import encode_line, parse_objects, whole_lines
from sfu.record.naming import part_of, publication_of, sidecar_of, track_file
from sfu.record.sidecar import EndLine, read_sidecar
from sfu.record.switches import (
    ConnectedLine,
    DisconnectedLine,
    SwitchesLine,
    SwitchLine,
    bus_intervals,
)
from sfu.record.timeline import Timeline

CAMERA = PublicationKey(venue_id="venue-a", source="camera", generation=3)
OTHER = PublicationKey(venue_id="b", source="screen_audio", generation=1)


@pytest.mark.parametrize("part", [1, 2, 17])
@pytest.mark.parametrize("key", [CAMERA, OTHER])
def test_a_track_s_name_says_what_it_holds(key: PublicationKey, part: int) -> None:
    name = track_file(key, part)
    assert publication_of(name) == key
    assert part_of(name) == part
    assert sidecar_of(name) == name[:-4] + ".jsonl"


def test_torn_and_foreign_lines_are_passed_over() -> None:
    good = encode_line(EndLine(at_ns=5, frames=1))
    lines, size = whole_lines(b"nonsense\n" + good + b'{"type":"new"}\n' + good[:7])
    assert size == len(good) + 9 + 15
    assert read_sidecar(lines) == [EndLine(at_ns=5, frames=1)]
    assert list(parse_objects([b"[1]", b"3", b'{"a":1}'])) == [{"a": 1}]


def switched(at: int, publication: PublicationKey | None, media: int | None = None) -> SwitchLine:
    return SwitchLine(
        slot=1,
        kind="video",
        publication=publication,
        at_ns=at,
        media_ns=media,
        wall_ns=0,
        monotonic_ns=0,
        rtp_timestamp=0,
    )


def test_buses_carry_what_the_last_switch_said_until_the_tap_ends() -> None:
    lines: list[SwitchesLine] = [
        ConnectedLine(boot_id="b", at_ns=0, wall_ns=0),
        switched(10, CAMERA, media=8),
        switched(20, OTHER),
        DisconnectedLine(at_ns=30, wall_ns=0),
        ConnectedLine(boot_id="c", at_ns=40, wall_ns=0),
        switched(45, CAMERA),
        switched(50, None),
        switched(60, OTHER),
    ]
    found = [(i.publication, i.start_ns, i.end_ns) for i in bus_intervals(lines, 70)]
    assert found == [(CAMERA, 8, 20), (OTHER, 20, 30), (CAMERA, 45, 50), (OTHER, 60, 70)]


def test_a_timeline_with_an_unknown_field_is_refused() -> None:
    body = {
        "recording_id": "r",
        "session_id": "s",
        "title": "会议",
        "venues": {"v1": "主会场"},
        "recording_started_at": 1.0,
        "recording_stopped_at": 2.0,
    }
    assert Timeline.model_validate(body).heard is None
    with pytest.raises(ValidationError):
        Timeline.model_validate({**body, "extra": 1})
