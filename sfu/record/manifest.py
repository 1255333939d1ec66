"""The manifest: what was captured, segment by segment, in one chain of hashes.

One canonical JSON line per entry: `{"index", "previous", "hash", "entry": {"type", ...}}`, where
`hash` is the SHA-256 of the canonical line without `hash` and `previous` the hash of the line
before (`GENESIS` for the first). The first entry is `recording`, the last of a finished recording
is `seal`; a manifest without one is still being written, or was cut.

ManifestError      manifest_damaged: a line does not continue the chain
"""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from sfu.control.plan import Identifier, PublicationKey
from sfu.control.rtp import Kind
from sfu.record.document import MAX_LINE, Document, Nanoseconds, Sha256, canonical
from sfu.record.naming import FileName

GENESIS = "0" * 64
SEGMENT_BYTES = 4 << 20
"""A segment ends when it holds this many bytes …"""
SEGMENT_NS = 10_000_000_000
"""… or when it covers this much time."""


class ManifestError(Exception):
    """A line does not continue the chain; `code` is stable."""

    code = "manifest_damaged"


class RecordingEntry(Document):
    """Opens the manifest. `origin_wall_ns` (Unix) is time zero of every track of the recording."""

    type: Literal["recording"] = "recording"
    schema_version: Literal[1] = 1
    recording_id: Identifier
    session_id: Identifier
    origin_wall_ns: Nanoseconds


class ClockEntry(Document):
    """A worker process was met: where its monotonic clock stands on wall time and on the record."""

    type: Literal["clock"] = "clock"
    worker_id: str
    boot_id: str
    monotonic_ns: Nanoseconds
    wall_ns: Nanoseconds


class TrackEntry(Document):
    """A track file was begun. `opened_ns` is its first picture or sound, on the record's time."""

    type: Literal["track"] = "track"
    file: FileName
    publication: PublicationKey
    kind: Kind
    mime_type: str
    opened_ns: Nanoseconds


class SegmentEntry(Document):
    """A byte range of an append-only track file is complete and on disk."""

    type: Literal["segment"] = "segment"
    file: FileName
    start: Annotated[int, Field(ge=0)]
    size: Annotated[int, Field(ge=1)]
    sha256: Sha256


class InterruptionEntry(Document):
    """Capture stopped and went on. `since_wall_ns` is the last sign of life before it."""

    type: Literal["interruption"] = "interruption"
    reason: Literal["recorder_restart", "disk_full", "read_only", "io_error"]
    since_wall_ns: Nanoseconds
    until_wall_ns: Nanoseconds


class TombstoneEntry(Document):
    """Reserved: a segment was deleted on order; its hash stays in the chain."""

    type: Literal["tombstone"] = "tombstone"
    file: FileName
    start: Annotated[int, Field(ge=0)]
    size: Annotated[int, Field(ge=1)]
    sha256: Sha256
    reason: str
    ordered_by: str
    wall_ns: Nanoseconds


class FileDigest(Document):
    """A whole file as it was when the manifest was sealed."""

    file: FileName
    size: Annotated[int, Field(ge=0)]
    sha256: Sha256


class SealEntry(Document):
    """Closes the manifest: totals, and the documents beside the tracks."""

    type: Literal["seal"] = "seal"
    tracks: Annotated[int, Field(ge=0)]
    segments: Annotated[int, Field(ge=0)]
    bytes: Annotated[int, Field(ge=0)]
    stopped_wall_ns: Nanoseconds
    documents: tuple[FileDigest, ...]


Entry = Annotated[
    RecordingEntry
    | ClockEntry
    | TrackEntry
    | SegmentEntry
    | InterruptionEntry
    | TombstoneEntry
    | SealEntry,
    Field(discriminator="type"),
]
_entry: TypeAdapter[Entry] = TypeAdapter(Entry)


class Chain:
    """The end of a chain of manifest lines: what the next line must continue."""

    def __init__(self) -> None:
        self.index = 0
        self.head = GENESIS

    def append(self, entry: Entry) -> bytes:
        """Return the line, with its end, that continues the chain with `entry`."""
        body = {
            "entry": entry.model_dump(mode="json"),
            "index": self.index,
            "previous": self.head,
        }
        digest = hashlib.sha256(canonical(body)).hexdigest()
        self.index += 1
        self.head = digest
        return canonical({**body, "hash": digest}) + b"\n"

    def accept(self, line: bytes) -> Entry:
        """Return the entry of a line (without its end) that continues the chain.

        Raises ManifestError when it does not; the chain then stays where it was.
        """
        body = _parse(line)
        digest = body.pop("hash", None)
        if canonical({**body, "hash": digest}) != line:
            raise ManifestError(f"line {self.index + 1} is not in the form we write")
        if hashlib.sha256(canonical(body)).hexdigest() != digest:
            raise ManifestError(f"line {self.index + 1} does not agree with its own hash")
        if body.get("previous") != self.head or body.get("index") != self.index:
            raise ManifestError(f"line {self.index + 1} does not follow the line before it")
        try:
            entry = _entry.validate_python(body.get("entry"))
        except ValidationError as error:
            raise ManifestError(f"line {self.index + 1} holds no known entry") from error
        self.index += 1
        self.head = digest
        return entry


def read_chain(lines: list[bytes]) -> tuple[Chain, list[Entry]]:
    """Read a whole manifest. Raises ManifestError at the first line that breaks the chain."""
    chain = Chain()
    return chain, [chain.accept(line) for line in lines]


def _parse(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line) if len(line) <= MAX_LINE else None
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise ManifestError("a line of the manifest is not a JSON object")
    return value
