"""The VP8 payload descriptor (RFC 7741)."""

import struct

from sfu.engine.shapes import Vp8Descriptor

START_CODE = b"\x9d\x01\x2a"


def parse_vp8(payload: bytes) -> Vp8Descriptor | None:
    """Return the descriptor, or None when the payload is shorter than it says."""
    if not payload:
        return None
    at = 1
    flags = bits = picture = 0
    tl0: int | None = None
    try:
        if payload[0] & 0x80:
            flags = payload[at]
            at += 1
        if flags & 0x80:
            bits = 15 if payload[at] & 0x80 else 7
            picture = payload[at]
            if bits == 15:
                picture = ((picture & 0x7F) << 8) | payload[at + 1]
            at += 2 if bits == 15 else 1
        if flags & 0x40:
            tl0 = payload[at]
            at += 1
        if flags & 0x30:
            _ = payload[at]
            at += 1
    except IndexError:
        return None
    starts_frame = payload[0] & 0x17 == 0x10  # S set, partition 0
    frame = payload[at:]
    key = starts_frame and bool(frame) and not frame[0] & 1
    size = None
    if key and len(frame) >= 10 and frame[3:6] == START_CODE:
        width, height = struct.unpack_from("<HH", frame, 6)
        size = (width & 0x3FFF, height & 0x3FFF)
    return Vp8Descriptor(at, bits, picture, tl0, starts_frame, key, size)


def write_vp8(payload: bytes, picture: int, tl0: int) -> bytes:
    """Return the payload with these ids, the picture id always in 15 bits."""
    descriptor = parse_vp8(payload)
    if descriptor is None:
        raise ValueError("not a VP8 payload")
    out = payload[:1]
    if payload[0] & 0x80:
        out += bytes([payload[1] & 0xF0])
        if descriptor.picture_bits:
            out += (0x8000 | (picture & 0x7FFF)).to_bytes(2)
        if descriptor.tl0 is not None:
            out += bytes([tl0 & 0xFF])
        if payload[1] & 0x30:
            out += payload[descriptor.length - 1 : descriptor.length]
    return out + payload[descriptor.length :]
