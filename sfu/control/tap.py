"""The tap: a bounded local stream of records from a worker to a recorder.

Unix stream socket. The recorder connects and sends one JSON line `{"session_id", "recording_id"}`;
the worker answers with records until either side closes. Each record is a 24-byte little-endian
header and its payload:

    u32 length of payload | u8 type | u8 flags | u16 zero | u32 tag | u32 zero | u64 monotonic_ns

`tag` names a stream (`STREAM` announced it) or a slot. `monotonic_ns` is the worker's clock at
arrival. Records are in the order the engine saw them. When the recorder does not read for longer
than the buffer holds (at least 5 s), records are dropped whole and one `GAP` says how many.
"""

import struct
from enum import IntEnum

HEADER = struct.Struct("<IBBHIIQ")
MAX_PAYLOAD = 65_536


class TapRecord(IntEnum):
    """Types of record and their payloads."""

    HELLO = 1
    """JSON: session_id, recording_id, worker_id, boot_id, monotonic_ns, wall_ns (Unix time)."""
    STREAM = 2
    """JSON: publication {venue_id, source, generation}, kind, mime_type, payload_type, clock_rate,
    channels. Gives `tag` its meaning; sent before the first packet with that tag."""
    RTP = 3
    """The decrypted RTP packet, header included. Retransmissions come late, not in order."""
    SENDER_REPORT = 4
    """`<qIQ`: offset_ns (worker monotonic minus the sender's NTP clock in ns, minimum-delay filter,
    one for all streams of a publisher), RTP timestamp, NTP timestamp (RFC 3550, 64 bits)."""
    SWITCH = 5
    """`<BBxxII`: slot, kind (0 audio, 1 video), stream tag or 0 for none, RTP timestamp of
    the first packet after the switch. `tag` of the header is 0. Stage slots are 1-9; the unpaired
    audio bus `b` is written as slot `AUDIO_BUS_SLOT + b`, so that the record says who was heard."""
    GAP = 6
    """`<Q`: how many records were dropped here."""
    STREAM_END = 7
    """No payload: the publication ended, or left what the policy taps."""


SENDER_REPORT = struct.Struct("<qIQ")
SWITCH = struct.Struct("<BBxxII")
GAP = struct.Struct("<Q")

AUDIO_BUS_SLOT = 16
"""Added to the number of an unpaired audio bus (1-16) to name it in a SWITCH."""
