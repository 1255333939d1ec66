"""The stages from a finished recording to its program; each can be done again at any time.

`verify` → `verification.json`; `load`; `program` → `program.webm`; `publish` → chapters and, last,
`program.json`. A file appears whole or not at all; `program.json` says from which manifest,
switches and timeline it was made, so that a second run has nothing to do.
"""

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sfu.finalizer.chapters import Chapter, chapters, web_vtt
from sfu.finalizer.edit import edit_list
from sfu.finalizer.errors import StorageRefused, storage_reason
from sfu.finalizer.material import Material, Note, load, manifest_lines, problems_as_notes
from sfu.finalizer.pictures import HEIGHT, WIDTH, picture_frames
from sfu.finalizer.program import write_program
from sfu.finalizer.sound import mixed_blocks
from sfu.record import (
    CHAPTERS_JSON,
    CHAPTERS_VTT,
    MANIFEST,
    PROGRAM,
    PROGRAM_INFO,
    SWITCHES,
    TRACKS,
    VERIFICATION,
)
from sfu.record.document import canonical
from sfu.record.timeline import Timeline
from sfu.record.verify import Verification, verify

VERSION = 1
"""Counted up when the same recording would give another program: old ones are made again."""
VERIFY_SHARE = 0.1
HASH_CHUNK = 1 << 20
Report = Callable[[float, str], None]


def finalize(folder: Path, timeline: Timeline, report: Report) -> dict[str, Any]:
    """Make everything that is derived; return what `program.json` says.

    `report(progress 0–1, stage)` is called on the way. Raises FinalizerError.
    """
    inputs = _inputs(folder, timeline)
    done = _up_to_date(folder, inputs)
    if done is not None:
        report(1.0, "done")
        return done
    try:
        return _make(folder, timeline, inputs, report)
    except OSError as error:
        raise StorageRefused(
            storage_reason(error), f"the program cannot be written: {error}"
        ) from error


def _make(folder: Path, timeline: Timeline, inputs: str, report: Report) -> dict[str, Any]:
    report(0.0, "verify")
    verification = _verified(folder, inputs)
    report(VERIFY_SHARE, "load")
    material = load(folder, timeline)
    material.notes += problems_as_notes(verification.problems)
    found = chapters(material)
    program = _write_program(material, found, report)
    report(0.99, "publish")
    _put(folder / CHAPTERS_VTT, web_vtt(found).encode())
    _put(folder / CHAPTERS_JSON, _json([c._asdict() for c in found]))
    info = {
        "version": VERSION,
        "inputs": inputs,
        "duration": material.duration_ns / 1e9,
        "size": program.stat().st_size,
        "sha256": _sha256(program),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "verified": verification.intact,
        "notes": [note._asdict() for note in _few(material.notes)],
    }
    _put(folder / PROGRAM_INFO, _json(info))
    report(1.0, "done")
    return info


def _write_program(material: Material, found: list[Chapter], report: Report) -> Path:
    target = material.folder / PROGRAM
    temporary = target.with_name(f".{PROGRAM}.tmp")
    temporary.unlink(missing_ok=True)
    pieces = edit_list(material)
    share = 0.98 - VERIFY_SHARE

    def progress(done: float) -> None:
        report(VERIFY_SHARE + done * share, "program")

    write_program(
        temporary,
        (WIDTH, HEIGHT),
        picture_frames(material, pieces),
        mixed_blocks(material),
        found,
        material.duration_ns,
        progress,
    )
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(target)
    _sync_folder(material.folder)
    return target


# -- verification


def _verified(folder: Path, inputs: str) -> Verification:
    """The stored result, when it is of the same manifest; else a new one, stored."""
    path = folder / VERIFICATION
    try:
        stored = json.loads(path.read_bytes())
        if stored["inputs"] == inputs:
            return Verification.model_validate(stored["verification"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, or not ours: verify again
    names = [f"{TRACKS}/{p.name}" for p in sorted((folder / TRACKS).glob("*")) if p.is_file()]
    result = verify(manifest_lines(folder), _reader(folder), names)
    stored = {"inputs": inputs, "verification": result.model_dump(mode="json")}
    _put(path, _json(stored))
    return result


def _reader(folder: Path) -> Callable[[str, int, int], bytes]:
    def read(name: str, offset: int, size: int) -> bytes:
        with (folder / name).open("rb") as file:
            file.seek(offset)
            return file.read(size)

    return read


def _inputs(folder: Path, timeline: Timeline) -> str:
    """One hash of everything that the program is made from; media are in the manifest's hashes."""
    digest = hashlib.sha256(canonical(timeline.model_dump(mode="json")))
    digest.update(str(VERSION).encode())
    for name in (MANIFEST, SWITCHES):
        path = folder / name
        digest.update(path.read_bytes() if path.is_file() else b"-")
    return digest.hexdigest()


def _up_to_date(folder: Path, inputs: str) -> dict[str, Any] | None:
    try:
        info = json.loads((folder / PROGRAM_INFO).read_bytes())
        if info["inputs"] == inputs and (folder / PROGRAM).stat().st_size == info["size"]:
            return dict(info)
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not made yet
    return None


# -- files


def _put(path: Path, data: bytes) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _few(notes: list[Note]) -> list[Note]:
    """A badly damaged recording has thousands of problems; verification.json has them all."""
    return notes[:100]
