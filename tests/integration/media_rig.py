"""A real worker process, real publishers and real viewers, without a browser.

Publishers send VP8 pictures of one colour and sound packets that carry the venue's name, so that
a viewer can say whom it sees (by decoding) and whom it hears (by reading).
"""

import asyncio
import contextlib
import os
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiortc.codecs.vpx import VpxPayloadDescriptor

from peers.transport import PeerTransport
from sfu.control.plan import SLOT_COUNT
from tests.sfu.agent.control_client import ControlClient, connected

COLOURS = {"main": (81, 90, 240), "a": (145, 54, 34), "b": (41, 240, 110), "c": (210, 16, 146)}
"""Y, U, V of each venue's picture: red, green, blue, yellow."""

WIDTH, HEIGHT = 160, 120
FRAME_SECONDS = 0.04
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"

RECEIVER: dict[str, Any] = {
    "codecs": [
        {
            "kind": "audio",
            "mimeType": "audio/opus",
            "preferredPayloadType": 109,
            "clockRate": 48000,
            "channels": 2,
        },
        {
            "kind": "video",
            "mimeType": "video/VP8",
            "preferredPayloadType": 120,
            "clockRate": 90000,
            "rtcpFeedback": [{"type": "nack"}, {"type": "nack", "parameter": "pli"}],
        },
    ],
    "headerExtensions": [
        {"kind": "video", "uri": MID, "preferredId": 3},
        {"kind": "audio", "uri": MID, "preferredId": 3},
    ],
}


async def until(condition: Callable[[], bool], seconds: float = 10, what: str = "") -> None:
    """Wait for a condition; fails with `what` after `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {seconds} s: {what or condition}") from None


class WorkerProcess:
    """`python -m sfu.worker` with its sockets in a short folder."""

    def __init__(self, folder: Path, *, port: int = 0, listen: str = "127.0.0.1") -> None:
        self.control, self.tap = str(folder / "c"), str(folder / "t")
        self.arguments = [
            *(sys.executable, "-m", "sfu.worker", "--id", "w0"),
            *("--control", self.control, "--tap", self.tap),
            *("--listen", listen, "--port", str(port)),
        ]
        self.process: asyncio.subprocess.Process | None = None
        self.log = folder / "log"

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.arguments, stderr=log, env={**os.environ, "PYTHONPATH": os.getcwd()}
            )
        process = self.process

        def ready() -> bool:
            assert process.returncode is None, self.log.read_text()
            with contextlib.suppress(OSError):
                return b"worker.ready" in self.log.read_bytes()
            return False

        await until(ready, 20, "worker is ready")

    async def end(self, *, kill: bool = False) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            (self.process.kill if kill else self.process.terminate)()
        return await asyncio.wait_for(self.process.wait(), 10)


@asynccontextmanager
async def running_worker(**options: Any) -> AsyncIterator[WorkerProcess]:
    """A worker that is ended afterwards, by force if need be."""
    with tempfile.TemporaryDirectory(prefix="wk") as folder:
        worker = WorkerProcess(Path(folder), **options)
        await worker.start()
        try:
            yield worker
        finally:
            await worker.end(kill=True)


@asynccontextmanager
async def conducted(worker: WorkerProcess) -> AsyncIterator[ControlClient]:
    async with connected(worker.control) as conductor:
        yield conductor


def plan(  # one keyword for each thing the tests vary
    version: int,
    *,
    slots: dict[int, str] | None = None,
    heard: tuple[str, ...] = (),
    voices: tuple[str, ...] = (),
    alternate: str | None = None,
    taps: tuple[tuple[str, str], ...] | None = None,
    session: str = "s",
) -> dict[str, Any]:
    """`slots`: number → venue; those of `heard` have their paired audio; `voices` are unpaired."""
    placed = slots or {}

    def ref(venue: str | None, source: str) -> dict[str, str] | None:
        return {"venue_id": venue, "source": source} if venue else None

    return {
        "session_id": session,
        "log_version": version,
        "slots": [
            {
                "slot": number,
                "video": ref(placed.get(number), "camera"),
                "audio": ref(placed.get(number), "microphone")
                if placed.get(number) in heard
                else None,
                "alternate": ref(alternate, "camera") if placed.get(number) else None,
            }
            for number in range(1, SLOT_COUNT + 1)
        ],
        "audio_buses": [
            {"bus": n + 1, "source": ref(voices[n] if n < len(voices) else None, "microphone")}
            for n in range(3)
        ],
        "recording": None
        if taps is None
        else {
            "recording_id": "rec",
            "taps": [{"venue_id": venue, "source": source} for venue, source in taps],
        },
    }


class Encoder:
    """VP8 pictures of one colour, with a moving bar."""

    def __init__(self, colour: tuple[int, int, int]) -> None:
        self._colour = colour
        self._count = 0
        self._context = av.CodecContext.create("libvpx", "w")
        assert isinstance(self._context, av.VideoCodecContext)
        self._context.width, self._context.height = WIDTH, HEIGHT
        self._context.pix_fmt = "yuv420p"
        self._context.time_base = Fraction(1, 25)
        self._context.bit_rate = 300_000
        self._context.options = {"deadline": "realtime", "cpu-used": "8", "g": "10000"}

    def encode(self, *, key: bool) -> bytes:
        luma = np.full((HEIGHT, WIDTH), self._colour[0], np.uint8)
        bar = (self._count * 4) % (WIDTH - 8)
        luma[: HEIGHT // 8, bar : bar + 8] ^= 0x40
        chroma = [np.full((HEIGHT // 2, WIDTH // 2), value, np.uint8) for value in self._colour[1:]]
        planes = np.concatenate([plane.reshape(-1) for plane in (luma, *chroma)])
        frame = av.VideoFrame.from_ndarray(planes.reshape(HEIGHT * 3 // 2, WIDTH), "yuv420p")
        frame.pts = self._count
        frame.time_base = Fraction(1, 25)
        if key or self._count == 0:
            frame.pict_type = av.video.frame.PictureType.I
        self._count += 1
        (packet,) = self._context.encode(frame)
        return bytes(packet)


class Decoder:
    """Pictures from the RTP packets of one SSRC, in order."""

    def __init__(self) -> None:
        self._context = av.CodecContext.create("vp8", "r")
        self._data = b""
        self._next: int | None = None
        self._broken = True
        self.frames = 0
        self.gaps = 0
        self.colour = (0, 0, 0)

    def push(self, packet: bytes) -> None:
        sequence = int.from_bytes(packet[2:4], "big")
        if self._next is not None and sequence != self._next:
            self.gaps += 1
        self._next = (sequence + 1) & 0xFFFF
        descriptor, data = VpxPayloadDescriptor.parse(rtp_payload(packet))
        if descriptor.partition_start and descriptor.partition_id == 0:
            self._data = b""
        self._data += data
        if packet[1] & 0x80:
            key = bool(self._data) and not self._data[0] & 1
            self._broken = self._broken and not key
            if not self._broken:
                self._decode()

    def _decode(self) -> None:
        for frame in self._context.decode(av.Packet(self._data)):
            assert isinstance(frame, av.VideoFrame)
            planes = [np.frombuffer(bytes(plane), np.uint8) for plane in frame.planes]
            self.colour = tuple(int(np.median(plane)) for plane in planes)  # type: ignore[assignment] # three planes
            self.frames += 1

    def __str__(self) -> str:
        return f"{self.frames} pictures, the last {self.colour}; {self.gaps} gaps"

    def shows(self, venue: str) -> bool:
        """The last picture has this venue's colour."""
        wanted = COLOURS[venue]
        return all(abs(a - b) < 12 for a, b in zip(self.colour, wanted, strict=True))


def rtp_payload(packet: bytes) -> bytes:
    offset = 12 + 4 * (packet[0] & 15)
    if packet[0] & 16:
        offset += 4 + 4 * int.from_bytes(packet[offset + 2 : offset + 4], "big")
    return packet[offset:]


class Sender:
    """Numbers of one outgoing stream."""

    def __init__(self, payload_type: int) -> None:
        self.ssrc = secrets.randbelow(2**31) + 1
        self.sent = 0
        self._payload_type = payload_type
        self._sequence = secrets.randbits(16)

    def packet(self, timestamp: int, payload: bytes, *, marker: bool = False) -> bytes:
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.sent += 1
        return (
            bytes([0x80, marker << 7 | self._payload_type])
            + self._sequence.to_bytes(2, "big")
            + (timestamp & 0xFFFFFFFF).to_bytes(4, "big")
            + self.ssrc.to_bytes(4, "big")
            + payload
        )


class Publisher:
    """A venue's camera and microphone, sending until closed."""

    def __init__(self, conductor: ControlClient, venue: str, *, session: str = "s") -> None:
        self.venue = venue
        self.video, self.audio = Sender(96), Sender(111)
        self.key_frames = 0
        self.key_frames_wanted = 0
        self.transport_id = f"{venue}-send-{secrets.token_hex(3)}"
        self.transport: PeerTransport | None = None
        self._session = session
        self._conductor = conductor
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, generation: int = 1) -> None:
        made = await self._conductor.call(
            "transport.create",
            epoch=1,
            session_id=self._session,
            transport_id=self.transport_id,
            direction="send",
            venue_id=self.venue,
        )
        self.transport = await connect(self._conductor, made, on_rtcp=self._rtcp)
        for source, kind in (("camera", "video"), ("microphone", "audio")):
            await self._conductor.call(
                "producer.create",
                transport_id=self.transport_id,
                producer_id=f"{self.transport_id}-{source}",
                publication={"venue_id": self.venue, "source": source, "generation": generation},
                kind=kind,
                rtp_parameters=self.parameters(kind),
            )
        self._task = asyncio.create_task(self._send())

    def parameters(self, kind: str) -> dict[str, Any]:
        audio = {"mimeType": "audio/opus", "payloadType": 111, "clockRate": 48000, "channels": 2}
        video = {"mimeType": "video/VP8", "payloadType": 96, "clockRate": 90000}
        sender = self.video if kind == "video" else self.audio
        return {
            "mid": "0" if kind == "video" else "1",
            "codecs": [video if kind == "video" else audio],
            "encodings": [{"ssrc": sender.ssrc}],
        }

    async def stop(self) -> None:
        """Stop sending; the transport stays."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def close(self) -> None:
        await self.stop()
        if self.transport is not None:
            await self.transport.close()

    async def _send(self) -> None:
        assert self.transport is not None
        encoder = Encoder(COLOURS[self.venue])
        due, picture = time.monotonic(), 0
        while True:
            for _ in range(2):  # two sound packets of 20 ms for each picture
                packet = self.audio.packet(self.audio.sent * 960, self.venue.encode() + b"-sound")
                self.transport.send_rtp(packet)
            key = picture == 0 or self.key_frames_wanted > 0
            self.key_frames += key
            self.key_frames_wanted = 0
            data = encoder.encode(key=key)
            parts = [data[at : at + 1000] for at in range(0, len(data), 1000)]
            for index, part in enumerate(parts):
                descriptor = bytes(
                    [0x90 if index == 0 else 0x80, 0x80, 0x80 | picture >> 8 & 0x7F, picture & 255]
                )
                last = index == len(parts) - 1
                packet = self.video.packet(picture * 3600, descriptor + part, marker=last)
                self.transport.send_rtp(packet)
            picture += 1
            # On a busy machine go slower instead of catching up: asyncio reads one datagram of a
            # socket in each turn, so that turns full of sending would delay the viewers.
            due = max(due + FRAME_SECONDS, time.monotonic() + FRAME_SECONDS / 2)
            await asyncio.sleep(due - time.monotonic())

    def _rtcp(self, packet: bytes) -> None:
        at = 0
        while at + 4 <= len(packet):
            if packet[at + 1] == 206 and packet[at] & 31 in (1, 4):
                self.key_frames_wanted += 1
            at += 4 * (int.from_bytes(packet[at + 2 : at + 4], "big") + 1)


class Viewer:
    """A receiving client of all slots and audio buses."""

    def __init__(
        self, conductor: ControlClient, name: str, venue: str | None = None, session: str = "s"
    ) -> None:
        self.transport_id = f"{name}-recv-{secrets.token_hex(3)}"
        self.video: dict[int, Decoder] = {}
        self.heard: Counter[str] = Counter()
        self.sound_gaps = 0
        self.consumers: list[dict[str, Any]] = []
        self.transport: PeerTransport | None = None
        self._venue = venue
        self._session = session
        self._conductor = conductor
        self._slot_of: dict[int, int] = {}
        self._last: dict[int, int] = {}

    async def start(self, *targets: dict[str, Any]) -> None:
        made = await self._conductor.call(
            "transport.create",
            epoch=1,
            session_id=self._session,
            transport_id=self.transport_id,
            direction="recv",
            venue_id=self._venue,
        )
        everything = [
            *(
                {"type": "slot", "slot": slot, "kind": kind}
                for slot in range(1, SLOT_COUNT + 1)
                for kind in ("video", "audio")
            ),
            *({"type": "audio_bus", "bus": bus} for bus in (1, 2, 3)),
        ]
        reply = await self._conductor.call(
            "consumers.create",
            transport_id=self.transport_id,
            rtp_capabilities=RECEIVER,
            targets=list(targets) or everything,
        )
        self.consumers = reply["consumers"]
        for consumer in self.consumers:
            ssrc = consumer["rtp_parameters"]["encodings"][0]["ssrc"]
            if consumer["kind"] == "video":
                target = consumer["target"]
                place = target.get("slot") or 100 + target["tile"]
                self._slot_of[ssrc] = place
                self.video[place] = Decoder()
        self.transport = await connect(self._conductor, made, on_rtp=self._rtp)

    async def close(self) -> None:
        if self.transport is not None:
            await self.transport.close()

    async def sees(self, slot: int, venue: str, seconds: float = 10) -> None:
        """Wait until the slot shows the venue's colour."""
        decoder = self.video[slot]
        try:
            await until(lambda: decoder.shows(venue), seconds)
        except AssertionError:
            raise AssertionError(f"slot {slot} does not show {venue}: {decoder}") from None

    async def more_frames(self, slot: int, count: int = 10, seconds: float = 20) -> None:
        decoder = self.video[slot]
        wanted = decoder.frames + count
        await until(
            lambda: decoder.frames >= wanted, seconds, f"{count} more pictures in slot {slot}"
        )

    async def hears(self, venue: str, count: int = 10, seconds: float = 20) -> None:
        wanted = self.heard[venue] + count
        await until(
            lambda: self.heard[venue] >= wanted, seconds, f"{count} more packets of {venue}"
        )

    def _rtp(self, packet: bytes) -> None:
        ssrc = int.from_bytes(packet[8:12], "big")
        if ssrc in self._slot_of:
            self.video[self._slot_of[ssrc]].push(packet)
            return
        sequence = int.from_bytes(packet[2:4], "big")
        if ssrc in self._last and sequence != (self._last[ssrc] + 1) & 0xFFFF:
            self.sound_gaps += 1
        self._last[ssrc] = sequence
        self.heard[rtp_payload(packet).split(b"-")[0].decode()] += 1


@asynccontextmanager
async def present(*clients: "Publisher | Viewer") -> AsyncIterator[None]:
    """Start clients in order; close them whatever happens."""
    try:
        for client in clients:
            await client.start()
        yield
    finally:
        for client in clients:
            await client.close()


async def connect(
    conductor: ControlClient, made: dict[str, Any], **callbacks: Callable[[bytes], None]
) -> PeerTransport:
    """The client's side of a transport: connect is answered before DTLS."""
    transport = PeerTransport(made, **callbacks)
    await conductor.call(
        "transport.connect",
        transport_id=made["transport_id"],
        dtls_parameters=transport.dtls_parameters,
    )
    try:
        await transport.connect()
    except BaseException:
        await transport.close()
        raise
    return transport
