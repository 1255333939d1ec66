"""Hash a recording on local disk again and compare it with its manifest."""

import os
import time
from pathlib import Path

from orchestrator.protocol.rest import Verification, VerificationProblem
from sfu.record.document import whole_lines
from sfu.record.verify import Read, verify

PROBLEM_LIMIT = 200
"""Most problems told: a lost disk has one a segment."""


def verify_folder(folder: Path, *, checked_at: float | None = None) -> Verification:
    """Read every byte of the recording: run it in a thread. Raises OSError."""
    manifest = folder / "manifest.jsonl"
    data = manifest.read_bytes() if manifest.is_file() else b""
    lines, end = whole_lines(data)
    if end < len(data):
        lines.append(data[end:])  # a torn last line is damage once the recording is over
    found = verify(lines, _reader(folder), _names(folder))
    return Verification(
        intact=found.intact,
        segments=found.segments,
        bytes=found.bytes,
        problems=tuple(
            VerificationProblem(file=p.file, code=p.code, message=p.message)
            for p in found.problems[:PROBLEM_LIMIT]
        ),
        checked_at=time.time() if checked_at is None else checked_at,
    )


def _reader(folder: Path) -> Read:
    def read(name: str, offset: int, size: int) -> bytes:
        # The manifest's own schema allows no name that leaves the folder.
        fd = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            return os.pread(fd, size, offset)
        finally:
            os.close(fd)

    return read


def _names(folder: Path) -> list[str]:
    """Track files, their sidecars and the switches: what the recorder wrote."""
    found = [f"tracks/{path.name}" for path in (folder / "tracks").glob("*") if path.is_file()]
    return [*found, *(n for n in ("switches.jsonl",) if (folder / n).is_file())]
