"""RTCP (RFC 3550, RFC 4585, RFC 5104, REMB): what the engine reads and writes."""

import struct
from collections.abc import Sequence

from sfu.engine.shapes import ReportBlock, RtcpPacket, SenderInfo

SR, RR, SDES, RTPFB, PSFB = 200, 201, 202, 205, 206
NACK, PLI, FIR, AFB = 1, 1, 4, 15
MAX_BLOCKS = 31
MAX_CNAME = 63
MAX_PAIRS = 64


def parse_rtcp(data: bytes) -> list[RtcpPacket]:
    """Return the packets of a compound up to the first malformed one."""
    found = []
    at = 0
    while at + 4 <= len(data):
        first, kind, words = struct.unpack_from("!BBH", data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > len(data):
            break
        body = data[at + 4 : end]
        if first & 0x20:
            if not body or not 1 <= body[-1] <= len(body):
                break
            body = body[: -body[-1]]
        found.append(_read(kind, first & 31, body))
        at = end
    return found


def _read(kind: int, count: int, body: bytes) -> RtcpPacket:
    sender = None
    if kind == SR and len(body) >= 24:
        sender = SenderInfo(*struct.unpack_from("!IQIII", body))
    feedback = kind in {RTPFB, PSFB}
    media = int.from_bytes(body[4:8]) if feedback and len(body) >= 8 else 0
    nacked: list[int] = []
    if kind == RTPFB and count == NACK:
        for at in range(8, len(body) - 3, 4):
            seq, mask = struct.unpack_from("!HH", body, at)
            nacked.append(seq)
            nacked += [(seq + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
    firs: list[int] = []
    if kind == PSFB and count == FIR:
        firs += [int.from_bytes(body[at : at + 4]) for at in range(8, len(body) - 7, 8)]
    return RtcpPacket(
        kind, count, sender, _blocks(kind, count, body), media, tuple(nacked), tuple(firs)
    )


def _blocks(kind: int, count: int, body: bytes) -> tuple[ReportBlock, ...]:
    if kind not in {SR, RR}:
        return ()
    start = 24 if kind == SR else 4
    found = []
    for index in range(count):
        at = start + 24 * index
        if at + 24 > len(body):
            break
        ssrc, loss, highest, jitter, last_sr, delay = struct.unpack_from("!6I", body, at)
        lost = loss & 0xFFFFFF
        lost -= (lost & 0x800000) << 1
        found.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_sr, delay))
    return tuple(found)


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def write_rr(sender: int, blocks: Sequence[ReportBlock]) -> bytes:
    """Return a receiver report with at most 31 blocks."""
    body = sender.to_bytes(4)
    for b in blocks[:MAX_BLOCKS]:
        loss = (b.fraction_lost << 24) | (b.lost & 0xFFFFFF)
        body += struct.pack(
            "!6I", b.ssrc, loss, b.highest_seq, b.jitter, b.last_sr, b.delay_since_last_sr
        )
    return _packet(len(blocks[:MAX_BLOCKS]), RR, body)


def write_sr(info: SenderInfo) -> bytes:
    """Return a sender report without report blocks."""
    return _packet(0, SR, struct.pack("!IQIII", *info))


def write_cname(ssrc: int, cname: bytes) -> bytes:
    """Return an SDES packet with the CNAME item of one source."""
    cname = cname[:MAX_CNAME]
    chunk = ssrc.to_bytes(4) + bytes([1, len(cname)]) + cname + b"\0"
    return _packet(1, SDES, chunk + bytes(-len(chunk) % 4))


def write_pli(sender: int, media: int) -> bytes:
    """Return a picture loss indication."""
    return _packet(PLI, PSFB, struct.pack("!II", sender, media))


def write_nack(sender: int, media: int, seqs: Sequence[int]) -> bytes:
    """Return a generic NACK of these numbers (ascending, 16 bits), at most 64 pairs."""
    pairs: list[list[int]] = []
    for seq in seqs:
        distance = (seq - pairs[-1][0]) & 0xFFFF if pairs else 0
        if pairs and 1 <= distance <= 16:
            pairs[-1][1] |= 1 << (distance - 1)
        else:
            pairs.append([seq, 0])
    body = b"".join(struct.pack("!HH", *pair) for pair in pairs[:MAX_PAIRS])
    return _packet(NACK, RTPFB, struct.pack("!II", sender, media) + body)


def write_remb(sender: int, bits_per_second: int, ssrcs: Sequence[int]) -> bytes:
    """Return a receiver estimated maximum bitrate, rounded down to 18 bits of mantissa."""
    exponent = max(0, bits_per_second.bit_length() - 18)
    mantissa = bits_per_second >> exponent
    ssrcs = ssrcs[:MAX_BLOCKS]
    body = struct.pack(
        "!II4sBBH",
        sender,
        0,
        b"REMB",
        len(ssrcs),
        exponent << 2 | mantissa >> 16,
        mantissa & 0xFFFF,
    )
    return _packet(AFB, PSFB, body + struct.pack(f"!{len(ssrcs)}I", *ssrcs))
