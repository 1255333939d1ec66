"""What the pure parts of the engine return, in both forms (`pure` in C, `twin` in Python)."""

from typing import NamedTuple


class RtpPacket(NamedTuple):
    """An RTP packet's header (RFC 3550); the payload is without padding."""

    marker: bool
    payload_type: int
    seq: int
    timestamp: int
    ssrc: int
    payload: bytes


class StunCheck(NamedTuple):
    """A Binding request whose integrity is right."""

    local_ufrag: bytes
    use_candidate: bool


class Vp8Descriptor(NamedTuple):
    """The VP8 payload descriptor (RFC 7741). `picture_bits` is 0, 7 or 15."""

    length: int
    picture_bits: int
    picture: int
    tl0: int | None
    starts_frame: bool
    starts_key_frame: bool
    size: tuple[int, int] | None


class Numbers(NamedTuple):
    """What the munger gives a packet; `seq` is extended to 64 bits."""

    seq: int
    timestamp: int
    picture: int
    tl0: int


class ReportBlock(NamedTuple):
    """A report block of an SR or RR; `fraction_lost` of 256, delay in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    lost: int
    highest_seq: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int


class SenderInfo(NamedTuple):
    """The sender's part of an SR; `ntp` is the 64-bit stamp."""

    ssrc: int
    ntp: int
    timestamp: int
    packets: int
    octets: int


class RtcpPacket(NamedTuple):
    """One packet of a compound: what the engine reads of it, the rest empty."""

    type: int
    form: int  # the report count, or the feedback format
    sender: SenderInfo | None
    blocks: tuple[ReportBlock, ...]
    media_ssrc: int
    nacked: tuple[int, ...]
    fir_ssrcs: tuple[int, ...]
