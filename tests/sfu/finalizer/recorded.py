"""Recordings for the finalizer, written by the real capture from a synthetic tap."""

from dataclasses import dataclass, field
from pathlib import Path

from sfu.control.tap import AUDIO_BUS_SLOT
from sfu.record.timeline import FloorTurn, HeardInterval, LayoutChange, PhaseChange, Timeline
from sfu.recorder.capture import Capture
from sfu.recorder.journal import Journal
from sfu.recorder.storage import OpenFiles
from sfu.recorder.tap_parser import TapParser
from tests.sfu.recorder.feeder import SECOND, WALL, Stream, Timed, hello, in_order, switch

START = 2000 * SECOND
"""The worker's clock as the tap said HELLO: time zero of the record."""
UNIX = (WALL + START) / SECOND

Switching = tuple[float, int, str, Stream | None]
"""(seconds, slot, kind, source)"""


def write_recording(
    folder: Path, streams: list[Stream], switching: list[Switching], *, seal: bool = True
) -> None:
    """Capture streams and switches into `folder`."""
    parser = TapParser()
    files = OpenFiles()
    journal = Journal(folder)
    capture = Capture(journal, files)
    switches: list[Timed] = []
    for at, slot, kind, stream in switching:
        delay = stream.network_ns if stream else 30_000_000
        moment = START + round(at * SECOND) + delay
        clip_time = (START + round(at * SECOND) - stream.start_ns) / SECOND if stream else 0.0
        timestamp = stream.timestamp(clip_time) if stream else 0
        switches.append(
            (moment, switch(moment, slot, kind, stream.tag if stream else 0, timestamp))
        )
    script = in_order([(START, hello(START))], *(s.records() for s in streams), switches)
    for _, data in script:
        for record in parser.feed(data):
            capture.record(record)
    capture.finish()
    entries = journal.take()
    files.sync()
    journal.commit(entries)
    if seal:
        journal.seal()
    journal.close()


@dataclass
class Log:
    """A timeline in seconds from the recording's start."""

    stop: float
    heard: list[tuple[str, float, float]] | None = None
    turns: list[tuple[str, float, float]] = field(default_factory=list)
    layouts: list[tuple[float, str]] = field(default_factory=list)
    phases: list[tuple[float, str]] = field(default_factory=list)
    language: str = "zh-CN"

    def timeline(self) -> Timeline:
        heard = None
        if self.heard is not None:
            heard = tuple(
                HeardInterval(venue_id=v, start=UNIX + a, end=UNIX + b) for v, a, b in self.heard
            )
        return Timeline(
            recording_id="rec1",
            session_id="s1",
            title="二〇二六年第一次协商会议",
            venues={"v1": "主会场", "v2": "西城分会场", "v3": "东城分会场"},
            recording_started_at=UNIX,
            recording_stopped_at=UNIX + self.stop,
            layouts=tuple(
                LayoutChange.model_validate({"at": UNIX + at, "layout": layout})
                for at, layout in self.layouts
            ),
            phases=tuple(
                PhaseChange.model_validate({"at": UNIX + at, "phase": phase})
                for at, phase in self.phases
            ),
            turns=tuple(
                FloorTurn(venue_id=v, granted_at=UNIX + a, ended_at=UNIX + b)
                for v, a, b in self.turns
            ),
            heard=heard,
            language="en" if self.language == "en" else "zh-CN",
        )


UNPAIRED = AUDIO_BUS_SLOT + 1
