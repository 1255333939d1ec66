# cython: language_level=3, binding=True
"""The engine's pure C parts for tests and fuzzers (typed in pure.pyi; the twin explains them)."""

import ipaddress

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.string cimport memset

from sfu.engine.shapes import (
    Numbers,
    ReportBlock,
    RtcpPacket,
    RtpPacket,
    SenderInfo,
    StunCheck,
    Vp8Descriptor,
)


cdef extern from "rtp.h" nogil:
    cdef struct rtp_packet:
        uint8_t marker
        uint8_t payload_type
        uint16_t seq
        uint32_t timestamp
        uint32_t ssrc
        uint16_t payload_offset
        uint16_t payload_length
    int rtp_parse_header(const uint8_t *data, size_t length, rtp_packet *packet)
    int rtp_parse_payload(const uint8_t *data, size_t length, rtp_packet *packet)
    const uint8_t *rtp_extension_c "rtp_extension"(const uint8_t *data, const rtp_packet *packet,
                                                  uint8_t id, uint8_t *length)


cdef extern from "stun.h" nogil:
    int STUN_MAX_REPLY
    cdef struct stun_request:
        const uint8_t *local_ufrag
        size_t local_ufrag_length
        int use_candidate
    cdef struct sockaddr:
        pass
    int stun_parse_request(const uint8_t *data, size_t length, stun_request *request)
    int stun_check_integrity(const stun_request *request, const void *pwd, size_t pwd_length)
    size_t stun_write_reply(const stun_request *request, const sockaddr *from_, const void *pwd,
                            size_t pwd_length, uint8_t *out)


cdef extern from "<arpa/inet.h>" nogil:
    int AF_INET
    int AF_INET6
    cdef struct in_addr:
        pass
    cdef struct in6_addr:
        pass
    cdef struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr
    cdef struct sockaddr_in6:
        uint16_t sin6_family
        uint16_t sin6_port
        in6_addr sin6_addr
    uint16_t htons(uint16_t value)
    int inet_pton(int family, const char *source, void *out)


cdef extern from "vp8.h" nogil:
    int VP8_MAX_DESCRIPTOR
    cdef struct vp8_descriptor:
        uint8_t length
        uint8_t flags
        uint8_t picture_bits
        uint8_t tl0
        uint16_t picture
    int vp8_parse(const uint8_t *payload, size_t length, vp8_descriptor *d)
    int vp8_starts_frame(const vp8_descriptor *d)
    int vp8_starts_key_frame(const uint8_t *payload, size_t length, const vp8_descriptor *d)
    int vp8_size(const uint8_t *payload, size_t length, const vp8_descriptor *d, int *width,
                 int *height)
    size_t vp8_write(const vp8_descriptor *d, uint16_t picture, uint8_t tl0, uint8_t *out)


cdef extern from "munge.h" nogil:
    int MUNGE_PICTURE
    int MUNGE_TL0
    cdef struct munge_input:
        int64_t seq
        int64_t now_ns
        uint32_t timestamp
        uint16_t picture
        uint8_t tl0
        uint8_t has
    cdef struct munge_output:
        int64_t seq
        uint32_t timestamp
        uint16_t picture
        uint8_t tl0
    cdef struct munge_range:
        void *source
    cdef struct munge:
        pass
    void munge_init(munge *m, uint32_t clock_rate, uint16_t first_seq, uint32_t first_timestamp)
    void munge_switch(munge *m, void *source, const munge_input *first)
    int munge_packet(munge *m, const munge_input *in_, munge_output *out)
    const munge_range *munge_find(const munge *m, uint16_t seq, int64_t *source_seq)
    void munge_forget(munge *m, const void *source)


cdef extern from "rtcp.h" nogil:
    int RTCP_SR
    int RTCP_RTPFB
    int RTCP_PSFB
    int RTCP_FMT_NACK
    int RTCP_FMT_FIR
    cdef struct rtcp_packet:
        uint8_t type
        uint8_t count
        size_t length
    cdef struct rtcp_block:
        uint32_t ssrc
        uint8_t fraction_lost
        int32_t lost
        uint32_t highest_seq
        uint32_t jitter
        uint32_t last_sr
        uint32_t delay_since_last_sr
    cdef struct c_sender_info "rtcp_sender_info":
        uint32_t ssrc
        uint64_t ntp
        uint32_t timestamp
        uint32_t packets
        uint32_t octets
    int rtcp_next(const uint8_t *data, size_t length, size_t *offset, rtcp_packet *packet)
    int rtcp_read_sender "rtcp_sender_info"(const rtcp_packet *packet, c_sender_info *info)
    int rtcp_report_block(const rtcp_packet *packet, unsigned index, rtcp_block *block)
    uint32_t rtcp_media_ssrc(const rtcp_packet *packet)
    int rtcp_nack_pair(const rtcp_packet *packet, unsigned index, uint16_t *seq, uint16_t *mask)
    int rtcp_has_fir(const rtcp_packet *packet, unsigned index)
    uint32_t rtcp_fir_ssrc(const rtcp_packet *packet, unsigned index)
    size_t rtcp_write_rr(uint8_t *out, uint32_t sender, const rtcp_block *blocks, unsigned count)
    size_t rtcp_write_sr(uint8_t *out, const c_sender_info *info)
    size_t rtcp_write_cname(uint8_t *out, uint32_t ssrc, const char *cname, size_t length)
    size_t rtcp_write_pli(uint8_t *out, uint32_t sender, uint32_t media)
    size_t rtcp_write_nack(uint8_t *out, uint32_t sender, uint32_t media, const uint16_t *seqs,
                           unsigned count)
    size_t rtcp_write_remb(uint8_t *out, uint32_t sender, uint64_t bits_per_second,
                           const uint32_t *ssrcs, unsigned count)


cdef extern from "receive.h" nogil:
    int RECEIVE_NEW
    int RECEIVE_RECOVERED
    int RECEIVE_LATE
    int RECEIVE_LOST_MUCH
    cdef struct receive:
        int64_t rtt_ns
    void receive_init(receive *r, uint32_t clock_rate)
    int receive_packet(receive *r, uint16_t seq, uint32_t timestamp, int64_t now_ns,
                       int64_t *extended)
    unsigned receive_due(receive *r, int64_t now_ns, uint16_t *seqs, unsigned capacity)
    void receive_report(receive *r, rtcp_block *block)


def parse_rtp(bytes data not None):
    cdef rtp_packet p
    cdef const uint8_t *raw = data
    if rtp_parse_header(raw, len(data), &p) < 0 or rtp_parse_payload(raw, len(data), &p) < 0:
        return None
    payload = data[p.payload_offset:p.payload_offset + p.payload_length]
    return RtpPacket(bool(p.marker), p.payload_type, p.seq, p.timestamp, p.ssrc, payload)


def rtp_extension(bytes data not None, int wanted):
    cdef rtp_packet p
    cdef uint8_t length = 0
    cdef const uint8_t *raw = data
    cdef const uint8_t *found
    if rtp_parse_header(raw, len(data), &p) < 0:
        return None
    found = rtp_extension_c(raw, &p, wanted, &length)
    return None if found is NULL else found[:length]


def check_stun(bytes data not None, bytes pwd not None):
    cdef stun_request request
    cdef const uint8_t *raw = data
    cdef const char *secret = pwd
    if stun_parse_request(raw, len(data), &request) < 0:
        return None
    if not stun_check_integrity(&request, secret, len(pwd)):
        return None
    return StunCheck(request.local_ufrag[:request.local_ufrag_length],
                     bool(request.use_candidate))


def reply_stun(bytes data not None, str host not None, int port, bytes pwd not None):
    cdef stun_request request
    cdef sockaddr_in v4
    cdef sockaddr_in6 v6
    cdef uint8_t out[96]
    cdef size_t size
    cdef const uint8_t *raw = data
    cdef const char *secret = pwd
    if stun_parse_request(raw, len(data), &request) < 0:
        raise ValueError("not a Binding request")
    text = host.encode()
    if ipaddress.ip_address(host).version == 4:
        memset(&v4, 0, sizeof(v4))
        v4.sin_family = AF_INET
        v4.sin_port = htons(port)
        inet_pton(AF_INET, text, &v4.sin_addr)
        size = stun_write_reply(&request, <sockaddr *>&v4, secret, len(pwd), out)
    else:
        memset(&v6, 0, sizeof(v6))
        v6.sin6_family = AF_INET6
        v6.sin6_port = htons(port)
        inet_pton(AF_INET6, text, &v6.sin6_addr)
        size = stun_write_reply(&request, <sockaddr *>&v6, secret, len(pwd), out)
    return out[:size]


def parse_vp8(bytes payload not None):
    cdef vp8_descriptor d
    cdef int width = 0
    cdef int height = 0
    cdef const uint8_t *raw = payload
    if vp8_parse(raw, len(payload), &d) < 0:
        return None
    key = bool(vp8_starts_key_frame(raw, len(payload), &d))
    size = None
    if key and vp8_size(raw, len(payload), &d, &width, &height) == 0:
        size = (width, height)
    return Vp8Descriptor(d.length, d.picture_bits, d.picture, d.tl0 if d.flags & 0x40 else None,
                         bool(vp8_starts_frame(&d)), key, size)


def write_vp8(bytes payload not None, int picture, int tl0):
    cdef vp8_descriptor d
    cdef uint8_t out[6]
    cdef const uint8_t *raw = payload
    if vp8_parse(raw, len(payload), &d) < 0:
        raise ValueError("not a VP8 payload")
    size = vp8_write(&d, picture & 0x7FFF, tl0 & 0xFF, out)
    return out[:size] + payload[d.length:]


cdef munge_input _input(seq, timestamp, now_ns, picture, tl0):
    cdef munge_input result
    result.seq = seq
    result.timestamp = timestamp
    result.now_ns = now_ns
    result.picture = picture or 0
    result.tl0 = tl0 or 0
    result.has = (0 if picture is None else MUNGE_PICTURE) | (0 if tl0 is None else MUNGE_TL0)
    return result


cdef class Munger:
    cdef munge _munge

    def __init__(self, uint32_t clock_rate, uint16_t first_seq, uint32_t first_timestamp):
        munge_init(&self._munge, clock_rate, first_seq, first_timestamp)

    def switch(self, uintptr_t source, seq, timestamp, now_ns, picture=None, tl0=None):
        cdef munge_input first = _input(seq, timestamp, now_ns, picture, tl0)
        munge_switch(&self._munge, <void *>source, &first)

    def packet(self, seq, timestamp, now_ns, picture=None, tl0=None):
        cdef munge_input in_ = _input(seq, timestamp, now_ns, picture, tl0)
        cdef munge_output out
        if not munge_packet(&self._munge, &in_, &out):
            return None
        return Numbers(out.seq, out.timestamp, out.picture, out.tl0)

    def find(self, uint16_t seq):
        cdef int64_t source_seq = 0
        cdef const munge_range *found = munge_find(&self._munge, seq, &source_seq)
        return None if found is NULL else (<uintptr_t>found.source, source_seq)

    def forget(self, uintptr_t source):
        munge_forget(&self._munge, <void *>source)


cdef _read_rtcp(const rtcp_packet *p):
    cdef c_sender_info info
    cdef rtcp_block block
    cdef uint16_t seq = 0
    cdef uint16_t mask = 0
    cdef unsigned index = 0
    sender = None
    blocks, nacked, firs = [], [], []
    if rtcp_read_sender(p, &info):
        sender = SenderInfo(info.ssrc, info.ntp, info.timestamp, info.packets, info.octets)
    while rtcp_report_block(p, index, &block):
        blocks.append(ReportBlock(block.ssrc, block.fraction_lost, block.lost, block.highest_seq,
                                  block.jitter, block.last_sr, block.delay_since_last_sr))
        index += 1
    if p.type == RTCP_RTPFB and p.count == RTCP_FMT_NACK:
        index = 0
        while rtcp_nack_pair(p, index, &seq, &mask):
            nacked.append(seq)
            nacked += [(seq + bit + 1) & 0xFFFF for bit in range(16) if mask >> bit & 1]
            index += 1
    if p.type == RTCP_PSFB and p.count == RTCP_FMT_FIR:
        index = 0
        while rtcp_has_fir(p, index):
            firs.append(rtcp_fir_ssrc(p, index))
            index += 1
    media = rtcp_media_ssrc(p) if p.type in (RTCP_RTPFB, RTCP_PSFB) else 0
    return RtcpPacket(p.type, p.count, sender, tuple(blocks), media, tuple(nacked), tuple(firs))


def parse_rtcp(bytes data not None):
    cdef rtcp_packet p
    cdef size_t offset = 0
    cdef const uint8_t *raw = data
    found = []
    while rtcp_next(raw, len(data), &offset, &p):
        found.append(_read_rtcp(&p))
    return found


cdef _block(rtcp_block *b):
    return ReportBlock(b.ssrc, b.fraction_lost, b.lost, b.highest_seq, b.jitter, b.last_sr,
                       b.delay_since_last_sr)


def write_rr(uint32_t sender, blocks):
    cdef rtcp_block items[31]
    cdef uint8_t out[1000]
    blocks = blocks[:31]
    for i, b in enumerate(blocks):
        items[i].ssrc = b.ssrc
        items[i].fraction_lost = b.fraction_lost
        items[i].lost = b.lost
        items[i].highest_seq = b.highest_seq
        items[i].jitter = b.jitter
        items[i].last_sr = b.last_sr
        items[i].delay_since_last_sr = b.delay_since_last_sr
    return out[:rtcp_write_rr(out, sender, items, len(blocks))]


def write_sr(info):
    cdef c_sender_info c
    cdef uint8_t out[1000]
    c.ssrc, c.ntp, c.timestamp, c.packets, c.octets = info
    return out[:rtcp_write_sr(out, &c)]


def write_cname(uint32_t ssrc, bytes cname not None):
    cdef uint8_t out[1000]
    return out[:rtcp_write_cname(out, ssrc, cname, len(cname))]


def write_pli(uint32_t sender, uint32_t media):
    cdef uint8_t out[1000]
    return out[:rtcp_write_pli(out, sender, media)]


def write_nack(uint32_t sender, uint32_t media, seqs):
    cdef uint16_t items[1024]
    cdef uint8_t out[1000]
    if len(seqs) > 1024:
        raise ValueError("at most 1024 numbers")
    for i, seq in enumerate(seqs):
        items[i] = seq
    return out[:rtcp_write_nack(out, sender, media, items, len(seqs))]


def write_remb(uint32_t sender, uint64_t bits_per_second, ssrcs):
    cdef uint32_t items[31]
    cdef uint8_t out[1000]
    ssrcs = ssrcs[:31]
    for i, ssrc in enumerate(ssrcs):
        items[i] = ssrc
    return out[:rtcp_write_remb(out, sender, bits_per_second, items, len(ssrcs))]


cdef class Receiver:
    """RFC 3550 statistics and gaps of one incoming stream; without a twin."""

    cdef receive _receive

    def __init__(self, uint32_t clock_rate):
        receive_init(&self._receive, clock_rate)

    def packet(self, uint16_t seq, uint32_t timestamp, int64_t now_ns):
        cdef int64_t extended = 0
        cdef int result = receive_packet(&self._receive, seq, timestamp, now_ns, &extended)
        names = {RECEIVE_NEW: "new", RECEIVE_RECOVERED: "recovered", RECEIVE_LATE: "late",
                 RECEIVE_LOST_MUCH: "lost_much"}
        return names[result], extended

    def due(self, int64_t now_ns):
        cdef uint16_t seqs[256]
        cdef unsigned count = receive_due(&self._receive, now_ns, seqs, 256)
        return [seqs[i] for i in range(count)]

    def report(self):
        cdef rtcp_block block
        memset(&block, 0, sizeof(block))
        receive_report(&self._receive, &block)
        return _block(&block)

    @property
    def round_trip_ns(self):
        return self._receive.rtt_ns
