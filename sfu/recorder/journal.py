"""The manifest while it is written: queued by the capture, put on disk after the media it names."""

import hashlib
import os
import threading
import time
from pathlib import Path

from sfu.record import MANIFEST, SWITCHES, TRACKS
from sfu.record.document import whole_lines
from sfu.record.manifest import (
    Chain,
    ClockEntry,
    Entry,
    FileDigest,
    InterruptionEntry,
    ManifestError,
    RecordingEntry,
    SealEntry,
    SegmentEntry,
    TrackEntry,
    read_chain,
)
from sfu.record.naming import publication_of
from sfu.record.sidecar import TrackLine, read_sidecar
from sfu.recorder.errors import RecordingUnusable, StorageFailed
from sfu.recorder.storage import HASH_CHUNK, segments_of, sync_folder


class Journal:
    """`add` from any thread; `open`, `commit` and `seal` block and belong to one thread at a time.

    Nothing is in the manifest before the bytes it speaks of are on disk: `commit` is called with
    what `take` returned before the files were synced.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.origin_wall_ns: int | None = None
        self.clocks: dict[str, ClockEntry] = {}
        self.sealed = False
        self.tracks = 0
        self.bytes = 0
        self._lock = threading.Lock()
        self._pending: list[Entry] = []
        self._chain = Chain()
        self._segments = 0
        self._fd: int | None = None
        self._length = 0

    # -- opening

    def open(self) -> None:
        """Read what an earlier life left: finish its segments, mark the interruption.

        Raises RecordingUnusable when the manifest is damaged, StorageFailed when it cannot be read.
        """
        path = self.folder / MANIFEST
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageFailed(error) from error
        lines, self._length = whole_lines(data)
        try:
            self._chain, entries = read_chain(lines)
        except ManifestError as error:
            raise RecordingUnusable(error.code, str(error)) from error
        ends: dict[str, int] = {}
        for entry in entries:
            self._count(entry, ends)
        if not self.sealed and entries:
            self._recover(ends)

    def _count(self, entry: Entry, ends: dict[str, int]) -> None:
        match entry:
            case RecordingEntry():
                self.origin_wall_ns = entry.origin_wall_ns
            case ClockEntry():
                self.clocks.setdefault(entry.boot_id, entry)
            case TrackEntry():
                self.tracks += 1
                ends.setdefault(entry.file, 0)
            case SegmentEntry():
                self._segments += 1
                self.bytes += entry.size
                ends[entry.file] = entry.start + entry.size
            case SealEntry():
                self.sealed = True
            case _:
                pass

    def _recover(self, ends: dict[str, int]) -> None:
        """A kill leaves files longer than their segments say, or not yet named at all."""
        alive = (self.folder / MANIFEST).stat().st_mtime_ns
        for path in sorted((self.folder / TRACKS).glob("*.mkv")):
            name = f"{TRACKS}/{path.name}"
            alive = max(alive, path.stat().st_mtime_ns)
            if name not in ends:
                unnamed = _unnamed_track(path, name)
                if unnamed is None:
                    continue
                self.add(unnamed)
            for segment in segments_of(path, name, ends.get(name, 0)):
                self.add(segment)
        self.add(
            InterruptionEntry(
                reason="recorder_restart", since_wall_ns=alive, until_wall_ns=time.time_ns()
            )
        )

    # -- while recording

    def add(self, entry: Entry) -> None:
        """Queue an entry for the next commit."""
        with self._lock:
            self._pending.append(entry)
            self._count_new(entry)

    def begin(self, entry: RecordingEntry) -> None:
        """The first tap answered: time zero of the recording."""
        self.origin_wall_ns = entry.origin_wall_ns
        self.add(entry)

    def meet(self, entry: ClockEntry) -> ClockEntry:
        """Return how this worker's clock stood when it was first met; note it if that is now."""
        known = self.clocks.setdefault(entry.boot_id, entry)
        if known is entry:
            self.add(entry)
        return known

    def _count_new(self, entry: Entry) -> None:
        if isinstance(entry, SegmentEntry):
            self.bytes += entry.size
            self._segments += 1
        elif isinstance(entry, TrackEntry):
            self.tracks += 1

    def take(self) -> list[Entry]:
        """Return what is queued; give it back to `commit` once the media are synced."""
        with self._lock:
            taken, self._pending = self._pending, []
            return taken

    def give_back(self, entries: list[Entry]) -> None:
        """The media could not be synced: keep the entries for the next time."""
        with self._lock:
            self._pending = entries + self._pending

    def commit(self, entries: list[Entry]) -> None:
        """Append and sync. On StorageFailed the manifest is as before and the entries are kept."""
        if not entries:
            return
        before = self._chain
        chain = Chain()
        chain.index, chain.head = before.index, before.head
        data = b"".join(chain.append(entry) for entry in entries)
        try:
            self._append(data)
        except OSError as error:
            self.give_back(entries)
            raise StorageFailed(error) from error
        self._chain = chain

    def _append(self, data: bytes) -> None:
        if self._fd is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._fd = os.open(self.folder / MANIFEST, os.O_WRONLY | os.O_CREAT, 0o640)
            sync_folder(self.folder)
        # Whatever stands after the last whole line was torn by a kill or a full disk.
        os.ftruncate(self._fd, self._length)
        done = 0
        while done < len(data):
            done += os.pwrite(self._fd, data[done:], self._length + done)
        os.fdatasync(self._fd)
        self._length += len(data)

    def seal(self) -> None:
        """Write the closing line; everything else must be committed. Raises StorageFailed."""
        if self.sealed or self._chain.index == 0:
            return
        try:
            documents = self._documents()
        except OSError as error:
            raise StorageFailed(error) from error
        seal = SealEntry(
            tracks=self.tracks,
            segments=self._segments,
            bytes=self.bytes,
            stopped_wall_ns=time.time_ns(),
            documents=documents,
        )
        self.commit([seal])
        self.sealed = True

    def _documents(self) -> tuple[FileDigest, ...]:
        paths = sorted((self.folder / TRACKS).glob("*.jsonl"))
        if (self.folder / SWITCHES).exists():
            paths.append(self.folder / SWITCHES)
        return tuple(digest_of(p, p.relative_to(self.folder).as_posix()) for p in paths)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _unnamed_track(path: Path, name: str) -> TrackEntry | None:
    """Return the entry of a track file that was begun less than a commit before a kill."""
    publication = publication_of(name)
    if publication is None:
        return None
    sidecar = path.with_suffix(".jsonl")
    lines = read_sidecar(whole_lines(sidecar.read_bytes())[0]) if sidecar.exists() else []
    video = publication.source in {"camera", "screen"}
    for line in lines:
        if isinstance(line, TrackLine):
            return TrackEntry(
                file=name,
                publication=line.publication,
                kind=line.kind,
                mime_type=line.mime_type,
                opened_ns=line.opened_ns,
            )
    return TrackEntry(
        file=name,
        publication=publication,
        kind="video" if video else "audio",
        mime_type="video/VP8" if video else "audio/opus",
        opened_ns=0,
    )


def digest_of(path: Path, name: str) -> FileDigest:
    """Hash a whole file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while data := file.read(HASH_CHUNK):
            digest.update(data)
            size += len(data)
    return FileDigest(file=name, size=size, sha256=digest.hexdigest())
