#include "rtcp.h"

#include "bytes.h"

#define BLOCK 24
#define SENDER_INFO 24 /* with the sender's SSRC */
#define MAX_PAIRS 64

int rtcp_next(const uint8_t *data, size_t length, size_t *offset, struct rtcp_packet *packet) {
    if (length < *offset + 4) {
        return 0;
    }
    const uint8_t *p = data + *offset;
    size_t size = 4 * (size_t)get16(p + 2);
    if ((p[0] >> 6) != 2 || length - *offset - 4 < size) {
        return 0;
    }
    packet->type = p[1];
    packet->count = p[0] & 0x1F;
    packet->body = p + 4;
    packet->length = size;
    *offset += 4 + size;
    if (p[0] & 0x20) {
        if (size == 0 || p[3 + size] == 0 || p[3 + size] > size) {
            return 0;
        }
        packet->length -= p[3 + size];
    }
    return 1;
}

int rtcp_sender_info(const struct rtcp_packet *packet, struct rtcp_sender_info *info) {
    if (packet->type != RTCP_SR || packet->length < SENDER_INFO) {
        return 0;
    }
    info->ssrc = get32(packet->body);
    info->ntp = ((uint64_t)get32(packet->body + 4) << 32) | get32(packet->body + 8);
    info->timestamp = get32(packet->body + 12);
    info->packets = get32(packet->body + 16);
    info->octets = get32(packet->body + 20);
    return 1;
}

int rtcp_report_block(const struct rtcp_packet *packet, unsigned index, struct rtcp_block *block) {
    size_t at = (packet->type == RTCP_SR ? SENDER_INFO : 4) + (size_t)index * BLOCK;
    if ((packet->type != RTCP_SR && packet->type != RTCP_RR) || index >= packet->count ||
        packet->length < at + BLOCK) {
        return 0;
    }
    const uint8_t *p = packet->body + at;
    block->ssrc = get32(p);
    block->fraction_lost = p[4];
    block->lost = (int32_t)(get24(p + 5) << 8) >> 8;
    block->highest_seq = get32(p + 8);
    block->jitter = get32(p + 12);
    block->last_sr = get32(p + 16);
    block->delay_since_last_sr = get32(p + 20);
    return 1;
}

uint32_t rtcp_media_ssrc(const struct rtcp_packet *packet) {
    return packet->length >= 8 ? get32(packet->body + 4) : 0;
}

int rtcp_nack_pair(const struct rtcp_packet *packet, unsigned index, uint16_t *seq,
                   uint16_t *mask) {
    size_t at = 8 + 4 * (size_t)index;
    if (packet->length < at + 4) {
        return 0;
    }
    *seq = get16(packet->body + at);
    *mask = get16(packet->body + at + 2);
    return 1;
}

int rtcp_has_fir(const struct rtcp_packet *packet, unsigned index) {
    return packet->length >= 16 + 8 * (size_t)index;
}

uint32_t rtcp_fir_ssrc(const struct rtcp_packet *packet, unsigned index) {
    return get32(packet->body + 8 + 8 * (size_t)index);
}

static void header(uint8_t *out, unsigned count, uint8_t type, size_t length) {
    out[0] = (uint8_t)(0x80 | count);
    out[1] = type;
    put16(out + 2, (uint16_t)(length / 4 - 1));
}

size_t rtcp_write_rr(uint8_t *out, uint32_t sender, const struct rtcp_block *blocks,
                     unsigned count) {
    if (count > RTCP_MAX_BLOCKS) {
        count = RTCP_MAX_BLOCKS;
    }
    size_t length = 8 + (size_t)count * BLOCK;
    header(out, count, RTCP_RR, length);
    put32(out + 4, sender);
    for (unsigned i = 0; i < count; i++) {
        uint8_t *p = out + 8 + (size_t)i * BLOCK;
        put32(p, blocks[i].ssrc);
        p[4] = blocks[i].fraction_lost;
        put24(p + 5, (uint32_t)blocks[i].lost & 0xFFFFFF);
        put32(p + 8, blocks[i].highest_seq);
        put32(p + 12, blocks[i].jitter);
        put32(p + 16, blocks[i].last_sr);
        put32(p + 20, blocks[i].delay_since_last_sr);
    }
    return length;
}

size_t rtcp_write_sr(uint8_t *out, const struct rtcp_sender_info *info) {
    header(out, 0, RTCP_SR, 4 + SENDER_INFO);
    put32(out + 4, info->ssrc);
    put32(out + 8, (uint32_t)(info->ntp >> 32));
    put32(out + 12, (uint32_t)info->ntp);
    put32(out + 16, info->timestamp);
    put32(out + 20, info->packets);
    put32(out + 24, info->octets);
    return 4 + SENDER_INFO;
}

size_t rtcp_write_cname(uint8_t *out, uint32_t ssrc, const char *cname, size_t length) {
    if (length > RTCP_MAX_CNAME) {
        length = RTCP_MAX_CNAME;
    }
    size_t total = (4 + 4 + 2 + length + 1 + 3) & ~(size_t)3; /* one zero octet ends the chunk */
    memset(out, 0, total);
    header(out, 1, RTCP_SDES, total);
    put32(out + 4, ssrc);
    out[8] = 1; /* CNAME */
    out[9] = (uint8_t)length;
    memcpy(out + 10, cname, length);
    return total;
}

size_t rtcp_write_pli(uint8_t *out, uint32_t sender, uint32_t media) {
    header(out, RTCP_FMT_PLI, RTCP_PSFB, 12);
    put32(out + 4, sender);
    put32(out + 8, media);
    return 12;
}

size_t rtcp_write_nack(uint8_t *out, uint32_t sender, uint32_t media, const uint16_t *seqs,
                       unsigned count) {
    size_t length = 12;
    unsigned i = 0;
    for (unsigned pairs = 0; i < count && pairs < MAX_PAIRS; pairs++) {
        uint16_t first = seqs[i++];
        uint16_t mask = 0;
        while (i < count) {
            uint16_t distance = (uint16_t)(seqs[i] - first);
            if (distance == 0 || distance > 16) {
                break;
            }
            mask |= (uint16_t)(1u << (distance - 1));
            i++;
        }
        put16(out + length, first);
        put16(out + length + 2, mask);
        length += 4;
    }
    header(out, RTCP_FMT_NACK, RTCP_RTPFB, length);
    put32(out + 4, sender);
    put32(out + 8, media);
    return length;
}

size_t rtcp_write_remb(uint8_t *out, uint32_t sender, uint64_t bits_per_second,
                       const uint32_t *ssrcs, unsigned count) {
    unsigned exponent = 0;
    while (bits_per_second >> exponent > 0x3FFFF) {
        exponent++;
    }
    uint32_t mantissa = (uint32_t)(bits_per_second >> exponent);
    if (count > 255 / 8) {
        count = 255 / 8;
    }
    size_t length = 20 + 4 * (size_t)count;
    header(out, RTCP_FMT_AFB, RTCP_PSFB, length);
    put32(out + 4, sender);
    put32(out + 8, 0);
    memcpy(out + 12, "REMB", 4);
    out[16] = (uint8_t)count;
    out[17] = (uint8_t)((exponent << 2) | (mantissa >> 16));
    put16(out + 18, (uint16_t)mantissa);
    for (unsigned i = 0; i < count; i++) {
        put32(out + 20 + 4 * i, ssrcs[i]);
    }
    return length;
}
