"""Looking at what the recorder wrote."""

import io
from pathlib import Path
from typing import NamedTuple

import av

from sfu.record.document import whole_lines
from sfu.record.manifest import Entry, read_chain
from sfu.record.sidecar import SidecarLine, read_sidecar
from sfu.record.switches import SwitchesLine, read_switches
from sfu.record.verify import Verification, verify


class Packets(NamedTuple):
    """Timestamps in seconds."""

    codec: str
    times: list[float]
    keys: list[bool]
    decoded: int


def read_track(path: Path) -> Packets:
    """Demux and decode a whole track; raises when anything in it cannot be decoded."""
    data = path.read_bytes()
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams[0]
        packets = [p for p in container.demux(stream) if p.size]
        codec = stream.codec_context.name
        times = [float(p.pts * p.time_base) for p in packets if p.pts is not None]
        keys = [p.is_keyframe for p in packets]
    with av.open(io.BytesIO(data), "r") as container:
        decoded = len(list(container.decode(container.streams[0])))
    return Packets(codec, times, keys, decoded)


def read_entries(folder: Path) -> list[Entry]:
    lines, _ = whole_lines((folder / "manifest.jsonl").read_bytes())
    return read_chain(lines)[1]


def sidecar(folder: Path, stem: str) -> list[SidecarLine]:
    return read_sidecar(whole_lines((folder / f"tracks/{stem}.jsonl").read_bytes())[0])


def switches(folder: Path) -> list[SwitchesLine]:
    return read_switches(whole_lines((folder / "switches.jsonl").read_bytes())[0])


def check(folder: Path) -> Verification:
    def read(name: str, offset: int, size: int) -> bytes:
        with (folder / name).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    lines, _ = whole_lines((folder / "manifest.jsonl").read_bytes())
    names = [f"tracks/{p.name}" for p in folder.glob("tracks/*")]
    return verify(lines, read, names)
