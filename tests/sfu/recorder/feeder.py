"""A worker's tap as a test speaks it: the records of `sfu.control.tap`, over a Unix socket."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from aiortc.codecs.vpx import Vp8Encoder
from aiortc.rtp import RtpPacket

from sfu.control.plan import PublicationKey, Source
from sfu.control.tap import GAP, HEADER, SENDER_REPORT, SWITCH, TapRecord
from tests.sfu.recorder.clips import Clip

SECOND = 1_000_000_000
WALL = 1_760_000_000 * SECOND
"""Unix time of the worker's monotonic zero in these tests."""
NTP_OFFSET = -(2_208_988_800 + 1_700_000_000) * SECOND
"""A sender whose wall clock is far from ours: NTP 1900-based ns plus this is the worker's time."""

Timed = tuple[int, bytes]
"""(worker's monotonic ns, record)"""


def record(kind: TapRecord, at_ns: int, tag: int = 0, payload: bytes = b"") -> bytes:
    return HEADER.pack(len(payload), kind, 0, 0, tag, 0, at_ns) + payload


def hello(at_ns: int, boot_id: str = "boot-1", session_id: str = "s1") -> bytes:
    body = {
        "session_id": session_id,
        "recording_id": "rec1",
        "worker_id": "w0",
        "boot_id": boot_id,
        "monotonic_ns": at_ns,
        "wall_ns": WALL + at_ns,
    }
    return record(TapRecord.HELLO, at_ns, payload=json.dumps(body).encode())


def switch(at_ns: int, slot: int, kind: str, tag: int, timestamp: int = 0) -> bytes:
    payload = SWITCH.pack(slot, 1 if kind == "video" else 0, tag, timestamp)
    return record(TapRecord.SWITCH, at_ns, payload=payload)


def gap(at_ns: int, records: int) -> bytes:
    return record(TapRecord.GAP, at_ns, payload=GAP.pack(records))


@dataclass
class Stream:
    """One publication sent into a tap from `start_ns` on. `network_ns`: delay of the way."""

    tag: int
    venue: str
    source: Source
    clip: Clip
    start_ns: int
    generation: int = 1
    network_ns: int = 30_000_000
    base_timestamp: int = 0xFFFF_0000  # wraps within a second or so
    base_sequence: int = 65_500
    reports: bool = True
    drop: Callable[[int], bool] = lambda index: False
    timestamps: dict[int, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return "video" if self.source in {"camera", "screen"} else "audio"

    @property
    def clock_rate(self) -> int:
        return 90_000 if self.kind == "video" else 48_000

    @property
    def publication(self) -> PublicationKey:
        return PublicationKey(venue_id=self.venue, source=self.source, generation=self.generation)

    def timestamp(self, at: float) -> int:
        return (self.base_timestamp + round(at * self.clock_rate)) & 0xFFFFFFFF

    def announce(self, at_ns: int) -> bytes:
        body = {
            "publication": self.publication.model_dump(),
            "kind": self.kind,
            "mime_type": "video/VP8" if self.kind == "video" else "audio/opus",
            "payload_type": 96 if self.kind == "video" else 111,
            "clock_rate": self.clock_rate,
            "channels": None if self.kind == "video" else 2,
        }
        return record(TapRecord.STREAM, at_ns, self.tag, json.dumps(body).encode())

    def end(self, at_ns: int) -> Timed:
        return at_ns, record(TapRecord.STREAM_END, at_ns, self.tag)

    def records(self) -> list[Timed]:
        """STREAM, every packet, and a sender report each second."""
        out: list[Timed] = [(self.start_ns, self.announce(self.start_ns))]
        sequence = self.base_sequence
        next_report = 0.5
        for index, (at, data) in enumerate(self.clip.frames):
            arrival = self.start_ns + round(at * SECOND) + self.network_ns
            payloads = (
                Vp8Encoder._packetize(data, index & 0x7FFF) if self.kind == "video" else [data]
            )
            for number, payload in enumerate(payloads):
                packet = RtpPacket(
                    payload_type=96 if self.kind == "video" else 111,
                    marker=int(number == len(payloads) - 1),
                    sequence_number=sequence & 0xFFFF,
                    timestamp=self.timestamp(at),
                    ssrc=self.tag,
                    payload=payload,
                ).serialize()
                if not self.drop(sequence - self.base_sequence):
                    out.append((arrival, record(TapRecord.RTP, arrival, self.tag, packet)))
                sequence += 1
            if self.reports and at >= next_report:
                out.append((arrival, self.report(at, arrival)))
                next_report += 1.0
        return out

    def report(self, at: float, arrival: int) -> bytes:
        captured = self.start_ns + round(at * SECOND) - NTP_OFFSET
        ntp = (captured // SECOND << 32) | ((captured % SECOND << 32) // SECOND)
        # The minimum-delay filter cannot tell the network's delay from the clocks' difference.
        payload = SENDER_REPORT.pack(NTP_OFFSET + self.network_ns, self.timestamp(at), ntp)
        return record(TapRecord.SENDER_REPORT, arrival, self.tag, payload)


def in_order(*parts: Iterable[Timed]) -> list[Timed]:
    """Merge by time, keeping the order of equal times."""
    return sorted((r for part in parts for r in part), key=lambda timed: timed[0])


class TapServer:
    """Listens where a worker's tap would, and plays a script to each recorder that connects.

    `speed` 0: as fast as it is read. `sent_ns` is the media time of the last record sent.
    """

    def __init__(self, path: Path, script: list[Timed], speed: float = 0.0) -> None:
        self.sent_ns = 0
        self.greetings: list[dict[str, str]] = []
        self.played = threading.Event()
        self._script = script
        self._speed = speed
        self._closing = threading.Event()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen()
        self._socket.settimeout(0.05)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except TimeoutError:
                continue
            with connection:
                try:
                    self._play(connection)
                except OSError:
                    continue

    def _play(self, connection: socket.socket) -> None:
        greeting = b""
        while not greeting.endswith(b"\n"):
            piece = connection.recv(4096)
            if not piece:
                return
            greeting += piece
        self.greetings.append(json.loads(greeting))
        began = time.monotonic()
        first = self._script[0][0]
        for at_ns, data in self._script:
            if self._speed:
                ahead = began + (at_ns - first) / SECOND / self._speed - time.monotonic()
                # A busy machine wakes late: short waits are left out, long ones catch up.
                if self._closing.is_set() or (ahead > 0.01 and self._closing.wait(ahead)):
                    return
            connection.sendall(data)
            self.sent_ns = at_ns
        self.played.set()
        self._closing.wait()
