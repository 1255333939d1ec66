# cython: language_level=3, binding=True
"""The native packet engine: a thin surface over the C files beside it (typed in native.pyi)."""

import random
import socket
from typing import NamedTuple

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EINVAL, ENOMEM, errno
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport strerror

from pylibsrtp import _binding


class SocketAddress(NamedTuple):
    host: str
    port: int


class DtlsDatagram(NamedTuple):
    transport: int
    data: bytes


class TransportSelected(NamedTuple):
    transport: int
    address: SocketAddress


class TransportConsentExpired(NamedTuple):
    transport: int


class TransportClosed(NamedTuple):
    transport: int


class BusSwitched(NamedTuple):
    bus: int
    stream: int
    monotonic_ns: int
    rtp_timestamp: int


class TapClosed(NamedTuple):
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
    packets: int
    bytes: int
    expected: int
    lost: int
    recovered: int
    duplicates: int
    jitter: int
    nacks_sent: int
    plis_sent: int
    key_frames: int
    frames: int
    width: int
    height: int
    audio_level: int
    last_packet_ns: int


class ConsumerCounters(NamedTuple):
    packets: int
    bytes: int
    retransmitted: int
    fraction_lost: float
    lost: int
    jitter: int
    round_trip_us: int
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
    cpu_ns: int



cdef extern from "codec.h" nogil:
    int CODEC_VP8
    int CODEC_H264
    int CODEC_OPUS


cdef extern from "engine.h" nogil:
    cdef struct c_engine "engine":
        pass
    cdef struct c_object "object":
        pass
    cdef struct c_transport "transport":
        pass
    cdef struct c_stream "stream":
        pass
    cdef struct c_bus "bus":
        pass
    cdef struct c_consumer "consumer":
        pass
    cdef struct c_tap "tap":
        pass

    ctypedef int (*srtp_function)(void *session, void *packet, int *length) noexcept
    cdef struct srtp_functions:
        srtp_function protect
        srtp_function unprotect
        srtp_function protect_rtcp
        srtp_function unprotect_rtcp

    cdef struct engine_options:
        int gso
        int64_t consent_ms
        int64_t hold_us
        uint64_t remb_bps
        uint32_t event_capacity
        srtp_functions srtp

    cdef struct blob:
        const void *data
        size_t length

    cdef struct stream_options:
        uint32_t ssrc
        uint32_t clock_rate
        uint32_t tag
        uint32_t max_packets
        int payload_type
        int codec
        int mid_extension
        int abs_send_time_extension
        int audio_level_extension
        blob mid

    cdef struct consumer_options:
        uint32_t ssrc
        uint32_t clock_rate
        int payload_type
        int mid_extension
        int abs_send_time_extension
        int audio_level_extension
        uint16_t first_seq
        uint32_t first_timestamp
        blob mid
        blob cname

    cdef struct c_event "event":
        uint32_t type
        uint32_t number
        uint64_t handle
        uint64_t other
        int64_t ns

    int EVENT_DTLS
    int EVENT_SELECTED
    int EVENT_CONSENT_EXPIRED
    int EVENT_BUS_SWITCHED
    int EVENT_TAP_CLOSED

    c_engine *engine_create(const engine_options *options)
    void engine_destroy(c_engine *e)
    int engine_event_fd(const c_engine *e)
    int engine_start(c_engine *e)
    void engine_stop(c_engine *e)
    int engine_add_socket(c_engine *e, int index, int fd)
    c_transport *engine_open_transport(c_engine *e, uint64_t handle, blob ufrag, blob pwd,
                                       uint64_t owner, uint32_t feedback_ssrc)
    int engine_set_ice(c_engine *e, c_transport *t, blob ufrag, blob pwd)
    int engine_set_srtp(c_engine *e, c_transport *t, void *rtp_in, void *rtcp_in, void *rtp_out,
                        void *rtcp_out)
    int engine_send_datagram(c_engine *e, c_transport *t, blob data)
    int engine_close_transport(c_engine *e, c_transport *t)
    c_stream *engine_add_stream(c_engine *e, uint64_t handle, c_transport *t,
                                const stream_options *options)
    int engine_remove_stream(c_engine *e, c_stream *s)
    int engine_request_key_frame(c_engine *e, c_stream *s)
    c_bus *engine_add_bus(c_engine *e, uint64_t handle, int video, uint32_t tag)
    int engine_set_bus_source(c_engine *e, c_bus *b, c_stream *source, c_stream *alternate)
    int engine_remove_bus(c_engine *e, c_bus *b)
    c_consumer *engine_add_consumer(c_engine *e, uint64_t handle, c_transport *t, c_bus *b,
                                    const consumer_options *options)
    int engine_remove_consumer(c_engine *e, c_consumer *c)
    c_tap *engine_open_tap(c_engine *e, uint64_t handle, int fd, size_t capacity)
    int engine_tap_write(c_engine *e, c_tap *t, int type, uint32_t tag, blob payload)
    int engine_tap_stream(c_engine *e, c_tap *t, c_stream *s)
    int engine_untap_stream(c_engine *e, c_tap *t, c_stream *s)
    int engine_tap_bus(c_engine *e, c_tap *t, c_bus *b, int slot, int video)
    int engine_close_tap(c_engine *e, c_tap *t)
    void engine_clear_events(c_engine *e)
    int engine_peek_event(c_engine *e, c_event *event, const uint8_t **data)
    void engine_release_event(c_engine *e, const c_event *event)
    c_object *engine_take_retired(c_engine *e)
    c_object *object_next(const c_object *o)
    uint64_t object_handle(const c_object *o)
    int object_is_transport(const c_object *o)
    int object_is_tap(const c_object *o)
    void object_free(c_object *o)
    int STREAM_COUNTERS
    int CONSUMER_COUNTERS
    int ENGINE_COUNTERS
    void engine_stream_counters(const c_stream *s, uint64_t *out)
    void engine_consumer_counters(const c_consumer *c, uint64_t *out)
    void engine_counters(c_engine *e, uint64_t *out)
    int event_address(const c_event *event, uint8_t *ip, uint16_t *port)


VP8 = CODEC_VP8
H264 = CODEC_H264
OPUS = CODEC_OPUS

cdef enum:
    TRANSPORT = 1
    STREAM = 2
    BUS = 3
    CONSUMER = 4
    TAP = 5

_KINDS = {TRANSPORT: "transport", STREAM: "stream", BUS: "bus", CONSUMER: "consumer", TAP: "tap"}
_SRTP_TYPE = "srtp_err_status_t(*)(struct srtp_ctx_t_ *, void *, int *)"
_SRTP_NAMES = ("srtp_protect", "srtp_unprotect", "srtp_protect_rtcp", "srtp_unprotect_rtcp")


def _srtp_address(name):
    """The address of a libsrtp function inside pylibsrtp's extension, after a check of its type."""
    ffi = _binding.ffi
    pointer = ffi.addressof(_binding.lib, name)
    found = ffi.typeof(pointer).cname
    if found != _SRTP_TYPE:
        raise ImportError(
            f"{name} of this pylibsrtp is {found!r}, not {_SRTP_TYPE!r}: install pylibsrtp 1.0.0"
        )
    return int(ffi.cast("uintptr_t", pointer))


_SRTP_ADDRESSES = tuple(_srtp_address(name) for name in _SRTP_NAMES)


cdef void *_session_pointer(session) except NULL:
    cdef uintptr_t address = int(_binding.ffi.cast("uintptr_t", session._srtp[0]))
    return <void *>address


cdef blob _blob(bytes data):
    cdef blob result
    result.data = PyBytes_AS_STRING(data)
    result.length = PyBytes_GET_SIZE(data)
    return result


cdef int _check(int result, str what) except -1:
    if result < 0:
        raise _failure(what)
    return 0


def _failure(what):
    if errno == EINVAL:
        return ValueError(f"{what}: an argument is out of range")
    if errno == ENOMEM:
        return MemoryError(what)
    return OSError(errno, f"{what}: {strerror(errno).decode()}")


cdef int _byte(value, str name) except -1:
    if not 0 <= value <= 255:
        raise ValueError(f"{name} {value} is not in 0..255")
    return value


cdef class _Entry:
    """One live handle: what it points to, and what goes away with it."""

    cdef int kind
    cdef void *pointer
    cdef bint video
    cdef object parent
    cdef set children
    cdef set ssrcs  # a transport's: under one key no SSRC may begin again (RFC 7714)


cdef class PacketEngine:
    cdef c_engine *_engine
    cdef readonly int event_fd
    cdef dict _entries
    cdef dict _sessions  # transport handle -> SRTP sessions that the thread may still use
    cdef set _failed_taps  # reported already, still to be retired
    cdef uint64_t _last_handle
    cdef int _sockets

    def __cinit__(self, *, gso=True, consent_ms=30_000, hold_us=0, remb_bps=0,
                  event_capacity=8192):
        cdef engine_options options
        cdef uintptr_t address
        cdef void *functions[4]
        for i in range(4):
            address = _SRTP_ADDRESSES[i]
            functions[i] = <void *>address
        options.srtp.protect = <srtp_function>functions[0]
        options.srtp.unprotect = <srtp_function>functions[1]
        options.srtp.protect_rtcp = <srtp_function>functions[2]
        options.srtp.unprotect_rtcp = <srtp_function>functions[3]
        options.gso = bool(gso)
        options.consent_ms = consent_ms
        options.hold_us = hold_us
        options.remb_bps = remb_bps
        options.event_capacity = event_capacity
        self._entries = {}
        self._sessions = {}
        self._failed_taps = set()
        self._engine = engine_create(&options)
        if self._engine is NULL:
            raise _failure("the packet engine could not be created")
        self.event_fd = engine_event_fd(self._engine)

    def __dealloc__(self):
        if self._engine is not NULL:
            with nogil:
                engine_destroy(self._engine)

    cdef uint64_t _next_handle(self):
        self._last_handle += 1
        return self._last_handle

    cdef uint64_t _register(self, uint64_t handle, int kind, void *pointer, _Entry parent,
                            parent_handle, bint video, str what) except 0:
        if pointer is NULL:
            raise _failure(what)
        cdef _Entry entry = _Entry()
        entry.kind = kind
        entry.pointer = pointer
        entry.video = video
        entry.parent = parent_handle
        entry.children = set()
        entry.ssrcs = set()
        if parent is not None:
            parent.children.add(handle)
        self._entries[handle] = entry
        return handle

    cdef _Entry _find(self, handle, int kind):
        cdef _Entry entry = self._entries.get(handle)
        if entry is None or entry.kind != kind:
            raise LookupError(f"{handle} is not a live {_KINDS[kind]}")
        return entry

    cdef _Entry _take(self, handle, int kind):
        """Forget a handle with its children; None when it is not live (closing twice is fine)."""
        cdef _Entry entry = self._entries.get(handle)
        cdef _Entry parent
        if entry is None or entry.kind != kind:
            return None
        del self._entries[handle]
        for child in entry.children:
            self._entries.pop(child, None)
        parent = self._entries.get(entry.parent)
        if parent is not None:
            parent.children.discard(handle)
        return entry

    def add_socket(self, int fd):
        _check(engine_add_socket(self._engine, self._sockets, fd), "add_socket")
        self._sockets += 1
        return self._sockets - 1

    def start(self):
        _check(engine_start(self._engine), "start")

    def stop(self):
        with nogil:
            engine_stop(self._engine)

    # -- transports

    def open_transport(self, bytes ufrag not None, bytes pwd not None, *, uint64_t owner=0):
        cdef uint64_t handle = self._next_handle()
        cdef uint32_t feedback_ssrc = random.getrandbits(32) | 1
        return self._register(
            handle, TRANSPORT,
            engine_open_transport(self._engine, handle, _blob(ufrag), _blob(pwd), owner,
                                  feedback_ssrc),
            None, None, False, "open_transport")

    def set_ice(self, transport, bytes ufrag not None, bytes pwd not None):
        cdef _Entry entry = self._find(transport, TRANSPORT)
        _check(engine_set_ice(self._engine, <c_transport *>entry.pointer, _blob(ufrag),
                              _blob(pwd)), "set_ice")

    def set_srtp(self, transport, rtp_in, rtcp_in, rtp_out, rtcp_out):
        cdef _Entry entry = self._find(transport, TRANSPORT)
        cdef void *pointers[4]
        sessions = (rtp_in, rtcp_in, rtp_out, rtcp_out)
        if len({id(session) for session in sessions}) != 4:
            raise ValueError("set_srtp: four different sessions are needed")
        for i in range(4):
            pointers[i] = _session_pointer(sessions[i])
        self._sessions.setdefault(transport, []).append(sessions)
        _check(engine_set_srtp(self._engine, <c_transport *>entry.pointer, pointers[0],
                               pointers[1], pointers[2], pointers[3]), "set_srtp")

    def send_datagram(self, transport, bytes data not None):
        cdef _Entry entry = self._find(transport, TRANSPORT)
        _check(engine_send_datagram(self._engine, <c_transport *>entry.pointer, _blob(data)),
               "send_datagram")

    def close_transport(self, transport):
        cdef _Entry entry = self._take(transport, TRANSPORT)
        if entry is not None:
            _check(engine_close_transport(self._engine, <c_transport *>entry.pointer),
                   "close_transport")

    # -- incoming streams

    def add_stream(self, transport, *, uint32_t ssrc, payload_type, int codec,
                   uint32_t clock_rate, uint32_t tag, bytes mid=b"", mid_extension=0,
                   abs_send_time_extension=0, audio_level_extension=0, uint32_t max_packets=0):
        cdef _Entry entry = self._find(transport, TRANSPORT)
        cdef uint64_t handle = self._next_handle()
        cdef stream_options options
        options.ssrc = ssrc
        options.clock_rate = clock_rate
        options.tag = tag
        options.max_packets = max_packets
        options.payload_type = _byte(payload_type, "payload_type") & 0x7F
        options.codec = codec
        options.mid_extension = _byte(mid_extension, "mid_extension")
        options.abs_send_time_extension = _byte(abs_send_time_extension, "abs_send_time_extension")
        options.audio_level_extension = _byte(audio_level_extension, "audio_level_extension")
        options.mid = _blob(mid)
        return self._register(
            handle, STREAM,
            engine_add_stream(self._engine, handle, <c_transport *>entry.pointer, &options),
            entry, transport, codec != CODEC_OPUS, "add_stream")

    def remove_stream(self, stream):
        cdef _Entry entry = self._take(stream, STREAM)
        if entry is not None:
            _check(engine_remove_stream(self._engine, <c_stream *>entry.pointer), "remove_stream")

    def request_key_frame(self, stream):
        cdef _Entry entry = self._find(stream, STREAM)
        _check(engine_request_key_frame(self._engine, <c_stream *>entry.pointer),
               "request_key_frame")

    # -- buses and consumers

    def add_bus(self, *, bint video, uint32_t tag=0):
        cdef uint64_t handle = self._next_handle()
        return self._register(handle, BUS, engine_add_bus(self._engine, handle, video, tag),
                              None, None, video, "add_bus")

    cdef void *_source(self, _Entry bus, handle) except? NULL:
        if not handle:
            return NULL
        cdef _Entry stream = self._find(handle, STREAM)
        if stream.video != bus.video:
            raise ValueError(f"stream {handle} and the bus are not of one kind")
        return stream.pointer

    def set_bus_source(self, bus, stream, alternate=0):
        cdef _Entry entry = self._find(bus, BUS)
        cdef void *source = self._source(entry, stream)
        cdef void *other = self._source(entry, alternate)
        _check(engine_set_bus_source(self._engine, <c_bus *>entry.pointer, <c_stream *>source,
                                     <c_stream *>other), "set_bus_source")

    def remove_bus(self, bus):
        cdef _Entry entry = self._take(bus, BUS)
        if entry is not None:
            _check(engine_remove_bus(self._engine, <c_bus *>entry.pointer), "remove_bus")

    def add_consumer(self, transport, bus, *, uint32_t ssrc, payload_type, uint32_t clock_rate,
                     bytes cname not None, bytes mid=b"", mid_extension=0,
                     abs_send_time_extension=0, audio_level_extension=0):
        cdef _Entry entry = self._find(transport, TRANSPORT)
        cdef _Entry fed_by = self._find(bus, BUS)
        if ssrc in entry.ssrcs:
            raise ValueError(f"SSRC {ssrc} was used on this transport before: take a new one")
        cdef uint64_t handle = self._next_handle()
        cdef consumer_options options
        options.ssrc = ssrc
        options.clock_rate = clock_rate
        options.payload_type = _byte(payload_type, "payload_type") & 0x7F
        options.mid_extension = _byte(mid_extension, "mid_extension")
        options.abs_send_time_extension = _byte(abs_send_time_extension, "abs_send_time_extension")
        options.audio_level_extension = _byte(audio_level_extension, "audio_level_extension")
        # the lower half: a receiver that misses the first packets still guesses the SRTP
        # rollover counter right (RFC 3711 section 3.3.1)
        options.first_seq = random.randrange(1, 0x7000)
        options.first_timestamp = random.getrandbits(32)
        options.mid = _blob(mid)
        options.cname = _blob(cname)
        self._register(
            handle, CONSUMER,
            engine_add_consumer(self._engine, handle, <c_transport *>entry.pointer,
                                <c_bus *>fed_by.pointer, &options),
            entry, transport, fed_by.video, "add_consumer")
        entry.ssrcs.add(ssrc)
        return handle

    def remove_consumer(self, consumer):
        cdef _Entry entry = self._take(consumer, CONSUMER)
        if entry is not None:
            _check(engine_remove_consumer(self._engine, <c_consumer *>entry.pointer),
                   "remove_consumer")

    # -- taps

    def open_tap(self, int fd, *, size_t capacity=16 << 20):
        cdef uint64_t handle = self._next_handle()
        return self._register(handle, TAP, engine_open_tap(self._engine, handle, fd, capacity),
                              None, None, False, "open_tap")

    def tap_write(self, tap, record_type, uint32_t tag, bytes payload not None):
        cdef _Entry entry = self._find(tap, TAP)
        if PyBytes_GET_SIZE(payload) > 65_536:
            raise ValueError("tap_write: a record holds at most 65,536 bytes")
        _check(engine_tap_write(self._engine, <c_tap *>entry.pointer,
                                _byte(record_type, "record_type"), tag, _blob(payload)),
               "tap_write")

    def tap_stream(self, tap, stream):
        cdef _Entry entry = self._find(tap, TAP)
        cdef _Entry what = self._find(stream, STREAM)
        _check(engine_tap_stream(self._engine, <c_tap *>entry.pointer, <c_stream *>what.pointer),
               "tap_stream")

    def untap_stream(self, tap, stream):
        cdef _Entry entry = self._entries.get(tap)
        cdef _Entry what = self._entries.get(stream)
        if entry is None or what is None or entry.kind != TAP or what.kind != STREAM:
            return
        _check(engine_untap_stream(self._engine, <c_tap *>entry.pointer,
                                   <c_stream *>what.pointer), "untap_stream")

    def tap_bus(self, tap, bus, slot, bint video):
        cdef _Entry entry = self._find(tap, TAP)
        cdef _Entry what = self._find(bus, BUS)
        _check(engine_tap_bus(self._engine, <c_tap *>entry.pointer, <c_bus *>what.pointer,
                              _byte(slot, "slot"), video), "tap_bus")

    def close_tap(self, tap):
        cdef _Entry entry = self._take(tap, TAP)
        if entry is not None:
            _check(engine_close_tap(self._engine, <c_tap *>entry.pointer), "close_tap")

    # -- events

    def drain(self):
        cdef list events = []
        cdef c_event event
        cdef const uint8_t *data
        engine_clear_events(self._engine)
        while engine_peek_event(self._engine, &event, &data):
            found = self._translate(&event, data)
            engine_release_event(self._engine, &event)
            if found is not None:
                events.append(found)
        self._free_retired(events)
        return events

    cdef _translate(self, const c_event *event, const uint8_t *data):
        if event.type == EVENT_DTLS:
            return DtlsDatagram(event.handle,
                                PyBytes_FromStringAndSize(<const char *>data, event.number))
        if event.type == EVENT_SELECTED:
            return TransportSelected(event.handle, _address(event))
        if event.type == EVENT_CONSENT_EXPIRED:
            return TransportConsentExpired(event.handle)
        if event.type == EVENT_BUS_SWITCHED:
            return BusSwitched(event.handle, event.other, event.ns, event.number)
        if event.handle not in self._entries:  # closed by us meanwhile: reported when retired
            return None
        self._failed_taps.add(event.handle)
        self.close_tap(event.handle)
        return TapClosed(event.handle)

    cdef _free_retired(self, list events):
        cdef c_object *item = engine_take_retired(self._engine)
        cdef c_object *following
        while item is not NULL:
            following = object_next(item)
            handle = object_handle(item)
            if object_is_transport(item):
                self._sessions.pop(handle, None)
                events.append(TransportClosed(handle))
            elif object_is_tap(item) and handle not in self._failed_taps:
                events.append(TapClosed(handle))
            self._failed_taps.discard(handle)
            object_free(item)
            item = following

    # -- counters

    def stream_counters(self, stream):
        cdef uint64_t values[15]
        cdef _Entry entry = self._find(stream, STREAM)
        engine_stream_counters(<c_stream *>entry.pointer, values)
        return StreamCounters(*[values[i] for i in range(15)])

    def consumer_counters(self, consumer):
        cdef uint64_t values[11]
        cdef _Entry entry = self._find(consumer, CONSUMER)
        engine_consumer_counters(<c_consumer *>entry.pointer, values)
        numbers = [values[i] for i in range(11)]
        return ConsumerCounters(*numbers[:3], numbers[3] / 256, *numbers[4:])

    def counters(self):
        cdef uint64_t values[12]
        engine_counters(self._engine, values)
        return EngineCounters(*[values[i] for i in range(12)])


cdef _address(const c_event *event):
    cdef uint8_t ip[16]
    cdef uint16_t port
    cdef int size = event_address(event, ip, &port)
    packed = PyBytes_FromStringAndSize(<const char *>ip, size)
    family = socket.AF_INET if size == 4 else socket.AF_INET6
    return SocketAddress(socket.inet_ntop(family, packed), port)
