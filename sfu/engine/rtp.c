#include "rtp.h"

#include "bytes.h"

#define ONE_BYTE 0xBEDE
#define TWO_BYTE 0x1000 /* the low four bits are application bits */

int rtp_parse_header(const uint8_t *data, size_t length, struct rtp_packet *packet) {
    if (length < RTP_HEADER || length > UINT16_MAX || (data[0] >> 6) != 2) {
        return -1;
    }
    size_t offset = RTP_HEADER + 4u * (data[0] & 0x0F);
    packet->has_padding = (data[0] >> 5) & 1;
    packet->marker = data[1] >> 7;
    packet->payload_type = data[1] & 0x7F;
    packet->seq = get16(data + 2);
    packet->timestamp = get32(data + 4);
    packet->ssrc = get32(data + 8);
    packet->extension_profile = 0;
    packet->extension_offset = 0;
    packet->extension_length = 0;
    packet->payload_length = 0;
    if (data[0] & 0x10) {
        if (offset + 4 > length) {
            return -1;
        }
        size_t words = get16(data + offset + 2);
        packet->extension_profile = get16(data + offset);
        packet->extension_offset = (uint16_t)(offset + 4);
        offset += 4 + 4 * words;
        if (offset > length) {
            return -1;
        }
        packet->extension_length = (uint16_t)(4 * words);
    }
    if (offset > length) {
        return -1;
    }
    packet->payload_offset = (uint16_t)offset;
    return 0;
}

int rtp_parse_payload(const uint8_t *data, size_t length, struct rtp_packet *packet) {
    if (length < packet->payload_offset) {
        return -1;
    }
    size_t payload = length - packet->payload_offset;
    if (packet->has_padding) {
        if (payload == 0) {
            return -1;
        }
        size_t padding = data[length - 1];
        if (padding == 0 || padding > payload) {
            return -1;
        }
        payload -= padding;
    }
    packet->payload_length = (uint16_t)payload;
    return 0;
}

static const uint8_t *one_byte_element(const uint8_t *p, const uint8_t *end, uint8_t id,
                                       uint8_t *length) {
    while (p < end) {
        if (*p == 0) { /* padding */
            p++;
            continue;
        }
        uint8_t element = *p >> 4;
        uint8_t size = (uint8_t)((*p & 0x0F) + 1);
        if (element == 15) { /* reserved: stop (RFC 8285 section 4.2) */
            return NULL;
        }
        p++;
        if (end - p < size) {
            return NULL;
        }
        if (element == id) {
            *length = size;
            return p;
        }
        p += size;
    }
    return NULL;
}

static const uint8_t *two_byte_element(const uint8_t *p, const uint8_t *end, uint8_t id,
                                       uint8_t *length) {
    while (p < end) {
        if (*p == 0) {
            p++;
            continue;
        }
        if (end - p < 2) {
            return NULL;
        }
        uint8_t element = p[0];
        uint8_t size = p[1];
        p += 2;
        if (end - p < size) {
            return NULL;
        }
        if (element == id) {
            *length = size;
            return p;
        }
        p += size;
    }
    return NULL;
}

const uint8_t *rtp_extension(const uint8_t *data, const struct rtp_packet *packet, uint8_t id,
                             uint8_t *length) {
    if (id == 0 || packet->extension_length == 0) {
        return NULL;
    }
    const uint8_t *first = data + packet->extension_offset;
    const uint8_t *end = first + packet->extension_length;
    if (packet->extension_profile == ONE_BYTE) {
        return id < 15 ? one_byte_element(first, end, id, length) : NULL;
    }
    if ((packet->extension_profile & 0xFFF0) == TWO_BYTE) {
        return two_byte_element(first, end, id, length);
    }
    return NULL;
}
