"""Capture without sockets: records in, track files, sidecars and switches out."""

import os
from pathlib import Path

import pytest

from sfu.record.sidecar import EndLine, GapLine, MappingLine
from sfu.record.switches import SwitchLine
from sfu.recorder.capture import Capture
from sfu.recorder.errors import StorageFailed, TapDamaged
from sfu.recorder.journal import Journal
from sfu.recorder.storage import OpenFiles
from sfu.recorder.tap_parser import TapParser
from tests.sfu.recorder.clips import picture, sound
from tests.sfu.recorder.feeder import SECOND, Stream, Timed, gap, hello, in_order, switch
from tests.sfu.recorder.reading import check, read_entries, read_track, sidecar, switches

START = 1000 * SECOND
RED = (200, 30, 30)


class Recorder:
    """Runs a capture in this thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = OpenFiles()
        self.journal = Journal(folder)
        self.journal.open()
        self.capture = Capture(self.journal, self.files)
        self.parser = TapParser()

    def feed(self, script: list[Timed]) -> None:
        for _, data in script:
            for record in self.parser.feed(data):
                self.capture.record(record)

    def commit(self) -> None:
        entries = self.journal.take()
        self.files.sync()
        self.journal.commit(entries)

    def finish(self, *, seal: bool = True) -> None:
        self.capture.finish()
        self.commit()
        if seal:
            self.journal.seal()
        self.journal.close()


def camera(start_ns: int = START, **options: object) -> Stream:
    return Stream(1, "v1", "camera", picture(RED, 4.0), start_ns, **options)  # type: ignore[arg-type]  # passed through


def microphone(start_ns: int = START, **options: object) -> Stream:
    return Stream(2, "v1", "microphone", sound(440.0, 4.0), start_ns, **options)  # type: ignore[arg-type]  # passed through


def test_tracks_stand_on_the_record_s_time(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    begin = [(START - SECOND, hello(START - SECOND))]
    recorder.feed(in_order(begin, camera().records(), microphone().records()))
    recorder.finish()
    video = read_track(tmp_path / "tracks/v1-camera-1.mkv")
    audio = read_track(tmp_path / "tracks/v1-microphone-1.mkv")
    assert (video.codec, audio.codec) == ("vp8", "opus")
    assert video.decoded == 100
    assert video.keys[0]
    assert video.times[0] == pytest.approx(1.030, abs=0.002)
    assert audio.times[0] == pytest.approx(1.030 - 0.0065, abs=0.002)
    assert video.times[-1] == pytest.approx(1.030 + 99 / 25, abs=0.002)
    assert audio.times[-1] == pytest.approx(1.0235 + (len(audio.times) - 1) * 0.02, abs=0.002)
    assert check(tmp_path).intact


def test_sender_reports_align_a_publisher_whose_streams_travel_differently(tmp_path: Path) -> None:
    """The picture arrives 150 ms after the sound; sender reports say: the same moment."""
    recorder = Recorder(tmp_path)
    late = camera(network_ns=180_000_000)
    mic = microphone()
    # One offset for all streams of the publisher: the least delay seen on any of them.
    late.report = lambda at, arrival: Stream.report(  # type: ignore[method-assign]  # one case only
        camera(), at, arrival
    )
    recorder.feed(in_order([(START, hello(START))], late.records(), mic.records()))
    recorder.finish()
    video = read_track(tmp_path / "tracks/v1-camera-1.mkv")
    audio = read_track(tmp_path / "tracks/v1-microphone-1.mkv")
    assert video.times[-1] == pytest.approx(0.030 + 99 / 25, abs=0.005)
    assert audio.times[-1] == pytest.approx(0.0235 + (len(audio.times) - 1) * 0.02, abs=0.005)
    assert all(b > a for a, b in zip(video.times, video.times[1:], strict=False))
    mappings = [x for x in sidecar(tmp_path, "v1-camera-1") if isinstance(x, MappingLine)]
    assert {m.source for m in mappings} == {"arrival", "sender_report"}


def test_a_sender_report_from_another_age_is_not_believed(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    odd = camera()
    shifted = camera(start_ns=START + 60 * SECOND)
    odd.report = shifted.report  # type: ignore[method-assign]  # one case only
    recorder.feed(in_order([(START, hello(START))], odd.records()))
    recorder.finish()
    video = read_track(tmp_path / "tracks/v1-camera-1.mkv")
    assert video.times[-1] == pytest.approx(0.030 + 99 / 25, abs=0.005)


def test_a_retransmission_in_time_leaves_no_trace(tmp_path: Path) -> None:
    script = camera().records()
    packets = [i for i, (_, data) in enumerate(script) if data[4] == 3]
    late = packets[30]
    at = script[late][0] + 200_000_000
    moved = script.pop(late)
    recorder = Recorder(tmp_path)
    recorder.feed(in_order([(START, hello(START))], script, [(at, moved[1])]))
    recorder.finish()
    assert read_track(tmp_path / "tracks/v1-camera-1.mkv").decoded == 100
    assert not [x for x in sidecar(tmp_path, "v1-camera-1") if isinstance(x, GapLine)]


def test_after_a_loss_the_picture_waits_for_a_key_frame(tmp_path: Path) -> None:
    script = camera().records()
    del script[30]
    recorder = Recorder(tmp_path)
    recorder.feed(in_order([(START, hello(START))], script))
    recorder.finish()
    video = read_track(tmp_path / "tracks/v1-camera-1.mkv")
    gaps = [x for x in sidecar(tmp_path, "v1-camera-1") if isinstance(x, GapLine)]
    assert [(g.reason, g.packets) for g in gaps] == [("lost", 1)]
    assert gaps[0].until_ns == pytest.approx(2.030 * SECOND, abs=5_000_000)
    after = next(i for i, t in enumerate(video.times) if t > gaps[0].from_ns / SECOND + 0.1)
    assert video.keys[after]
    assert recorder.capture.gaps == 1


def test_a_lost_packet_of_sound_is_a_gap_and_no_more(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    mic = microphone(drop=lambda index: index in {50, 51})
    recorder.feed(in_order([(START, hello(START))], mic.records()))
    recorder.finish()
    gaps = [x for x in sidecar(tmp_path, "v1-microphone-1") if isinstance(x, GapLine)]
    assert [(g.reason, g.packets) for g in gaps] == [("lost", 2)]
    assert gaps[0].until_ns - gaps[0].from_ns == pytest.approx(40_000_000, abs=2_000_000)


def test_switches_name_publications_and_where_they_stand(tmp_path: Path) -> None:
    cam = camera()
    at = START + 2 * SECOND + cam.network_ns
    events = [
        (START, hello(START)),
        (at, switch(at, 1, "video", 1, cam.timestamp(2.0))),
        (at + SECOND, switch(at + SECOND, 1, "video", 0)),
    ]
    recorder = Recorder(tmp_path)
    recorder.feed(in_order(events, cam.records()))
    recorder.finish()
    found = [x for x in switches(tmp_path) if isinstance(x, SwitchLine)]
    assert [x.publication for x in found] == [cam.publication, None]
    assert found[0].media_ns == pytest.approx(2.030 * SECOND, abs=2_000_000)
    assert found[1].media_ns is None
    assert found[1].at_ns == 3_030_000_000


def test_a_switch_may_come_before_its_stream_is_announced(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    cam = camera()
    early = [(START, hello(START)), (START, switch(START, 1, "video", 1, cam.timestamp(0)))]
    recorder.feed([*early, *cam.records()])
    recorder.finish()
    found = [x for x in switches(tmp_path) if isinstance(x, SwitchLine)]
    assert [x.publication for x in found] == [None, cam.publication]
    assert found[0].at_ns == found[1].at_ns


def test_a_worker_that_starts_again_has_another_clock(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    recorder.feed(in_order([(START, hello(START))], camera().records()))
    recorder.capture.disconnected()
    # Its monotonic clock begins elsewhere; wall time says that six seconds have gone by.
    other = 5 * SECOND
    body = hello(other, "boot-2").replace(
        str(1_760_000_000 * SECOND + other).encode(),
        str(1_760_000_000 * SECOND + START + 6 * SECOND).encode(),
    )
    again = camera(start_ns=other, generation=2)
    recorder.parser = TapParser()
    recorder.feed(in_order([(other, body)], again.records()))
    recorder.finish()
    times = read_track(tmp_path / "tracks/v1-camera-2.mkv").times
    assert times[0] == pytest.approx(6.030, abs=0.002)
    assert len([e for e in read_entries(tmp_path) if e.type == "clock"]) == 2


def test_a_publication_that_comes_back_gets_another_part(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    cam = camera()
    later = camera(start_ns=START + 10 * SECOND)
    ended = cam.end(START + 5 * SECOND)
    recorder.feed(in_order([(START, hello(START))], cam.records(), [ended], later.records()))
    recorder.finish()
    assert read_track(tmp_path / "tracks/v1-camera-1.mkv").decoded == 100
    assert read_track(tmp_path / "tracks/v1-camera-1-part2.mkv").times[0] == pytest.approx(
        10.03, abs=0.002
    )
    assert isinstance(sidecar(tmp_path, "v1-camera-1")[-1], EndLine)
    assert check(tmp_path).intact


def test_dropped_records_are_a_written_gap(tmp_path: Path) -> None:
    script = camera().records()
    missing = script[40:60]
    del script[40:60]
    at = missing[-1][0]
    recorder = Recorder(tmp_path)
    recorder.feed(in_order([(START, hello(START))], script, [(at, gap(at, len(missing)))]))
    recorder.finish()
    gaps = [x for x in sidecar(tmp_path, "v1-camera-1") if isinstance(x, GapLine)]
    assert [g.reason for g in gaps] == ["overflow"]
    assert read_track(tmp_path / "tracks/v1-camera-1.mkv").decoded < 100


def test_a_full_disk_pauses_and_goes_on_in_new_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [20_000]
    real = os.write

    def write(fd: int, data: memoryview) -> int:
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        done = real(fd, data[: min(room[0], 1000)])
        room[0] -= done
        return done

    recorder = Recorder(tmp_path)
    cam = Stream(1, "v1", "camera", picture(RED, 4.0, gop=10), START)
    script = in_order([(START, hello(START))], cam.records(), microphone().records())
    monkeypatch.setattr(os, "write", write)
    half = len(script) * 3 // 4
    recorder.feed(script[:half])
    stalled: str | None = recorder.capture.failure
    assert stalled == "disk_full"
    monkeypatch.setattr(os, "write", real)
    recorder.capture.resume()
    recorder.feed(script[half:])
    recorder.finish()
    assert recorder.capture.failure is None
    assert check(tmp_path).intact
    assert read_track(tmp_path / "tracks/v1-camera-1.mkv").decoded > 10
    second = read_track(tmp_path / "tracks/v1-camera-1-part2.mkv")
    assert second.keys[0]
    assert second.times[-1] == pytest.approx(0.030 + 99 / 25, abs=0.005)
    assert "disk_full" in {
        x.reason for x in sidecar(tmp_path, "v1-camera-1-part2") if isinstance(x, GapLine)
    }
    assert "interruption" in {e.type for e in read_entries(tmp_path)}


def test_the_manifest_survives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder(tmp_path)
    recorder.feed(in_order([(START, hello(START))], camera().records()))
    real = os.pwrite

    def pwrite(fd: int, data: bytes, at: int) -> int:
        real(fd, data[:10], at)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", pwrite)
    with pytest.raises(StorageFailed):
        recorder.commit()
    monkeypatch.setattr(os, "pwrite", real)
    recorder.finish()
    assert check(tmp_path).intact


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xff\xff\xff" + bytes(20),
        camera().announce(START),
        hello(START)[:24] + b"x" * (len(hello(START)) - 24),
        hello(START) + b"\x08" + switch(START, 1, "video", 0)[1:-4],
    ],
    ids=["oversized", "no hello", "not json", "short switch"],
)
def test_what_is_no_tap_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(TapDamaged):
        Recorder(tmp_path).feed([(START, data)])


def test_header_only_files_are_never_made(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path)
    script = [(START, hello(START)), (START, camera().announce(START))]
    recorder.feed(script)
    recorder.finish()
    assert not list(tmp_path.glob("tracks/*"))
    assert check(tmp_path).intact
