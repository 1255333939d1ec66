/* RTP packets (RFC 3550) and their header extensions (RFC 8285): reading only. */
#ifndef PLENARY_RTP_H
#define PLENARY_RTP_H

#include <stddef.h>
#include <stdint.h>

#define RTP_HEADER 12

struct rtp_packet {
    uint8_t marker;
    uint8_t payload_type;
    uint8_t has_padding;
    uint16_t seq;
    uint32_t timestamp;
    uint32_t ssrc;
    uint16_t extension_profile; /* 0: none */
    uint16_t extension_offset;  /* of the first element */
    uint16_t extension_length;
    uint16_t payload_offset;
    uint16_t payload_length; /* without padding; set by rtp_parse_payload */
};

/* The clear part: valid before decryption too. 0, or -1 when it is not an RTP packet. */
int rtp_parse_header(const uint8_t *data, size_t length, struct rtp_packet *packet);

/* After decryption: find the payload's end. 0, or -1 when the padding is longer than the payload. */
int rtp_parse_payload(const uint8_t *data, size_t length, struct rtp_packet *packet);

/* The element with this id, one- or two-byte form; NULL when absent or cut short. */
const uint8_t *rtp_extension(const uint8_t *data, const struct rtp_packet *packet, uint8_t id,
                             uint8_t *length);

#endif
