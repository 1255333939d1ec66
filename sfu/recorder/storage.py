"""Append-only files and their segments, hashed as they are written.

Only `AppendFile.write` puts media on disk; it never seeks and never truncates.
"""

import hashlib
import os
import threading
from pathlib import Path

from sfu.record.manifest import SEGMENT_BYTES, SEGMENT_NS, SegmentEntry
from sfu.recorder.errors import StorageFailed

HASH_CHUNK = 1 << 20
SPACE_PROBE = 1 << 20
"""Room that must be there before a recording that ran out of space goes on."""


class AppendFile:
    """One new file. Used by one thread; `fd` is also synced by another until `detach`.

    Raises StorageFailed when the disk refuses, also in the middle of a write.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o640)
        except FileExistsError:
            raise
        except OSError as error:
            raise StorageFailed(error) from error
        self.size = 0

    def write(self, data: bytes) -> None:
        """Append all of `data`; `size` counts what the disk took even when this raises."""
        view = memoryview(data)
        while view:
            try:
                done = os.write(self.fd, view)
            except OSError as error:
                raise StorageFailed(error) from error
            self._written(view[:done])
            self.size += done
            view = view[done:]

    def _written(self, data: memoryview) -> None:
        """Called with each piece that the disk took."""


class SegmentedFile(AppendFile):
    """A track file: cuts itself into segments and hashes them on the way."""

    def __init__(self, path: Path, name: str) -> None:
        super().__init__(path)
        self.name = name
        self._digest = hashlib.sha256()
        self._start = 0
        self._length = 0
        self._began_ns: int | None = None

    def _written(self, data: memoryview) -> None:
        self._digest.update(data)
        self._length += len(data)

    def due(self, now_ns: int) -> SegmentEntry | None:
        """Return the segment that is complete by size or by time, if any."""
        if self._began_ns is None:
            self._began_ns = now_ns
        if self._length < SEGMENT_BYTES and now_ns - self._began_ns < SEGMENT_NS:
            return None
        self._began_ns = now_ns
        return self.cut()

    def cut(self) -> SegmentEntry | None:
        """End the segment here; None when it is empty."""
        if not self._length:
            return None
        entry = SegmentEntry(
            file=self.name, start=self._start, size=self._length, sha256=self._digest.hexdigest()
        )
        self._start += self._length
        self._length = 0
        self._digest = hashlib.sha256()
        return entry


class OpenFiles:
    """File descriptors that want syncing; closes those that are done with. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: set[int] = set()
        self._done: set[int] = set()

    def add(self, fd: int) -> None:
        """Sync `fd` from now on."""
        with self._lock:
            self._open.add(fd)

    def release(self, fd: int) -> None:
        """Close after the next sync; its owner must not touch it any more."""
        with self._lock:
            self._open.discard(fd)
            self._done.add(fd)

    def sync(self) -> None:
        """fdatasync each file, then close those released. Blocks; raises StorageFailed."""
        with self._lock:
            every, done = self._open | self._done, self._done
            self._done = set()
        failed: OSError | None = None
        for fd in every:
            try:
                os.fdatasync(fd)
            except OSError as error:
                failed = error
        for fd in done:
            try:
                os.close(fd)
            except OSError as error:
                failed = error
        if failed is not None:
            raise StorageFailed(failed)


def segments_of(path: Path, name: str, start: int) -> list[SegmentEntry]:
    """Hash what a killed recorder left after `start`, in segments of the usual size."""
    found: list[SegmentEntry] = []
    with path.open("rb") as file:
        file.seek(start)
        while True:
            digest, size = hashlib.sha256(), 0
            while size < SEGMENT_BYTES and (data := file.read(HASH_CHUNK)):
                digest.update(data)
                size += len(data)
            if not size:
                return found
            found.append(SegmentEntry(file=name, start=start, size=size, sha256=digest.hexdigest()))
            start += size


def probe_space(folder: Path) -> None:
    """Raise StorageFailed unless a file of some size can be written in `folder` now."""
    path = folder / ".space-probe"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(bytes(SPACE_PROBE))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except OSError as error:
        path.unlink(missing_ok=True)
        raise StorageFailed(error) from error


def sync_folder(folder: Path) -> None:
    """Make new names in `folder` durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
