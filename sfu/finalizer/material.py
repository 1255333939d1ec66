"""What a recording offers: its tracks, where their pictures and sounds stand, its switches.

All times are nanoseconds from the program's start.
"""

from bisect import bisect_left
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import av
from av.container import InputContainer

from sfu.control.plan import PublicationKey
from sfu.control.rtp import Kind
from sfu.finalizer.errors import RecordingEmpty, RecordingMissing, TimelineInvalid
from sfu.record import MANIFEST, SWITCHES
from sfu.record.document import whole_lines
from sfu.record.manifest import Chain, Entry, ManifestError, RecordingEntry, TrackEntry
from sfu.record.naming import part_of
from sfu.record.switches import BusInterval, SwitchesLine, bus_intervals, read_switches
from sfu.record.timeline import Timeline
from sfu.record.verify import Problem

SECOND = 1_000_000_000
MAX_PROGRAM_SECONDS = 48 * 3600
RUN_BREAK_NS = SECOND
"""Without a frame for longer than this there is no picture."""


class Note(NamedTuple):
    """Something that the program does without."""

    code: str
    file: str
    message: str


@dataclass
class Track:
    """A publication in all its parts, in order of time."""

    publication: PublicationKey
    kind: Kind
    files: list[Path] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)

    def runs(self) -> list[tuple[int, int]]:
        """When there is a picture: from a frame until the last one before a long silence."""
        found: list[tuple[int, int]] = []
        for at in self.times:
            if found and at - found[-1][1] <= RUN_BREAK_NS:
                found[-1] = (found[-1][0], at)
            else:
                found.append((at, at))
        return found

    def key_near(self, at_ns: int, tolerance_ns: int) -> int | None:
        """The key frame nearest to a moment, if one is near enough."""
        index = bisect_left(self.keys, at_ns)
        near = self.keys[max(0, index - 1) : index + 1]
        best = min(near, key=lambda k: abs(k - at_ns), default=None)
        return best if best is not None and abs(best - at_ns) <= tolerance_ns else None


@dataclass
class Material:
    """Everything the program is made of. `shift_ns` turns the record's time into the program's."""

    folder: Path
    timeline: Timeline
    shift_ns: int
    duration_ns: int
    tracks: dict[PublicationKey, Track]
    buses: list[BusInterval]
    switches: list[SwitchesLine]
    notes: list[Note]

    def moment(self, unix_seconds: float) -> int:
        """Return a moment of the timeline on the program, limited to its length."""
        at = round((unix_seconds - self.timeline.recording_started_at) * SECOND)
        return min(max(0, at), self.duration_ns)


def load(folder: Path, timeline: Timeline) -> Material:
    """Read the folder. A track that cannot be read is left out, with a note.

    Raises RecordingMissing, RecordingEmpty, TimelineInvalid.
    """
    duration = timeline.recording_stopped_at - timeline.recording_started_at
    if not 0 < duration <= MAX_PROGRAM_SECONDS:
        raise TimelineInvalid("the recording's stop must come after its start, within two days")
    entries = _entries(folder)
    origin = next((e.origin_wall_ns for e in entries if isinstance(e, RecordingEntry)), None)
    if origin is None:
        raise RecordingEmpty("no worker ever answered: there is nothing to show")
    material = Material(
        folder=folder,
        timeline=timeline,
        shift_ns=round(timeline.recording_started_at * SECOND) - origin,
        duration_ns=round(duration * SECOND),
        tracks={},
        buses=[],
        switches=_switches(folder),
        notes=[],
    )
    _index_tracks(material, [e for e in entries if isinstance(e, TrackEntry)])
    if not material.tracks:
        raise RecordingEmpty("no track holds any picture or sound")
    shift = material.shift_ns
    material.buses = [
        i._replace(start_ns=i.start_ns - shift, end_ns=i.end_ns - shift)
        for i in bus_intervals(material.switches, material.duration_ns + shift)
    ]
    return material


def manifest_lines(folder: Path) -> list[bytes]:
    """Complete lines of the manifest. Raises RecordingMissing."""
    try:
        return whole_lines((folder / MANIFEST).read_bytes())[0]
    except FileNotFoundError as error:
        raise RecordingMissing(f"there is no {MANIFEST} in this folder") from error


def problems_as_notes(problems: tuple[Problem, ...]) -> list[Note]:
    return [Note(p.code, p.file, p.message) for p in problems]


def _entries(folder: Path) -> list[Entry]:
    """As much of the manifest as holds together."""
    chain = Chain()
    entries: list[Entry] = []
    for line in manifest_lines(folder):
        try:
            entries.append(chain.accept(line))
        except ManifestError:
            break
    return entries


def _switches(folder: Path) -> list[SwitchesLine]:
    path = folder / SWITCHES
    return read_switches(whole_lines(path.read_bytes())[0]) if path.is_file() else []


def _index_tracks(material: Material, entries: list[TrackEntry]) -> None:
    for entry in sorted(entries, key=lambda e: part_of(e.file)):
        path = material.folder / entry.file
        try:
            times, keys = _index(path, material.shift_ns)
        except (av.FFmpegError, OSError) as error:
            if not _header_only(path):
                material.notes.append(Note("damaged_track", entry.file, str(error)))
            continue
        if not times:
            continue
        track = material.tracks.setdefault(entry.publication, Track(entry.publication, entry.kind))
        track.files.append(path)
        track.times += times
        track.keys += keys


def _header_only(path: Path) -> bool:
    """A file that a kill left without one packet: empty, not damaged."""
    return path.is_file() and path.stat().st_size < 1024


def _index(path: Path, shift_ns: int) -> tuple[list[int], list[int]]:
    times: list[int] = []
    keys: list[int] = []
    for packet in packets(path):
        at = packet_ns(packet) - shift_ns
        times.append(at)
        if packet.is_keyframe:
            keys.append(at)
    return times, keys


def packets(path: Path) -> Iterator["av.Packet[Any]"]:
    """Each packet of a track file; what a kill cut off at the end is no error."""
    with opened(path) as container:
        if not container.streams:
            return
        for packet in container.demux(container.streams[0]):
            if packet.size and packet.pts is not None:
                yield packet


def packet_ns(packet: "av.Packet[Any]") -> int:
    """A packet's moment on the record's time."""
    assert packet.pts is not None
    return round(packet.pts * packet.time_base * SECOND)


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """A track file, open for reading."""
    with av.open(str(path), "r") as container:
        yield container
