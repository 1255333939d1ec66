/* RTCP (RFC 3550, RFC 4585, RFC 5104, REMB): a bounds-checked reader and builders. */
#ifndef PLENARY_RTCP_H
#define PLENARY_RTCP_H

#include <stddef.h>
#include <stdint.h>

enum {
    RTCP_SR = 200,
    RTCP_RR = 201,
    RTCP_SDES = 202,
    RTCP_BYE = 203,
    RTCP_RTPFB = 205,
    RTCP_PSFB = 206,
};
#define RTCP_FMT_NACK 1 /* of RTPFB */
#define RTCP_FMT_PLI 1  /* of PSFB */
#define RTCP_FMT_FIR 4
#define RTCP_FMT_AFB 15

#define RTCP_MAX_BLOCKS 31
#define RTCP_MAX_CNAME 63

/* One packet of a compound. `body` follows the 4-byte header, padding removed. */
struct rtcp_packet {
    uint8_t type;
    uint8_t count; /* report count, or feedback format */
    const uint8_t *body;
    size_t length;
};

struct rtcp_block {
    uint32_t ssrc;
    uint8_t fraction_lost; /* of 256 */
    int32_t lost;          /* 24 bits, signed */
    uint32_t highest_seq;
    uint32_t jitter;
    uint32_t last_sr;
    uint32_t delay_since_last_sr; /* 1/65536 s */
};

struct rtcp_sender_info {
    uint32_t ssrc;
    uint64_t ntp;
    uint32_t timestamp;
    uint32_t packets;
    uint32_t octets;
};

/* 1 with the packet at *offset, which moves on; 0 at the end or at the first malformed packet. */
int rtcp_next(const uint8_t *data, size_t length, size_t *offset, struct rtcp_packet *packet);

int rtcp_sender_info(const struct rtcp_packet *packet, struct rtcp_sender_info *info);

/* Report block `index` of an SR or RR; 0 when there is no such block. */
int rtcp_report_block(const struct rtcp_packet *packet, unsigned index, struct rtcp_block *block);

/* Media SSRC of a feedback packet (RTPFB, PSFB); 0 when cut short. */
uint32_t rtcp_media_ssrc(const struct rtcp_packet *packet);

/* The pair `index` of a generic NACK: first lost number and the 16 after it as bits. */
int rtcp_nack_pair(const struct rtcp_packet *packet, unsigned index, uint16_t *seq, uint16_t *mask);

/* The SSRC of FIR entry `index`, where there is one. */
int rtcp_has_fir(const struct rtcp_packet *packet, unsigned index);
uint32_t rtcp_fir_ssrc(const struct rtcp_packet *packet, unsigned index);

/* Builders: return the length written; `out` must hold it (a packet never exceeds 1,000 bytes). */
size_t rtcp_write_rr(uint8_t *out, uint32_t sender, const struct rtcp_block *blocks,
                     unsigned count);
size_t rtcp_write_sr(uint8_t *out, const struct rtcp_sender_info *info);
size_t rtcp_write_cname(uint8_t *out, uint32_t ssrc, const char *cname, size_t length);
size_t rtcp_write_pli(uint8_t *out, uint32_t sender, uint32_t media);
/* `seqs` ascending in 16-bit order; as many pairs as they need, at most 64. */
size_t rtcp_write_nack(uint8_t *out, uint32_t sender, uint32_t media, const uint16_t *seqs,
                       unsigned count);
size_t rtcp_write_remb(uint8_t *out, uint32_t sender, uint64_t bits_per_second,
                       const uint32_t *ssrcs, unsigned count);

#endif
