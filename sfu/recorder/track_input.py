"""One tapped stream on its way into files: order, frames, time, gaps."""

from collections.abc import Iterator
from typing import Literal

from aiortc.rtp import RtpPacket
from pydantic import BaseModel, ConfigDict, Field

from sfu.control.plan import PublicationKey
from sfu.control.rtp import Kind
from sfu.record.sidecar import GapLine, MappingLine, TrackLine
from sfu.recorder.clock import BootClock, StreamClock
from sfu.recorder.depacketize import Damaged, Frame, Vp8Assembler, opus_frame
from sfu.recorder.errors import StorageReason
from sfu.recorder.journal import Journal
from sfu.recorder.reorder import Lost, Reorder
from sfu.recorder.storage import OpenFiles
from sfu.recorder.track_file import TrackFile, next_part

GapReason = Literal["lost", "damaged", "overflow"] | StorageReason
SUPPORTED = {"video/vp8": "video", "audio/opus": "audio"}


class StreamInfo(BaseModel):
    """Payload of a STREAM record; a newer worker may say more."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    publication: PublicationKey
    kind: Kind
    mime_type: str
    payload_type: int = Field(ge=0, le=127)
    clock_rate: int = Field(ge=1, le=192_000)
    channels: int | None = None

    @property
    def supported(self) -> bool:
        """Whether its codec can be written."""
        return SUPPORTED.get(self.mime_type.lower()) == self.kind


class TrackInput:
    """Turns a stream's packets into the frames of a track file. Used by one thread.

    Methods raise StorageFailed when the disk refuses; the track is then without a file and begins
    a new part at the next key frame after `resume`.
    """

    def __init__(
        self, journal: Journal, files: OpenFiles, info: StreamInfo, boot: BootClock
    ) -> None:
        self.info = info
        self.gaps = 0
        self._journal = journal
        self._files = files
        self._boot = boot
        self._clock = StreamClock(info.clock_rate)
        self._reorder: Reorder[RtpPacket] = Reorder()
        self._assembler = Vp8Assembler()
        self._file: TrackFile | None = None
        self._gap: tuple[GapReason, int, int] | None = None
        self._paused = False
        self._end_ns = 0
        self._last_ns = 0

    def packet(self, data: bytes, monotonic_ns: int) -> None:
        """An RTP packet came."""
        self._last_ns = monotonic_ns
        try:
            packet = RtpPacket.parse(data)
        except ValueError:
            return
        if packet.payload_type != self.info.payload_type:
            packet.payload = b""
        elif packet.payload:
            self._clock.arrived(packet.timestamp, monotonic_ns)
        self._reorder.push(packet.sequence_number, monotonic_ns, packet)
        self.advance(monotonic_ns)

    def sender_report(self, payload: bytes, monotonic_ns: int) -> None:
        """A SENDER_REPORT record came."""
        if self._clock.reported(payload, monotonic_ns):
            self._note_mapping()

    def advance(self, now_ns: int) -> None:
        """Write what is in order, or waited for long enough."""
        self._take(self._reorder.pop(now_ns))

    def position(self, timestamp: int) -> int | None:
        """Where an RTP timestamp stands on the record's time, if that is known yet."""
        if self._clock.mapping is None:
            return None
        return self._boot.at(self._clock.monotonic(self._clock.unwrap(timestamp)))

    def overflow(self) -> None:
        """The tap dropped records; the reorder buffer will miss those of this stream itself."""
        self._begin_gap("overflow", 0)

    def pause(self, reason: StorageReason) -> None:
        """The disk takes no more: give the file up, keep following the stream."""
        self._paused = True
        self._begin_gap(reason, 0)
        if self._file is not None:
            self._file.abandon()
            self._file = None
        self._assembler.lost()

    def resume(self) -> None:
        """The disk takes media again."""
        self._paused = False

    def end(self) -> None:
        """Nothing more comes: write what waits and close the file."""
        self._take(self._reorder.flush())
        file, self._file = self._file, None
        if file is not None:
            try:
                self._end_gap(file, self._boot.at(self._last_ns))
            finally:
                file.close()

    def _take(self, items: Iterator[RtpPacket | Lost]) -> None:
        for item in items:
            if isinstance(item, Lost):
                self._begin_gap("lost", item.packets)
                self._assembler.lost()
            else:
                self._packet_in_order(item)

    def _packet_in_order(self, packet: RtpPacket) -> None:
        video = self.info.kind == "video"
        frame = self._assembler.push(packet) if video else opus_frame(packet)
        if isinstance(frame, Damaged):
            self._begin_gap("damaged", 1)
        elif frame is not None and not self._paused:
            self._write(frame)

    def _write(self, frame: Frame) -> None:
        rtp = self._clock.unwrap(frame.rtp_timestamp)
        at_ns = self._boot.at(self._clock.monotonic(rtp))
        if self._file is None:
            if not frame.key:
                return
            self._open(frame, at_ns)
        file = self._file
        if file is None:
            return
        self._end_gap(file, at_ns)
        file.write(frame, at_ns)
        self._end_ns = file.end_ns
        self._note_mapping()

    def _open(self, frame: Frame, at_ns: int) -> None:
        info = self.info
        part = next_part(self._journal.folder, info.publication)
        line = TrackLine(
            publication=info.publication,
            kind=info.kind,
            mime_type=info.mime_type,
            clock_rate=info.clock_rate,
            channels=info.channels,
            part=part,
            opened_ns=max(0, at_ns),
        )
        self._file = TrackFile(self._journal, self._files, line, frame.size)
        self._clock.forget_noted()

    def _note_mapping(self) -> None:
        if self._file is None:
            return
        mapping = self._clock.worth_noting()
        if mapping is not None:
            self._file.note(
                MappingLine(
                    source=mapping.source,
                    boot_id=self._boot.boot_id,
                    rtp_timestamp=mapping.rtp,
                    monotonic_ns=mapping.monotonic_ns,
                    at_ns=self._boot.at(mapping.monotonic_ns),
                )
            )

    def _begin_gap(self, reason: GapReason, packets: int) -> None:
        if self._end_ns == 0:
            return  # nothing was written yet: a late start is no gap
        if self._gap is None:
            self.gaps += 1
            self._gap = (reason, self._end_ns, packets)
        else:
            self._gap = (self._gap[0], self._gap[1], self._gap[2] + packets)

    def _end_gap(self, file: TrackFile, at_ns: int) -> None:
        if self._gap is None:
            return
        reason, since, packets = self._gap
        file.note(
            GapLine(reason=reason, from_ns=since, until_ns=max(since, at_ns), packets=packets)
        )
        self._gap = None
