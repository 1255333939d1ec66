"""What a recording does with the records of its tap. One thread uses it; it opens no socket.

Order of life: `record` for each record in order, `disconnected` when the tap is gone, `finish` at
the end. When the disk refuses, `failure` says why; media are dropped (and the gap noted) until
`resume` is called.
"""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from sfu.control.tap import SWITCH, TapRecord
from sfu.record import SWITCHES
from sfu.record.document import encode_line
from sfu.record.manifest import ClockEntry, InterruptionEntry, RecordingEntry
from sfu.record.switches import ConnectedLine, DisconnectedLine, SwitchesLine, SwitchLine
from sfu.recorder.clock import BootClock
from sfu.recorder.errors import StorageFailed, StorageReason, TapDamaged
from sfu.recorder.journal import Journal
from sfu.recorder.lines import LineFile
from sfu.recorder.storage import OpenFiles
from sfu.recorder.tap_parser import Record
from sfu.recorder.track_input import StreamInfo, TrackInput

log = structlog.get_logger(__name__)
Model = TypeVar("Model", bound=BaseModel)

ADVANCE_NS = 100_000_000
"""How often every stream's reorder buffer is looked at, on the worker's clock."""


class TapHello(BaseModel):
    """Payload of a HELLO record; a newer worker may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    session_id: str
    recording_id: str
    worker_id: str
    boot_id: str
    monotonic_ns: int
    wall_ns: int


class Capture:
    """Tracks and switches of one recording."""

    def __init__(
        self, journal: Journal, files: OpenFiles, commit: Callable[[], None] = lambda: None
    ) -> None:
        """`commit` makes durable what the journal holds; it is called as the tap says HELLO, so
        that no track file is ever there without a manifest that says when it began."""
        self._commit = commit
        self._journal = journal
        self._files = files
        self._switches = LineFile(journal.folder / SWITCHES, files)
        self._boot: BootClock | None = None
        self._inputs: dict[int, TrackInput] = {}
        self._early: dict[tuple[int, int], Record] = {}
        self._now_ns = 0
        self._advanced_ns = 0
        self._ended_gaps = 0
        self._failed_wall_ns = 0
        self.failure: StorageReason | None = None

    @property
    def gaps(self) -> int:
        """Gaps noted so far, in all tracks."""
        return self._ended_gaps + sum(i.gaps for i in self._inputs.values())

    def record(self, record: Record) -> None:
        """Take one record. Raises TapDamaged when its sender does not keep the format."""
        if record.type == TapRecord.HELLO:
            self._hello(record)
        elif self._boot is None:
            raise TapDamaged("the tap did not begin with HELLO")
        else:
            self._now_ns = max(self._now_ns, record.monotonic_ns)
            self._media(record)
            self._advance()

    def disconnected(self) -> None:
        """The tap is gone: close every file; what comes back comes in new ones."""
        for tag in list(self._inputs):
            self._end(tag)
        if self._boot is not None:
            at = self._boot.at(self._now_ns)
            self._note(DisconnectedLine(at_ns=at, wall_ns=self._boot.wall(self._now_ns)))
        self._boot = None
        self._early = {}

    def finish(self) -> None:
        """The recording, or the process, ends."""
        self.disconnected()
        self._switches.close()

    def resume(self) -> None:
        """There is room again: go on at the next key frame of each stream."""
        if self.failure is not None:
            self._journal.add(
                InterruptionEntry(
                    reason=self.failure,
                    since_wall_ns=self._failed_wall_ns,
                    until_wall_ns=time.time_ns(),
                )
            )
        self.failure = None
        self._guard(self._switches.flush)
        for stream in self._inputs.values():
            stream.resume()

    # -- records

    def _hello(self, record: Record) -> None:
        hello = _payload(TapHello, record)
        if self._journal.origin_wall_ns is None:
            self._journal.begin(
                RecordingEntry(
                    recording_id=hello.recording_id,
                    session_id=hello.session_id,
                    origin_wall_ns=hello.wall_ns,
                )
            )
        clock = self._journal.meet(
            ClockEntry(
                worker_id=hello.worker_id,
                boot_id=hello.boot_id,
                monotonic_ns=hello.monotonic_ns,
                wall_ns=hello.wall_ns,
            )
        )
        origin = self._journal.origin_wall_ns or hello.wall_ns
        self._boot = BootClock(clock.boot_id, clock.monotonic_ns, clock.wall_ns, origin)
        self._now_ns = self._advanced_ns = hello.monotonic_ns
        self._guard(self._commit)
        self._note(
            ConnectedLine(
                boot_id=hello.boot_id,
                at_ns=self._boot.at(hello.monotonic_ns),
                wall_ns=self._boot.wall(hello.monotonic_ns),
            )
        )

    def _media(self, record: Record) -> None:
        stream = self._inputs.get(record.tag)
        match record.type:
            case TapRecord.RTP if stream is not None:
                self._guard(stream.packet, record.payload, record.monotonic_ns)
            case TapRecord.SENDER_REPORT if stream is not None:
                self._guard(stream.sender_report, record.payload, record.monotonic_ns)
            case TapRecord.STREAM:
                self._stream(record)
            case TapRecord.SWITCH:
                self._switch(record)
            case TapRecord.STREAM_END:
                self._end(record.tag)
            case TapRecord.GAP:
                log.warning("tap_overflow", folder=self._journal.folder.name)
                for each in self._inputs.values():
                    each.overflow()
            case _:
                pass  # a newer worker may know more types

    def _stream(self, record: Record) -> None:
        info = _payload(StreamInfo, record)
        self._end(record.tag)
        if not info.supported:
            log.warning("codec_not_recorded", mime_type=info.mime_type, kind=info.kind)
            return
        if self._boot is None:
            return
        stream = TrackInput(self._journal, self._files, info, self._boot)
        self._inputs[record.tag] = stream
        if self.failure is not None:
            stream.pause(self.failure)
        for early in list(self._early.values()):
            if SWITCH.unpack(early.payload)[2] == record.tag:
                self._switch(early)

    def _switch(self, record: Record) -> None:
        if len(record.payload) != SWITCH.size or self._boot is None:
            raise TapDamaged("a SWITCH record has the wrong size")
        slot, kind, tag, timestamp = SWITCH.unpack(record.payload)
        stream = self._inputs.get(tag) if tag else None
        self._early.pop((slot, kind), None)
        if tag and stream is None:
            # The engine switched before the control loop announced the stream: told again then.
            self._early[slot, kind] = record
        self._note(
            SwitchLine(
                slot=slot,
                kind="video" if kind else "audio",
                publication=stream.info.publication if stream else None,
                at_ns=self._boot.at(record.monotonic_ns),
                media_ns=stream.position(timestamp) if stream else None,
                wall_ns=self._boot.wall(record.monotonic_ns),
                monotonic_ns=record.monotonic_ns,
                rtp_timestamp=timestamp,
            )
        )

    def _end(self, tag: int) -> None:
        stream = self._inputs.pop(tag, None)
        if stream is not None:
            self._guard(stream.end)
            self._ended_gaps += stream.gaps

    def _advance(self) -> None:
        """Waiting for retransmissions must end also on a stream that is silent now."""
        if self._now_ns - self._advanced_ns < ADVANCE_NS:
            return
        self._advanced_ns = self._now_ns
        for stream in list(self._inputs.values()):
            self._guard(stream.advance, self._now_ns)

    # -- the disk

    def _note(self, line: SwitchesLine) -> None:
        self._guard(self._switches.append, encode_line(line))

    def _guard(self, action: Any, *arguments: Any) -> None:
        """Do something that writes; when the disk refuses, all tracks pause together."""
        try:
            action(*arguments)
        except StorageFailed as error:
            self.fail(error)

    def fail(self, error: StorageFailed) -> None:
        """The disk refused, here or while syncing."""
        if self.failure is None:
            log.error("recording_stalled", reason=error.reason, error=str(error))
            self._failed_wall_ns = time.time_ns()
        self.failure = error.reason
        for stream in self._inputs.values():
            stream.pause(error.reason)


def _payload(model: type[Model], record: Record) -> Model:
    try:
        return model.model_validate_json(record.payload)
    except ValidationError as error:
        raise TapDamaged(f"a record of type {record.type} does not fit: {error}") from error
