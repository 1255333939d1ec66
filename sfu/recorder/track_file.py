"""One part of one publication: a Matroska file that survives a kill, and its sidecar.

Written by PyAV without transcoding. `live`, `flush_packets` and a short cluster time are what
keeps the file openable and at most half a second behind (measured by killing).
"""

import contextlib
import errno
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from sfu.control.plan import PublicationKey
from sfu.control.rtp import Kind
from sfu.record.document import encode_line
from sfu.record.manifest import TrackEntry
from sfu.record.naming import sidecar_of, track_file
from sfu.record.sidecar import EndLine, SidecarLine, SizeLine, TrackLine
from sfu.recorder.depacketize import Frame
from sfu.recorder.errors import StorageFailed
from sfu.recorder.journal import Journal
from sfu.recorder.storage import AppendFile, OpenFiles, SegmentedFile

MUX_OPTIONS = {"live": "1", "flush_packets": "1", "cluster_time_limit": "500"}
MILLISECOND = Fraction(1, 1000)
MAX_PARTS = 100_000


class _Sink:
    """What the muxer writes to: has no `seek`, so the file can only grow.

    An exception must not cross the muxer, which would go on half-written: it is kept instead.
    """

    def __init__(self, file: SegmentedFile) -> None:
        self._file = file
        self.failure: StorageFailed | None = None

    def write(self, data: bytes) -> int:
        if self.failure is None:
            try:
                self._file.write(data)
            except StorageFailed as error:
                self.failure = error
        return len(data)


class TrackFile:
    """Created with its first frame, so that no file is without media. Used by one thread."""

    def __init__(
        self,
        journal: Journal,
        files: OpenFiles,
        line: TrackLine,
        size: tuple[int, int] | None,
    ) -> None:
        self._journal = journal
        self._files = files
        self._size = size
        self._last_ms = -1
        self._end_ns = line.opened_ns
        self._frames = 0
        self.name, self._media = _create(journal.folder, line.publication, line.part)
        files.add(self._media.fd)
        try:
            self._sidecar = AppendFile(journal.folder / sidecar_of(self.name))
        except StorageFailed:
            files.release(self._media.fd)
            raise
        files.add(self._sidecar.fd)
        journal.add(
            TrackEntry(
                file=self.name,
                publication=line.publication,
                kind=line.kind,
                mime_type=line.mime_type,
                opened_ns=line.opened_ns,
            )
        )
        self._sink = _Sink(self._media)
        self._container = av.open(self._sink, "w", format="matroska", options=MUX_OPTIONS)
        self._stream = _add_stream(self._container, line.kind, size, line.channels)
        try:
            self.note(line)
        except StorageFailed:
            self.abandon()
            raise

    @property
    def end_ns(self) -> int:
        """Where the last frame ends, on the record's time."""
        return self._end_ns

    def note(self, line: SidecarLine) -> None:
        """Append to the sidecar. Raises StorageFailed."""
        self._sidecar.write(encode_line(line))

    def write(self, frame: Frame, at_ns: int) -> None:
        """Append a frame; its timestamp never goes back. Raises StorageFailed: then `abandon`."""
        if frame.size is not None and frame.size != self._size:
            self._size = frame.size
            width, height = frame.size
            self.note(SizeLine(at_ns=at_ns, width=width, height=height))
        at_ms = max(round(at_ns / 1_000_000), self._last_ms + 1, 0)
        packet = av.Packet(frame.data)
        packet.stream = self._stream
        packet.time_base = MILLISECOND
        packet.pts = packet.dts = at_ms
        packet.duration = max(1, frame.duration_ns // 1_000_000 or 33)
        packet.is_keyframe = frame.key
        try:
            self._container.mux_one(packet)
        except av.FFmpegError as error:
            raise StorageFailed(OSError(errno.EIO, f"the muxer refused: {error}")) from error
        if self._sink.failure is not None:
            raise self._sink.failure
        self._last_ms = at_ms
        self._end_ns = at_ms * 1_000_000 + frame.duration_ns
        self._frames += 1
        self._cut(at_ns)

    def _cut(self, now_ns: int) -> None:
        segment = self._media.due(now_ns)
        if segment is not None:
            self._journal.add(segment)

    def close(self) -> None:
        """End the file in good order. Raises StorageFailed; the file is given up all the same."""
        try:
            self._end_container()
            if self._sink.failure is not None:
                raise self._sink.failure
            self.note(EndLine(at_ns=self._end_ns, frames=self._frames))
        finally:
            self._release()

    def abandon(self) -> None:
        """Give the file up as it is: the disk takes no more."""
        self._sink.failure = self._sink.failure or StorageFailed(OSError("given up"))
        self._end_container()
        self._release()

    def _end_container(self) -> None:
        """Write what the muxer still holds; a file that never had a header has nothing to end."""
        with contextlib.suppress(av.FFmpegError):
            self._container.close()

    def _release(self) -> None:
        segment = self._media.cut()
        if segment is not None:
            self._journal.add(segment)
        self._files.release(self._media.fd)
        self._files.release(self._sidecar.fd)


def next_part(folder: Path, publication: PublicationKey) -> int:
    """Return the first part number that has no file yet."""
    return next(
        part
        for part in range(1, MAX_PARTS)
        for name in (track_file(publication, part),)
        if not (folder / name).exists() and not (folder / sidecar_of(name)).exists()
    )


def _create(folder: Path, publication: PublicationKey, part: int) -> tuple[str, SegmentedFile]:
    name = track_file(publication, part)
    return name, SegmentedFile(folder / name, name)


def _add_stream(
    container: Any, kind: Kind, size: tuple[int, int] | None, channels: int | None
) -> Any:
    if kind == "video":
        width, height = size or (0, 0)
        return container.add_mux_stream("vp8", width=width, height=height)
    # The encoder is never used: it supplies the OpusHead (RFC 7845) that the file needs.
    layout = "mono" if channels == 1 else "stereo"
    return container.add_stream("libopus", rate=48_000, layout=layout)
