"""Names of files inside a recording's folder: what the manifest may name, and nothing else."""

import re
from typing import Annotated

from pydantic import Field

from sfu.control.plan import PublicationKey

FileName = Annotated[
    str, Field(pattern=r"^(tracks/)?[A-Za-z0-9][A-Za-z0-9_-]{0,160}\.(mkv|jsonl)$")
]
"""Relative to the recording's folder; cannot leave it."""

_PART = re.compile(r"-part(\d{1,6})$")
_STEM = re.compile(
    r"^(?:tracks/)?(?P<venue>.+)-(?P<source>camera|microphone|screen|screen_audio)"
    r"-(?P<generation>\d{1,9})(?:-part\d{1,6})?\.mkv$"
)


def track_stem(publication: PublicationKey, part: int) -> str:
    """Return `<venue>-<source>-<generation>[-partN]`; part 1 has no suffix."""
    stem = f"{publication.venue_id}-{publication.source}-{publication.generation}"
    return stem if part == 1 else f"{stem}-part{part}"


def track_file(publication: PublicationKey, part: int) -> str:
    """Return the name of a track file, relative to the recording's folder."""
    return f"tracks/{track_stem(publication, part)}.mkv"


def sidecar_of(file: str) -> str:
    """Return the sidecar's name of a track file."""
    return file.removesuffix(".mkv") + ".jsonl"


def part_of(file: str) -> int:
    """Return which part of its publication a track file is, counted from 1."""
    found = _PART.search(file.removesuffix(".mkv"))
    return int(found[1]) if found else 1


def publication_of(file: str) -> PublicationKey | None:
    """Return what a track file's name says it holds, or None when it is no such name."""
    found = _STEM.match(file)
    if found is None:
        return None
    return PublicationKey.model_validate(
        {
            "venue_id": found["venue"],
            "source": found["source"],
            "generation": int(found["generation"]),
        }
    )
