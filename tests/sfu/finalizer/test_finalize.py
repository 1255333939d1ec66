"""The program of synthetic recordings: what is seen, what is heard, and when."""

import json
import sys
import time
from pathlib import Path
from subprocess import run
from typing import Any

import av
import pytest

from sfu.control.plan import Source
from sfu.finalizer.errors import RecordingEmpty, RecordingMissing, StorageRefused, TimelineInvalid
from sfu.finalizer.finalize import finalize
from sfu.record.timeline import Timeline
from tests.sfu.finalizer.recorded import START, UNPAIRED, Log, Switching, write_recording
from tests.sfu.finalizer.watching import level, loud_from, pictures, shown_at, sound
from tests.sfu.recorder.clips import picture
from tests.sfu.recorder.clips import sound as tone
from tests.sfu.recorder.feeder import SECOND, Stream

RED, BLUE, GREEN = (200, 30, 30), (30, 30, 200), (30, 180, 30)
LENGTH = 9.0
FINALIZER = (sys.executable, "-m", "sfu.finalizer")
FLASHES = (1.0, 7.0)


def stream(tag: int, venue: str, source: Source, clip: Any, begin: float = 0.0) -> Stream:
    return Stream(tag, venue, source, clip, START + round(begin * SECOND))


def quiet(progress: float, stage: str) -> None:
    """Nobody looks."""


def near(found: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(found, wanted, strict=True))


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """v1 (red, 440 Hz) is on stage, v2 (blue, 700 Hz) has the floor from 3 to 6, v3 (1234 Hz) is
    captured all the time and never heard."""
    folder = tmp_path_factory.mktemp("session")
    first = stream(1, "v1", "camera", picture(RED, LENGTH, gop=25))
    second = stream(2, "v2", "camera", picture(BLUE, LENGTH, size=(240, 240), gop=25))
    voices = [
        stream(tag, f"v{tag - 10}", "microphone", tone(hz, LENGTH))
        for tag, hz in ((11, 440.0), (12, 700.0), (13, 1234.0))
    ]
    switching: list[Switching] = [
        (0.0, 1, "video", first),
        (0.0, 1, "audio", voices[0]),
        (3.0, 1, "video", second),
        (3.0, 1, "audio", voices[1]),
        (3.0, UNPAIRED, "audio", voices[0]),
        (6.0, 1, "video", first),
        (6.0, 1, "audio", voices[0]),
        (6.0, UNPAIRED, "audio", None),
    ]
    write_recording(folder, [first, second, *voices], switching)
    log = Log(
        stop=LENGTH,
        heard=[("v1", 0, LENGTH), ("v2", 3, 6)],
        turns=[("v2", 3.0, 6.0)],
        phases=[(0.0, "live")],
    )
    (folder / "timeline.json").write_text(log.timeline().model_dump_json())
    finalize(folder, log.timeline(), quiet)
    return folder


def test_the_speakers_are_seen_in_order(session: Path) -> None:
    found = pictures(session / "program.webm")
    for at, colour in ((1.5, RED), (2.9, RED), (3.2, BLUE), (5.9, BLUE), (6.2, RED), (8.5, RED)):
        assert near(shown_at(found, at).colour(), colour), at
    assert (shown_at(found, 4.0).width, shown_at(found, 4.0).height) == (240, 240)
    assert found[0].at == 0.0


def test_each_is_heard_while_it_may_be_and_no_one_else(session: Path) -> None:
    samples = sound(session / "program.webm")
    assert level(samples, 440, 0.2, 2.9) > 0.3
    assert level(samples, 700, 3.2, 5.8) > 0.3
    assert level(samples, 440, 3.2, 5.8) > 0.3
    for start, end in ((0.2, 2.9), (6.1, 8.8)):
        assert level(samples, 700, start, end) < 0.004
    assert level(samples, 1234, 0.2, 8.8) < 0.004


def test_the_program_is_as_long_as_the_recording_and_seekable(session: Path) -> None:
    with av.open(str(session / "program.webm"), "r") as container:
        assert container.duration is not None
        assert abs(container.duration / 1e6 - LENGTH) < 0.5
        chapters: Any = container.chapters()
        container.seek(5_000_000)
        frame = next(container.decode(video=0))
        assert frame.time is not None
        assert 2.5 < frame.time <= 5.0
    assert [c["metadata"]["title"] for c in chapters] == ["会议", "西城分会场", "会议"]
    data = (session / "program.webm").read_bytes()
    assert data.index(b"\x1c\x53\xbb\x6b") < data.index(b"\x1f\x43\xb6\x75"), "cues before clusters"


def test_chapters_are_also_given_for_pages(session: Path) -> None:
    chapters = json.loads((session / "chapters.json").read_text())
    assert [(c["start"], c["end"], c["venue_id"]) for c in chapters] == [
        (0.0, 3.0, None),
        (3.0, 6.0, "v2"),
        (6.0, 9.0, None),
    ]
    text = (session / "chapters.vtt").read_text()
    assert text.startswith("WEBVTT\n")
    assert "00:00:03.000 --> 00:00:06.000\n西城分会场\n" in text


def test_it_says_what_it_was_made_from(session: Path) -> None:
    info = json.loads((session / "program.json").read_text())
    assert info["verified"] is True
    assert info["notes"] == []
    assert info["size"] == (session / "program.webm").stat().st_size


def test_a_second_run_has_nothing_to_do(session: Path) -> None:
    before = (session / "program.webm").stat().st_mtime_ns
    process = run(
        [*FINALIZER, "--folder", str(session), "--timeline", str(session / "timeline.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    assert process.returncode == 0, process.stderr
    assert lines[-1] == {
        "done": True,
        "duration": LENGTH,
        "size": (session / "program.webm").stat().st_size,
    }
    assert (session / "program.webm").stat().st_mtime_ns == before


def test_picture_and_sound_are_together(tmp_path: Path) -> None:
    """A flash and a beep of one moment, sent over ways of different length."""
    camera = stream(1, "v1", "camera", picture(RED, 8.5, flash_at=FLASHES, gop=25))
    camera.network_ns = 130_000_000
    microphone = stream(2, "v1", "microphone", tone(1000.0, 8.5, beep_at=FLASHES))
    plain = stream(1, "v1", "camera", camera.clip)
    camera.report = plain.report  # type: ignore[method-assign]  # the publisher's least delay
    write_recording(
        tmp_path,
        [camera, microphone],
        [(0.0, 1, "video", camera), (0.0, 1, "audio", microphone)],
    )
    finalize(tmp_path, Log(stop=8.5, heard=[("v1", 0, 8.5)]).timeline(), quiet)
    found = pictures(tmp_path / "program.webm")
    samples = sound(tmp_path / "program.webm")
    seen = [p.at for p in found if min(p.colour(0.7, 0.6)) > 180]
    for flash in FLASHES:
        flashed = min(at for at in seen if at > flash - 0.5)
        beeped = loud_from(samples, flash - 0.5)
        assert abs(flashed - beeped) < 0.080
        assert abs(beeped - flash) < 0.080


def test_two_sides_are_composed_and_an_empty_one_is_not(tmp_path: Path) -> None:
    first = stream(1, "v1", "camera", picture(RED, 5.0, gop=25))
    second = stream(2, "v2", "camera", picture(BLUE, 5.0, gop=25))
    write_recording(
        tmp_path,
        [first, second],
        [(0.0, 1, "video", first), (2.0, 2, "video", second), (4.0, 2, "video", None)],
    )
    finalize(tmp_path, Log(stop=5.0, layouts=[(0.0, "side_by_side")]).timeline(), quiet)
    found = pictures(tmp_path / "program.webm")
    both = shown_at(found, 3.0)
    assert (both.width, both.height) == (1280, 720)
    assert near(both.colour(0.25), RED)
    assert near(both.colour(0.75), BLUE)
    for at in (1.5, 4.5):
        assert near(shown_at(found, at).colour(0.75), RED)


def test_where_there_is_no_picture_there_is_a_slate(tmp_path: Path) -> None:
    first = stream(1, "v1", "camera", picture(GREEN, 2.0, gop=25), begin=2.0)
    later = stream(3, "v1", "camera", picture(GREEN, 2.0, gop=25), begin=6.0)
    later.generation = 2
    write_recording(tmp_path, [first, later], [(2.0, 1, "video", first), (6.0, 1, "video", later)])
    finalize(tmp_path, Log(stop=8.0).timeline(), quiet)
    found = pictures(tmp_path / "program.webm")
    for at, green in ((0.5, False), (1.9, False), (2.5, True), (5.5, False), (7.0, True)):
        assert near(shown_at(found, at).colour(0.1, 0.1), GREEN) is green, at
    assert shown_at(found, 5.5).width == 1280


def test_a_layout_changed_between_key_frames_shows_no_broken_picture(tmp_path: Path) -> None:
    """The copied piece begins in the middle of a group: it is encoded anew up to the next key."""
    first = stream(1, "v1", "camera", picture(RED, 5.0, gop=50))
    second = stream(2, "v2", "camera", picture(BLUE, 5.0, gop=50))
    write_recording(
        tmp_path, [first, second], [(0.0, 1, "video", first), (0.0, 2, "video", second)]
    )
    log = Log(stop=5.0, layouts=[(0.0, "side_by_side"), (2.6, "single"), (3.1, "side_by_side")])
    finalize(tmp_path, log.timeline(), quiet)
    found = pictures(tmp_path / "program.webm")
    single = shown_at(found, 2.9)
    assert (single.width, single.height) == (320, 180)
    assert near(single.colour(0.75), RED)
    assert shown_at(found, 2.62).width == 320
    assert near(shown_at(found, 3.3).colour(0.75), BLUE)


def test_unpaired_buses_alone_decide_when_the_log_says_nothing(tmp_path: Path) -> None:
    voice = stream(2, "v1", "microphone", tone(600.0, 4.0))
    write_recording(
        tmp_path, [voice], [(1.0, UNPAIRED, "audio", voice), (2.0, UNPAIRED, "audio", None)]
    )
    finalize(tmp_path, Log(stop=4.0).timeline(), quiet)
    samples = sound(tmp_path / "program.webm")
    assert level(samples, 600, 1.2, 1.9) > 0.3
    assert level(samples, 600, 0.1, 0.9) < 0.004
    assert level(samples, 600, 2.2, 3.9) < 0.004


def test_a_microphone_whose_bus_was_empty_is_not_mixed_although_the_log_allows(
    tmp_path: Path,
) -> None:
    voice = stream(2, "v1", "microphone", tone(600.0, 3.0))
    other = stream(3, "v2", "microphone", tone(900.0, 3.0))
    write_recording(tmp_path, [voice, other], [(0.0, UNPAIRED, "audio", other)])
    log = Log(stop=3.0, heard=[("v1", 0, 3), ("v2", 0, 3)])
    finalize(tmp_path, log.timeline(), quiet)
    samples = sound(tmp_path / "program.webm")
    assert level(samples, 900, 0.3, 2.8) > 0.3
    assert level(samples, 600, 0.3, 2.8) < 0.004


def test_a_damaged_track_is_left_out_and_a_changed_one_is_noted(tmp_path: Path) -> None:
    first = stream(1, "v1", "camera", picture(RED, 3.0, gop=25))
    second = stream(2, "v2", "camera", picture(BLUE, 3.0, gop=25))
    write_recording(
        tmp_path, [first, second], [(0.0, 1, "video", first), (2.0, 1, "video", second)]
    )
    path = tmp_path / "tracks/v2-camera-1.mkv"
    path.write_bytes(b"\x00" * path.stat().st_size)
    log = Log(stop=4.0)
    info = finalize(tmp_path, log.timeline(), quiet)
    assert info["verified"] is False
    assert {"damaged_track", "segment_mismatch"} <= {n["code"] for n in info["notes"]}
    found = pictures(tmp_path / "program.webm")
    assert near(shown_at(found, 1.0).colour(), RED)
    assert shown_at(found, 3.5).width == 1280


def test_a_recording_cut_by_a_kill_has_a_program(tmp_path: Path) -> None:
    first = stream(1, "v1", "camera", picture(RED, 4.0, gop=25))
    write_recording(tmp_path, [first], [(0.0, 1, "video", first)], seal=False)
    path = tmp_path / "tracks/v1-camera-1.mkv"
    path.write_bytes(path.read_bytes()[:-700])
    info = finalize(tmp_path, Log(stop=4.0).timeline(), quiet)
    assert "not_sealed" in {n["code"] for n in info["notes"]}
    assert near(shown_at(pictures(tmp_path / "program.webm"), 2.0).colour(), RED)


def test_what_cannot_be_made_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    timeline = Log(stop=3.0).timeline()
    with pytest.raises(RecordingMissing):
        finalize(tmp_path, timeline, quiet)
    empty = tmp_path / "empty"
    write_recording(empty, [], [])
    with pytest.raises(RecordingEmpty):
        finalize(empty, timeline, quiet)
    backwards = timeline.model_copy(update={"recording_stopped_at": 1.0})
    with pytest.raises(TimelineInvalid):
        finalize(empty, Timeline.model_validate(backwards.model_dump()), quiet)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sfu.finalizer.finalize.write_program", full)
    first = stream(1, "v1", "camera", picture(RED, 2.0, gop=25))
    write_recording(tmp_path / "full", [first], [(0.0, 1, "video", first)])
    with pytest.raises(StorageRefused) as refused:
        finalize(tmp_path / "full", timeline, quiet)
    assert refused.value.code == "disk_full"


def test_the_process_says_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text("{}")
    process = run(
        [*FINALIZER, "--folder", str(tmp_path), "--timeline", str(tmp_path / "t.json")],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert process.returncode == 1
    assert json.loads(process.stdout)["error"]["code"] == "timeline_invalid"


def test_copying_is_many_times_faster_than_real_time(tmp_path: Path) -> None:
    first = stream(1, "v1", "camera", picture(RED, LENGTH, gop=25))
    voice = stream(2, "v1", "microphone", tone(440.0, LENGTH))
    write_recording(tmp_path, [first, voice], [(0.0, 1, "video", first)])
    began = time.process_time()  # of this process: other tests may be running
    finalize(tmp_path, Log(stop=LENGTH, heard=[("v1", 0, LENGTH)]).timeline(), quiet)
    assert time.process_time() - began < LENGTH / 5
