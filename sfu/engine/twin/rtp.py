"""RTP packets (RFC 3550) and their header extensions (RFC 8285)."""

import struct

from sfu.engine.shapes import RtpPacket

ONE_BYTE = 0xBEDE
TWO_BYTE = 0x1000


def _extension_block(data: bytes) -> tuple[int, bytes, int] | None:
    """(profile, elements, payload offset), or None when the header is cut short."""
    if len(data) < 12 or data[0] >> 6 != 2:
        return None
    at = 12 + 4 * (data[0] & 15)
    if not data[0] & 0x10:
        return (0, b"", at) if at <= len(data) else None
    if at + 4 > len(data):
        return None
    profile, words = struct.unpack_from("!HH", data, at)
    at += 4
    end = at + 4 * words
    return (profile, data[at:end], end) if end <= len(data) else None


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Return the packet, or None when it is not a whole RTP packet."""
    block = _extension_block(data)
    if block is None or len(data) > 0xFFFF:
        return None
    payload = data[block[2] :]
    if data[0] & 0x20:
        padding = payload[-1] if payload else 0
        if not 1 <= padding <= len(payload):
            return None
        payload = payload[:-padding]
    _, second, seq, timestamp, ssrc = struct.unpack_from("!BBHII", data)
    return RtpPacket(bool(second >> 7), second & 127, seq, timestamp, ssrc, payload)


def rtp_extension(data: bytes, wanted: int) -> bytes | None:
    """Return the value of the header extension element with this id, or None."""
    block = _extension_block(data)
    if block is None or wanted == 0:
        return None
    profile, elements, _ = block
    if profile == ONE_BYTE:
        return _find(elements, wanted, two_byte=False) if wanted < 15 else None
    if profile & 0xFFF0 == TWO_BYTE:
        return _find(elements, wanted, two_byte=True)
    return None


def _find(elements: bytes, wanted: int, *, two_byte: bool) -> bytes | None:
    at = 0
    while at < len(elements):
        if elements[at] == 0:  # padding
            at += 1
            continue
        if two_byte:
            if at + 2 > len(elements):
                return None
            element, size = elements[at], elements[at + 1]
            at += 2
        else:
            element, size = elements[at] >> 4, (elements[at] & 15) + 1
            at += 1
            if element == 15:  # reserved: nothing after it is read
                return None
        if at + size > len(elements):
            return None
        if element == wanted:
            return elements[at : at + size]
        at += size
    return None
