"""Does a recording still agree with its manifest?

`verify` reads lines and byte ranges through what it is given; it opens nothing itself, so that
the orchestrator can check local disk and object stores alike. Problem codes, stable:

manifest_empty       there is no first line, or it is no `recording` entry
manifest_damaged     a line is changed, missing, moved or torn: nothing after it can be trusted
not_sealed           the closing line is missing: still recording, or cut off
after_seal           there are lines after the closing line
seal_mismatch        the totals of the closing line are not those of the lines before it
segment_order        a segment does not begin where the one before it in its file ended
segment_mismatch     bytes of a segment are not what was captured
file_missing         a file named in the manifest is not there
file_truncated       a file is shorter than its segments
file_longer          a file has bytes that no segment covers
document_mismatch    a sidecar or switches.jsonl is not what was sealed
unknown_file         a file lies in the folder that the manifest does not know
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from sfu.record.document import Document
from sfu.record.manifest import (
    Chain,
    Entry,
    FileDigest,
    ManifestError,
    RecordingEntry,
    SealEntry,
    SegmentEntry,
    TrackEntry,
)

Read = Callable[[str, int, int], bytes]
"""(file name in the folder, offset, size) → at most that many bytes, fewer at the file's end.
Raises FileNotFoundError."""

_CHUNK = 1 << 20


class Problem(Document):
    """`file` is relative to the recording's folder."""

    file: str
    code: str
    message: str


class Verification(Document):
    """`segments` and `bytes` count what agreed."""

    problems: tuple[Problem, ...]
    segments: int
    bytes: int
    sealed: bool

    @property
    def intact(self) -> bool:
        """Whether the recording is complete and nothing of it was changed."""
        return not self.problems


def verify(lines: Sequence[bytes], read: Read, names: Iterable[str] = ()) -> Verification:
    """Check manifest lines (without line ends) and the files that they name.

    `names`: the track files and sidecars that lie in the folder, to find those that the manifest
    does not know. Raises only what `read` raises besides FileNotFoundError.
    """
    return _Verifier(read).run(lines, names)


class _Verifier:
    def __init__(self, read: Read) -> None:
        self._read = read
        self._problems: list[Problem] = []
        self._ends: dict[str, int] = {}
        self._segments = 0
        self._good_segments = 0
        self._good_bytes = 0
        self._seal: SealEntry | None = None

    def run(self, lines: Sequence[bytes], names: Iterable[str]) -> Verification:
        entries = self._read_chain(lines)
        if not entries or not isinstance(entries[0], RecordingEntry):
            self._report("manifest.jsonl", "manifest_empty", "the manifest has no opening line")
        for entry in entries:
            self._check(entry)
        self._check_ends()
        self._check_seal(names)
        return Verification(
            problems=tuple(self._problems),
            segments=self._good_segments,
            bytes=self._good_bytes,
            sealed=self._seal is not None,
        )

    def _report(self, file: str, code: str, message: str) -> None:
        self._problems.append(Problem(file=file, code=code, message=message))

    def _read_chain(self, lines: Sequence[bytes]) -> list[Entry]:
        chain = Chain()
        entries: list[Entry] = []
        try:
            for line in lines:
                entries.append(chain.accept(line))  # noqa: PERF401 - those before the bad line stay
        except ManifestError as error:
            self._report("manifest.jsonl", error.code, str(error))
        return entries

    def _check(self, entry: Entry) -> None:
        if self._seal is not None:
            self._report("manifest.jsonl", "after_seal", "there is a line after the closing line")
        match entry:
            case TrackEntry():
                self._ends.setdefault(entry.file, 0)
            case SegmentEntry():
                self._check_segment(entry)
            case SealEntry():
                self._seal = entry
            case _:
                pass

    def _check_segment(self, entry: SegmentEntry) -> None:
        self._segments += 1
        if self._ends.get(entry.file) != entry.start:
            self._report(entry.file, "segment_order", f"no segment may begin at {entry.start} here")
        self._ends[entry.file] = entry.start + entry.size
        digest, size = self._digest(entry.file, entry.start, entry.size)
        if size is None or size < entry.size:
            code = "file_missing" if size is None else "file_truncated"
            self._report(entry.file, code, f"{entry.size} bytes at {entry.start} are not there")
        elif digest != entry.sha256:
            self._report(
                entry.file, "segment_mismatch", f"bytes at {entry.start} are not what was captured"
            )
        else:
            self._good_segments += 1
            self._good_bytes += entry.size

    def _digest(self, file: str, start: int, size: int) -> tuple[str, int | None]:
        """Hash and count of the bytes that are there; a count of None: no such file."""
        digest = hashlib.sha256()
        done = 0
        while done < size:
            try:
                data = self._read(file, start + done, min(_CHUNK, size - done))
            except FileNotFoundError:
                return "", None
            if not data:
                break
            digest.update(data)
            done += len(data)
        return digest.hexdigest(), done

    def _check_ends(self) -> None:
        for file, end in self._ends.items():
            try:
                longer = bool(self._read(file, end, 1))
            except FileNotFoundError:
                if end == 0:
                    self._report(file, "file_missing", "the file is not there")
                continue
            if longer:
                self._report(file, "file_longer", f"no segment covers what follows byte {end}")

    def _check_seal(self, names: Iterable[str]) -> None:
        seal = self._seal
        if seal is None:
            self._report("manifest.jsonl", "not_sealed", "the closing line is missing")
            return
        totals = (seal.tracks, seal.segments, seal.bytes)
        if totals != (len(self._ends), self._segments, sum(self._ends.values())):
            self._report("manifest.jsonl", "seal_mismatch", "the totals do not agree")
        for document in seal.documents:
            self._check_document(document)
        known = {*self._ends, *(d.file for d in seal.documents)}
        for name in sorted(set(names) - known):
            self._report(name, "unknown_file", "the manifest does not know this file")

    def _check_document(self, document: FileDigest) -> None:
        digest, size = self._digest(document.file, 0, document.size + 1)
        if size is None:
            self._report(document.file, "file_missing", "the file is not there")
        elif size != document.size or digest != document.sha256:
            self._report(document.file, "document_mismatch", "this is not what was sealed")
