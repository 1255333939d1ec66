"""A file of lines that outlives the process: goes on after a kill, waits while the disk is full."""

import os
from pathlib import Path

from sfu.recorder.errors import StorageFailed
from sfu.recorder.storage import OpenFiles

MAX_KEPT = 1 << 20
"""Lines (bytes) kept in memory while the disk refuses; the oldest are what is kept."""


class LineFile:
    """Appends whole lines. A line torn by a kill is ended, so that the next one stands alone."""

    def __init__(self, path: Path, files: OpenFiles) -> None:
        self._path = path
        self._files = files
        self._fd: int | None = None
        self._kept = bytearray()

    def append(self, line: bytes) -> None:
        """Append a line (with its end). On StorageFailed it is kept for `flush`."""
        if len(self._kept) + len(line) <= MAX_KEPT:
            self._kept += line
        self.flush()

    def flush(self) -> None:
        """Write what is kept. Raises StorageFailed."""
        try:
            fd = self._open()
            while self._kept:
                done = os.write(fd, self._kept)
                del self._kept[:done]
        except OSError as error:
            raise StorageFailed(error) from error

    def close(self) -> None:
        """Hand the file over to be synced and closed."""
        if self._fd is not None:
            self._files.release(self._fd)
            self._fd = None

    def _open(self) -> int:
        if self._fd is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640)
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":
                self._kept[:0] = b"\n"
            self._files.add(fd)
            self._fd = fd
        return self._fd
