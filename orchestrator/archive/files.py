"""The files of one recording's folder that may leave it, by name: an allow-list, nothing else."""

import re
from dataclasses import dataclass
from pathlib import Path

from orchestrator.archive.errors import NoSuchFile

DOCUMENTS: dict[str, str] = {
    "program.webm": "video/webm",
    "chapters.vtt": "text/vtt; charset=utf-8",
    "chapters.json": "application/json",
    "program.json": "application/json",
    "timeline.json": "application/json",
    "manifest.jsonl": "application/jsonl",
    "switches.jsonl": "application/jsonl",
}
"""Name → content type."""

TRACK_TYPES = {"mkv": "video/x-matroska", "jsonl": "application/jsonl"}
_TRACK = re.compile(r"^(?:tracks/)?([A-Za-z0-9][A-Za-z0-9_-]{0,160}\.(mkv|jsonl))$", re.ASCII)


@dataclass(frozen=True, slots=True)
class RecordingFile:
    path: Path
    content_type: str
    label: str
    """What it is, for the name under which it is saved: `program`, a track's name …"""
    suffix: str


def find(folder: Path, name: str) -> RecordingFile:
    """The file called `name` (a track with or without `tracks/`) in a recording's folder.

    Raises NoSuchFile for a name that is not allowed, a link, or a file that is not there.
    """
    if name in DOCUMENTS:
        path, content_type = folder / name, DOCUMENTS[name]
    elif match := _TRACK.fullmatch(name):
        path, content_type = folder / "tracks" / match[1], TRACK_TYPES[match[2]]
    else:
        raise NoSuchFile("recordings have no file of that name; see the recording's list of files")
    if path.parent.is_symlink() or path.is_symlink() or not path.is_file():
        raise NoSuchFile("this recording does not have that file (yet); load the list again")
    return RecordingFile(path, content_type, path.stem, path.suffix)


def names(folder: Path) -> tuple[str, ...]:
    """The documents and derived files that are there."""
    return tuple(name for name in DOCUMENTS if (folder / name).is_file())


def total_size(folder: Path) -> int:
    """Bytes of everything in the folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
