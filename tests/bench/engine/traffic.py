"""One publisher's packets: 300 video packets/s of 1,100 B and 50 of audio, and when they go."""

import json
import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pylibsrtp import Policy, Session

TRACE = Path(__file__).with_name("chrome-pacing.json")
VIDEO_PER_SECOND = 300
AUDIO_PER_SECOND = 50
VIDEO_BYTES = 1100
AUDIO_BYTES = 120
FRAMES_PER_SECOND = 30
VIDEO_PAYLOAD_TYPE, AUDIO_PAYLOAD_TYPE = 96, 111
VIDEO_SSRC, AUDIO_SSRC = 0x11111111, 0x22222222
PROFILE = Policy.SRTP_PROFILE_AEAD_AES_128_GCM


@dataclass(frozen=True, slots=True)
class Packet:
    """`due_ns` from the start; `data` plain RTP."""

    due_ns: int
    video: bool
    data: bytes


def new_key() -> bytes:
    """A master key and salt for AEAD_AES_128_GCM (RFC 7714: 16 + 12 bytes)."""
    return os.urandom(28)


def session(key: bytes, *, outbound: bool) -> Session:
    """An SRTP session for any SSRC; a sender may repeat a sequence number (retransmission)."""
    policy = Policy(
        key=key,
        ssrc_type=Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND,
        srtp_profile=PROFILE,
    )
    policy.allow_repeat_tx = outbound
    return Session(policy=policy)


def packets(pacing: str, seconds: float) -> list[Packet]:
    """Traffic in order of time. `pacing`: `chrome` (the committed trace) or `frames`."""
    frames = _chrome_frames(seconds) if pacing == "chrome" else _whole_frames(seconds)
    video = [
        Packet(due, True, _video(sequence, frame, position, len(times)))
        for sequence, (frame, position, due, times) in enumerate(
            (f, p, due, times) for f, times in enumerate(frames) for p, due in enumerate(times)
        )
    ]
    interval = 1_000_000_000 // AUDIO_PER_SECOND
    audio = [Packet(n * interval, False, _audio(n)) for n in range(int(seconds * AUDIO_PER_SECOND))]
    return sorted(video + audio, key=lambda p: p.due_ns)


def _whole_frames(seconds: float) -> list[list[int]]:
    per_frame = VIDEO_PER_SECOND // FRAMES_PER_SECOND
    interval = 1_000_000_000 // FRAMES_PER_SECOND
    return [[n * interval] * per_frame for n in range(int(seconds * FRAMES_PER_SECOND))]


def _chrome_frames(seconds: float) -> list[list[int]]:
    """The trace is a list of frames, each the times of its packets in µs; it is repeated, and its
    time is scaled so that it gives 300 packets/s."""
    trace: list[list[int]] = json.loads(TRACE.read_text())["frames"]
    count = sum(len(times) for times in trace)
    span = trace[-1][0] - trace[0][0]
    period = span * len(trace) / (len(trace) - 1)
    scale = (count / VIDEO_PER_SECOND) * 1e9 / period
    found: list[list[int]] = []
    lap = 0
    while True:
        for times in trace:
            frame = [int((t - trace[0][0] + lap * period) * scale) for t in times]
            if frame[0] >= seconds * 1e9:
                return found
            found.append(frame)
        lap += 1


def _header(*, marker: bool, payload_type: int, sequence: int, timestamp: int, ssrc: int) -> bytes:
    return (
        bytes([0x80, marker << 7 | payload_type])
        + (sequence & 0xFFFF).to_bytes(2, "big")
        + (timestamp & 0xFFFFFFFF).to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
    )


def _video(sequence: int, frame: int, position: int, count: int) -> bytes:
    """VP8 (RFC 7741): a key frame each 3 s, 15-bit picture ids, one partition."""
    first = position == 0
    descriptor = bytes([0x90 if first else 0x80, 0x80, 0x80 | (frame >> 8 & 0x7F), frame & 0xFF])
    key = frame % (FRAMES_PER_SECOND * 3) == 0
    payload = (
        bytes([0x10 if key else 0x11, 0, 0, 0x9D, 0x01, 0x2A, 0, 5, 0xD0, 2]) if first else b""
    )
    head = _header(
        marker=position == count - 1,
        payload_type=VIDEO_PAYLOAD_TYPE,
        sequence=sequence,
        timestamp=frame * 90_000 // FRAMES_PER_SECOND,
        ssrc=VIDEO_SSRC,
    )
    filler = bytes(VIDEO_BYTES - len(head) - len(descriptor) - len(payload))
    return head + descriptor + payload + filler


def _audio(number: int) -> bytes:
    head = _header(
        marker=number == 0,
        payload_type=AUDIO_PAYLOAD_TYPE,
        sequence=number,
        timestamp=number * 960,
        ssrc=AUDIO_SSRC,
    )
    return head + bytes(AUDIO_BYTES - len(head))


def burst_sizes(due: list[int], within_ns: int = 200_000) -> list[int]:
    """How many packets follow each other within `within_ns`: what GSO could join at hold 0."""
    sizes = [1]
    for before, after in pairwise(due):
        if after - before <= within_ns:
            sizes[-1] += 1
        else:
            sizes.append(1)
    return sizes
