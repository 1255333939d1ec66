"""Typed surface of the native packet engine (`native.pyx` over the C files beside it).

One engine per worker process, one native thread. Python calls write fixed-size commands into a
ring that the thread applies between batches, in order; nothing here waits for the thread unless
its docstring says so. The thread reports through a bounded ring and `event_fd`.
"""

from typing import Final, NamedTuple

class SocketAddress(NamedTuple):
    host: str
    port: int

class DtlsDatagram(NamedTuple):
    """A DTLS record from an address that proved itself by a STUN check (RFC 7983 demux)."""

    transport: int
    data: bytes

class TransportSelected(NamedTuple):
    """A STUN check with good integrity came from `address` and it is now where we send."""

    transport: int
    address: SocketAddress

class TransportConsentExpired(NamedTuple):
    """No valid STUN check for the consent time (RFC 7675): nothing more is sent to it."""

    transport: int

class TransportClosed(NamedTuple):
    """The thread will never touch this transport's SRTP sessions again: drop the references."""

    transport: int

class BusSwitched(NamedTuple):
    """A bus with `tag` changed its source, at this packet (stream 0: to nothing)."""

    bus: int
    stream: int
    monotonic_ns: int
    rtp_timestamp: int

class TapClosed(NamedTuple):
    """The reader went away, or `close_tap` was done; the descriptor may be closed now. Once."""

    tap: int

Event = (
    DtlsDatagram
    | TransportSelected
    | TransportConsentExpired
    | TransportClosed
    | BusSwitched
    | TapClosed
)

class StreamCounters(NamedTuple):
    """Of an incoming stream; see RFC 3550 for lost and jitter. Totals since the start."""

    packets: int
    bytes: int
    expected: int
    lost: int
    recovered: int
    duplicates: int
    jitter: int  # RTP timestamp units
    nacks_sent: int
    plis_sent: int
    key_frames: int
    frames: int
    width: int
    height: int
    audio_level: int  # RFC 6464 -dBov, 127 silent
    last_packet_ns: int

class ConsumerCounters(NamedTuple):
    """Of an outgoing stream; loss, jitter and round trip as its receiver reports them."""

    packets: int
    bytes: int
    retransmitted: int
    fraction_lost: float
    lost: int
    jitter: int
    round_trip_us: int  # 0: not known
    nacks_received: int
    plis_received: int
    switches: int
    current_stream: int

class EngineCounters(NamedTuple):
    packets_in: int
    packets_out: int
    bytes_in: int
    bytes_out: int
    receive_calls: int
    send_calls: int
    gso_messages: int
    send_errors: int
    dropped_events: int
    invalid_datagrams: int
    srtp_failures: int
    cpu_ns: int  # of the engine thread

VP8: Final[int]
H264: Final[int]
OPUS: Final[int]

class PacketEngine:
    """The media thread. Handles (int, > 0) are never reused: an old one is refused (LookupError).

    Closing or removing what is already gone is no error. A bad argument raises ValueError, a
    thread that takes no commands for a second OSError(EAGAIN).

    Usage: create, `add_socket`, `start`, then add transports. `stop()` joins the thread; only
    then may the sockets be closed. Not thread-safe on the Python side: one event loop uses it.
    """

    event_fd: int

    def __init__(
        self,
        *,
        gso: bool = True,
        consent_ms: int = 30_000,
        hold_us: int = 0,
        remb_bps: int = 0,
        event_capacity: int = 8192,
    ) -> None: ...
    def add_socket(self, fd: int) -> int:
        """Give a bound, non-blocking UDP socket to the thread; returns its index."""
    def start(self) -> None: ...
    def stop(self) -> None:
        """Stop and join the thread; idempotent."""
    def drain(self) -> list[Event]:
        """All reported events; call when `event_fd` is readable (it is cleared here)."""
    # -- transports
    def open_transport(self, ufrag: bytes, pwd: bytes, *, owner: int = 0) -> int:
        """Answer STUN checks for `ufrag`. `owner` != 0: a stream with the same owner is withheld
        from this transport's bus consumers (a venue does not get itself)."""
    def set_ice(self, transport: int, ufrag: bytes, pwd: bytes) -> None:
        """ICE restart: new credentials; the old address stays until the new one is validated."""
    def set_srtp(
        self, transport: int, rtp_in: object, rtcp_in: object, rtp_out: object, rtcp_out: object
    ) -> None:
        """Four different `pylibsrtp.Session`, owned by the thread from now until TransportClosed.

        `rtp_out` needs a policy with `allow_repeat_tx` and a `window_size` that covers how far
        back a packet is resent, or libsrtp refuses it. libsrtp shifts the window for every
        packet: 1024 costs 0.1 µs, 8192 costs 1.1 µs. `rtp_in`: 512 is enough for late repairs.
        The engine keeps the references."""
    def send_datagram(self, transport: int, data: bytes) -> None:
        """Send as is to the transport's selected address (DTLS); dropped when there is none."""
    def close_transport(self, transport: int) -> None:
        """With its streams and consumers. TransportClosed follows."""
    # -- incoming streams
    def add_stream(
        self,
        transport: int,
        *,
        ssrc: int,
        payload_type: int,
        codec: int,
        clock_rate: int,
        tag: int,
        mid: bytes = b"",
        mid_extension: int = 0,
        abs_send_time_extension: int = 0,
        audio_level_extension: int = 0,
        max_packets: int = 0,
    ) -> int:
        """An RTP stream to expect. `tag` names it on taps. `ssrc` 0: learned from `mid`.
        `max_packets`: history for retransmission (0: the default of the codec)."""
    def remove_stream(self, stream: int) -> None: ...
    def request_key_frame(self, stream: int) -> None:
        """Merged and throttled with all others'."""
    # -- buses and consumers
    def add_bus(self, *, video: bool, tag: int = 0) -> int:
        """A virtual producer. `tag` != 0: its switches are reported and written to taps."""
    def set_bus_source(self, bus: int, stream: int, alternate: int = 0) -> None:
        """Video: each consumer changes at the next key frame of `stream` (one is asked for).
        Audio: at once. 0: nothing, at once. `alternate` goes to the owner of `stream`."""
    def remove_bus(self, bus: int) -> None: ...
    def add_consumer(
        self,
        transport: int,
        bus: int,
        *,
        ssrc: int,
        payload_type: int,
        clock_rate: int,
        cname: bytes,
        mid: bytes = b"",
        mid_extension: int = 0,
        abs_send_time_extension: int = 0,
        audio_level_extension: int = 0,
    ) -> int:
        """An outgoing stream fed by a bus; sequence numbers, timestamps and VP8 picture ids stay
        continuous over switches. Extension ids are the receiver's (0: leave out). ValueError for
        an `ssrc` that this transport used before: no nonce may return under one key (RFC 7714)."""
    def remove_consumer(self, consumer: int) -> None: ...
    # -- taps
    def open_tap(self, fd: int, *, capacity: int = 16 << 20) -> int:
        """Write records (`sfu.control.tap`) to a connected, non-blocking Unix stream socket."""
    def tap_write(self, tap: int, record_type: int, tag: int, payload: bytes) -> None:
        """Put a record in order with the media (HELLO, STREAM, STREAM_END)."""
    def tap_stream(self, tap: int, stream: int) -> None:
        """Copy this stream's packets and sender reports to the tap from now on."""
    def untap_stream(self, tap: int, stream: int) -> None: ...
    def tap_bus(self, tap: int, bus: int, slot: int, video: bool) -> None:
        """Write a SWITCH record for each switch of this bus, and one for its present source."""
    def close_tap(self, tap: int) -> None: ...
    # -- counters: read without stopping the thread, each value is whole, the set is not
    def stream_counters(self, stream: int) -> StreamCounters: ...
    def consumer_counters(self, consumer: int) -> ConsumerCounters: ...
    def counters(self) -> EngineCounters: ...
