"""STUN Binding for an ICE-lite server (RFC 8489, RFC 8445): verify and answer."""

import hmac
import ipaddress
import struct
import zlib

from sfu.engine.shapes import StunCheck

MAGIC = 0x2112A442
BINDING_REQUEST, BINDING_SUCCESS = 0x0001, 0x0101
USERNAME, MESSAGE_INTEGRITY, XOR_MAPPED_ADDRESS = 0x0006, 0x0008, 0x0020
USE_CANDIDATE, FINGERPRINT = 0x0025, 0x8028
FINGERPRINT_MASK = 0x5354554E


def _up_to(data: bytes, at: int, attribute_size: int) -> bytes:
    """The bytes a digest at `at` covers: with a length field that ends after the digest."""
    return data[:2] + (at + attribute_size - 20).to_bytes(2) + data[4:at]


def _fingerprint(data: bytes, at: int) -> int:
    return zlib.crc32(_up_to(data, at, 8)) ^ FINGERPRINT_MASK


def _integrity(data: bytes, at: int, pwd: bytes) -> bytes:
    return hmac.digest(pwd, _up_to(data, at, 24), "sha1")


def _attributes(data: bytes) -> list[tuple[int, int, bytes]] | None:
    """(offset, type, value) of each attribute, or None when malformed."""
    if len(data) < 20 or len(data) % 4:
        return None
    kind, size, magic = struct.unpack_from("!HHI", data)
    if kind != BINDING_REQUEST or magic != MAGIC or size != len(data) - 20:
        return None
    found = []
    at = 20
    while at < len(data):
        kind, size = struct.unpack_from("!HH", data, at)
        if at + 4 + -(-size // 4) * 4 > len(data):
            return None
        found.append((at, kind, data[at + 4 : at + 4 + size]))
        at += 4 + -(-size // 4) * 4
    return found


def check_stun(data: bytes, pwd: bytes) -> StunCheck | None:
    """Return the check when it is a Binding request made with `pwd`, else None."""
    ufrag: bytes | None = None
    integrity_at = 0
    use_candidate = False
    for at, kind, value in _attributes(data) or ():
        if kind == FINGERPRINT:
            right = len(value) == 4 and at + 8 == len(data)
            if not right or int.from_bytes(value) != _fingerprint(data, at):
                return None
        elif integrity_at:
            continue  # not covered by the integrity
        elif kind == MESSAGE_INTEGRITY:
            if len(value) != 20:
                return None
            integrity_at = at
        elif kind == USERNAME:
            ufrag, colon, _ = value.partition(b":")
            if not colon or not ufrag:
                return None
        elif kind == USE_CANDIDATE:
            use_candidate = True
    if ufrag is None or not integrity_at:
        return None
    expected = _integrity(data, integrity_at, pwd)
    if not hmac.compare_digest(expected, data[integrity_at + 4 : integrity_at + 24]):
        return None
    return StunCheck(ufrag, use_candidate)


def reply_stun(data: bytes, host: str, port: int, pwd: bytes) -> bytes:
    """Return the success response to a request that came from (host, port)."""
    address = ipaddress.ip_address(host)
    packed = bytes(a ^ b for a, b in zip(address.packed, data[4:20], strict=False))
    family = 1 if address.version == 4 else 2
    mapped = struct.pack("!BBH", 0, family, port ^ (MAGIC >> 16)) + packed
    out = BINDING_SUCCESS.to_bytes(2) + bytes(2) + data[4:20]
    out += struct.pack("!HH", XOR_MAPPED_ADDRESS, len(mapped)) + mapped
    out += struct.pack("!HH", MESSAGE_INTEGRITY, 20) + _integrity(out, len(out), pwd)
    out += struct.pack("!HHI", FINGERPRINT, 4, _fingerprint(out, len(out)))
    return out[:2] + (len(out) - 20).to_bytes(2) + out[4:]
