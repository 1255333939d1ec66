"""The media of a synthetic venue: what it publishes and receives, for one life of the media plane.

It outlives its WebSocket: a lost or restarted server process stops no packet.
"""

import asyncio
import contextlib
import secrets
import time
from typing import Any

from peers.clip import FRAMES_PER_SECOND, SAMPLE_RATE, SAMPLES_PER_PACKET, Clip
from peers.receiver import StageReceiver
from peers.signalling import SignallingClient
from peers.transport import PeerTransport

VIDEO_PAYLOAD_TYPE, AUDIO_PAYLOAD_TYPE = 96, 111
PAYLOAD_LIMIT = 1150
REPORT_INTERVAL = 1.0


class Stream:
    """Numbers of one outgoing RTP stream (RFC 3550)."""

    def __init__(self, payload_type: int, clock_rate: int) -> None:
        self.ssrc = secrets.randbelow(0xFFFFFFFE) + 1
        self._payload_type = payload_type
        self._clock_rate = clock_rate
        self._sequence = secrets.randbits(15)
        self._offset = secrets.randbits(31)
        self.packets = 0
        self.octets = 0

    def packet(self, seconds: float, payload: bytes, *, marker: bool) -> bytes:
        """The next packet, for media time `seconds`."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        self.packets += 1
        self.octets += len(payload)
        return (
            bytes([0x80, marker << 7 | self._payload_type])
            + self._sequence.to_bytes(2, "big")
            + self._timestamp(seconds).to_bytes(4, "big")
            + self.ssrc.to_bytes(4, "big")
            + payload
        )

    def sender_report(self, seconds: float, ntp: int) -> bytes:
        """SR (RFC 3550 section 6.4.1) and the SDES that must go with it."""
        report = (
            bytes([0x80, 200, 0, 6])
            + self.ssrc.to_bytes(4, "big")
            + ntp.to_bytes(8, "big")
            + self._timestamp(seconds).to_bytes(4, "big")
            + self.packets.to_bytes(4, "big")
            + (self.octets & 0xFFFFFFFF).to_bytes(4, "big")
        )
        # One chunk: CNAME "peer", end, padding to 32 bits.
        items = bytes([1, 4]) + b"peer" + bytes(2)
        return report + bytes([0x81, 202, 0, 3]) + self.ssrc.to_bytes(4, "big") + items

    def _timestamp(self, seconds: float) -> int:
        return (self._offset + round(seconds * self._clock_rate)) & 0xFFFFFFFF


class VenueMedia:
    """Camera and microphone of a clip, and the stage. `open` once, `close` at the end."""

    def __init__(self, clip: Clip) -> None:
        self.generation = 0
        self.transports: tuple[str, ...] = ()
        self.stage: StageReceiver | None = None
        self._clip = clip
        self._key_frame_wanted = False
        self._send_transport: PeerTransport | None = None
        self._sending: asyncio.Task[None] | None = None

    async def open(self, signalling: SignallingClient) -> None:
        """Negotiate, publish and receive. Raises PeerError."""
        self.generation = signalling.generation
        video = Stream(VIDEO_PAYLOAD_TYPE, 90_000)
        audio = Stream(AUDIO_PAYLOAD_TYPE, SAMPLE_RATE)
        parameters = await signalling.call(
            "media.transport.create", {"generation": self.generation, "direction": "send"}
        )
        transport_id = parameters["transport_id"]
        transport = PeerTransport(parameters, on_rtcp=self._take_rtcp)
        self._send_transport = transport
        await signalling.call(
            "media.transport.connect",
            {"transport_id": transport_id, "dtls_parameters": transport.dtls_parameters},
        )
        await transport.connect()
        for source, kind, stream in (("camera", "video", video), ("microphone", "audio", audio)):
            await signalling.call(
                "media.produce",
                {
                    "transport_id": transport_id,
                    "kind": kind,
                    "source": source,
                    "rtp_parameters": rtp_parameters(kind, stream.ssrc),
                },
            )
        self.stage = StageReceiver()
        receiving = await self.stage.open(signalling)
        self.transports = (transport_id, receiving)
        self._sending = asyncio.create_task(self._send(transport, video, audio))

    async def close(self) -> None:
        """Idempotent."""
        if self._sending is not None:
            self._sending.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sending
        if self.stage is not None:
            await self.stage.close()
        if self._send_transport is not None:
            await self._send_transport.close()

    async def _send(self, transport: PeerTransport, video: Stream, audio: Stream) -> None:
        start = time.monotonic()
        pictures = sounds = position = 0
        reported = 0.0
        while True:
            elapsed = time.monotonic() - start
            while sounds * SAMPLES_PER_PACKET / SAMPLE_RATE <= elapsed:
                payload = self._clip.audio[sounds % len(self._clip.audio)]
                at = sounds * SAMPLES_PER_PACKET / SAMPLE_RATE
                transport.send_rtp(audio.packet(at, payload, marker=sounds == 0))
                sounds += 1
            while pictures / FRAMES_PER_SECOND <= elapsed:
                position = self._next_position(position)
                self._send_frame(transport, video, position, pictures)
                pictures += 1
            if elapsed - reported >= REPORT_INTERVAL:
                reported = elapsed
                ntp = int((time.time() + 2_208_988_800) * (1 << 32))
                for stream in (video, audio):
                    transport.send_rtcp(stream.sender_report(elapsed, ntp))
            due = min(sounds * SAMPLES_PER_PACKET / SAMPLE_RATE, pictures / FRAMES_PER_SECOND)
            await asyncio.sleep(max(0.0, due - (time.monotonic() - start)))

    def _next_position(self, position: int) -> int:
        """The next picture of the clip; asked for a key frame, the next one that is one."""
        frames = self._clip.video
        position = (position + 1) % len(frames)
        if self._key_frame_wanted:
            self._key_frame_wanted = False
            while not frames[position].key:
                position = (position + 1) % len(frames)
        return position

    def _send_frame(
        self, transport: PeerTransport, stream: Stream, position: int, picture: int
    ) -> None:
        data = self._clip.video[position].data
        for start in range(0, len(data), PAYLOAD_LIMIT):
            descriptor = bytes(
                [
                    0x90 if start == 0 else 0x80,  # X, and S on the first packet (RFC 7741)
                    0x80,  # I: a picture id follows, of 15 bits
                    0x80 | (picture >> 8 & 0x7F),
                    picture & 0xFF,
                ]
            )
            part = data[start : start + PAYLOAD_LIMIT]
            last = start + PAYLOAD_LIMIT >= len(data)
            transport.send_rtp(
                stream.packet(picture / FRAMES_PER_SECOND, descriptor + part, marker=last)
            )

    def _take_rtcp(self, packet: bytes) -> None:
        """Payload-specific feedback (206): PLI (1) and FIR (4) ask for a key frame."""
        at = 0
        while at + 4 <= len(packet):
            if packet[at + 1] == 206 and packet[at] & 0x1F in (1, 4):
                self._key_frame_wanted = True
            at += 4 * (int.from_bytes(packet[at + 2 : at + 4], "big") + 1)


def rtp_parameters(kind: str, ssrc: int) -> dict[str, Any]:
    """What this venue sends, in ORTC's shape."""
    video = kind == "video"
    codec: dict[str, Any] = {
        "mimeType": "video/VP8" if video else "audio/opus",
        "payloadType": VIDEO_PAYLOAD_TYPE if video else AUDIO_PAYLOAD_TYPE,
        "clockRate": 90_000 if video else SAMPLE_RATE,
        "rtcpFeedback": [{"type": "nack", "parameter": "pli"}] if video else [],
    }
    if not video:
        codec["channels"] = 2
    return {
        "mid": "0" if video else "1",
        "codecs": [codec],
        "headerExtensions": [],
        "encodings": [{"ssrc": ssrc}],
        "rtcp": {"cname": "peer", "reducedSize": True, "mux": True},
    }
