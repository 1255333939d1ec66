"""A tap: a recorder's stream of what the plan lets be recorded, and of nothing else."""

import json
from collections.abc import Callable, Iterable

from sfu.control.plan import RecordingPlan, SourceRef
from sfu.control.tap import TapRecord
from sfu.engine.native import PacketEngine
from sfu.routing.bus import Bus
from sfu.routing.producer import Producer


class Tap:
    """One connected recorder. The file descriptor belongs to the engine until TapClosed."""

    def __init__(self, engine: PacketEngine, fd: int, recording_id: str) -> None:
        self.recording_id = recording_id
        self.fd = fd
        self._engine = engine
        self._followed: dict[int, Producer] = {}
        self._buses: set[int] = set()
        self.handle = engine.open_tap(fd)

    def hello(
        self, *, session_id: str, worker_id: str, boot_id: str, monotonic_ns: int, wall_ns: int
    ) -> None:
        """The first record: whose tap it is, and both clocks at one moment."""
        self._write(
            TapRecord.HELLO,
            0,
            {
                "session_id": session_id,
                "recording_id": self.recording_id,
                "worker_id": worker_id,
                "boot_id": boot_id,
                "monotonic_ns": monotonic_ns,
                "wall_ns": wall_ns,
            },
        )

    def follow(self, producers: Iterable[Producer]) -> None:
        """Copy these publications from now on, and end the others."""
        wanted = {producer.stream: producer for producer in producers}
        for stream in self._followed.keys() - wanted.keys():
            producer = self._followed.pop(stream)
            self._engine.untap_stream(self.handle, stream)
            self._engine.tap_write(self.handle, TapRecord.STREAM_END, producer.tag, b"")
        for stream in wanted.keys() - self._followed.keys():
            producer = self._followed[stream] = wanted[stream]
            self._announce(producer)
            self._engine.tap_stream(self.handle, stream)
            if producer.kind == "video":
                self._engine.request_key_frame(stream)

    def follow_buses(self, buses: Iterable[Bus]) -> None:
        """Report each switch of these buses: what was seen and who was heard. A bus is told to
        the engine once."""
        for bus in buses:
            if bus.record_slot is not None and bus.handle not in self._buses:
                self._buses.add(bus.handle)
                video = bus.kind == "video"
                self._engine.tap_bus(self.handle, bus.handle, bus.record_slot, video)

    def request_key_frames(self) -> None:
        """So that a recording can be entered and cut every few seconds."""
        for stream, producer in self._followed.items():
            if producer.kind == "video":
                self._engine.request_key_frame(stream)

    def _announce(self, producer: Producer) -> None:
        self._write(
            TapRecord.STREAM,
            producer.tag,
            {
                "publication": producer.publication.model_dump(),
                "kind": producer.kind,
                "mime_type": producer.format.mime_type,
                "payload_type": producer.format.payload_type,
                "clock_rate": producer.format.clock_rate,
                "channels": producer.format.channels,
            },
        )

    def _write(self, record: TapRecord, tag: int, content: dict[str, object]) -> None:
        payload = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
        self._engine.tap_write(self.handle, record, tag, payload)


class Taps:
    """The recorders of one session: at most one connection for each recording."""

    def __init__(self, engine: PacketEngine) -> None:
        self._engine = engine
        self._taps: list[Tap] = []

    def add(self, tap: Tap) -> None:
        """A recorder is here: it takes the place of an earlier connection of its recording."""
        for earlier in [t for t in self._taps if t.recording_id == tap.recording_id]:
            self._close(earlier)
        self._taps.append(tap)

    def follow(
        self,
        recording: RecordingPlan | None,
        find: Callable[[SourceRef], Producer | None],
        buses: list[Bus],
    ) -> None:
        """Give every tap what the plan names; end those whose recording it does not have."""
        for tap in list(self._taps):
            if recording is None or recording.recording_id != tap.recording_id:
                self._close(tap)
                continue
            found = (find(source) for source in recording.taps)
            tap.follow([producer for producer in found if producer is not None])
            tap.follow_buses(buses)

    def ended(self, handle: int) -> bool:
        """The engine reported that a tap's reader went away; False when it is none of ours."""
        for tap in self._taps:
            if tap.handle == handle:
                self._taps.remove(tap)
                return True
        return False

    def request_key_frames(self) -> None:
        for tap in self._taps:
            tap.request_key_frames()

    def close(self) -> None:
        """End all; idempotent."""
        for tap in list(self._taps):
            self._close(tap)

    def _close(self, tap: Tap) -> None:
        tap.follow(())  # the recorder learns that these publications ended here
        self._taps.remove(tap)
        self._engine.close_tap(tap.handle)
