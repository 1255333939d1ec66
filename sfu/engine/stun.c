#include "stun.h"

#include "bytes.h"
#include "digest.h"

#define MAGIC 0x2112A442u
#define BINDING_REQUEST 0x0001
#define BINDING_SUCCESS 0x0101
#define USERNAME 0x0006
#define MESSAGE_INTEGRITY 0x0008
#define XOR_MAPPED_ADDRESS 0x0020
#define USE_CANDIDATE 0x0025
#define FINGERPRINT 0x8028
#define FINGERPRINT_MASK 0x5354554Eu
#define FINGERPRINT_ATTRIBUTE 8
#define INTEGRITY_ATTRIBUTE (4 + SHA1_SIZE)

/* Digests cover the message with a length field that ends after the digest's own attribute. */
static void header_with_length(const uint8_t *data, size_t end, uint8_t header[STUN_HEADER]) {
    memcpy(header, data, STUN_HEADER);
    put16(header + 2, (uint16_t)(end - STUN_HEADER));
}

static uint32_t fingerprint(const uint8_t *data, size_t offset) {
    uint8_t header[STUN_HEADER];
    header_with_length(data, offset + FINGERPRINT_ATTRIBUTE, header);
    const struct bytes_part parts[] = {{header, STUN_HEADER},
                                       {data + STUN_HEADER, offset - STUN_HEADER}};
    return crc32_parts(parts, 2) ^ FINGERPRINT_MASK;
}

static void integrity(const uint8_t *data, size_t offset, const void *pwd, size_t pwd_length,
                      uint8_t out[SHA1_SIZE]) {
    uint8_t header[STUN_HEADER];
    header_with_length(data, offset + INTEGRITY_ATTRIBUTE, header);
    const struct bytes_part parts[] = {{header, STUN_HEADER},
                                       {data + STUN_HEADER, offset - STUN_HEADER}};
    hmac_sha1(pwd, pwd_length, parts, 2, out);
}

static int take_username(struct stun_request *request, const uint8_t *value, size_t size) {
    const uint8_t *colon = memchr(value, ':', size);
    if (colon == NULL || colon == value) {
        return -1;
    }
    request->local_ufrag = value;
    request->local_ufrag_length = (size_t)(colon - value);
    return 0;
}

int stun_parse_request(const uint8_t *data, size_t length, struct stun_request *request) {
    if (length < STUN_HEADER || get16(data) != BINDING_REQUEST || get32(data + 4) != MAGIC ||
        get16(data + 2) != length - STUN_HEADER || length % 4 != 0) {
        return -1;
    }
    *request = (struct stun_request){.data = data};
    size_t at = STUN_HEADER;
    while (at < length) {
        if (length - at < 4) {
            return -1;
        }
        uint16_t type = get16(data + at);
        size_t size = get16(data + at + 2);
        size_t padded = (size + 3) & ~(size_t)3;
        if (length - at - 4 < padded) {
            return -1;
        }
        const uint8_t *value = data + at + 4;
        if (type == FINGERPRINT) {
            if (size != 4 || at + FINGERPRINT_ATTRIBUTE != length ||
                get32(value) != fingerprint(data, at)) {
                return -1;
            }
        } else if (request->integrity_offset != 0) {
            ; /* whatever follows the integrity is not covered by it: ignored (RFC 8489, 14.5) */
        } else if (type == MESSAGE_INTEGRITY) {
            if (size != SHA1_SIZE) {
                return -1;
            }
            request->integrity_offset = at;
        } else if (type == USERNAME) {
            if (take_username(request, value, size) < 0) {
                return -1;
            }
        } else if (type == USE_CANDIDATE) {
            request->use_candidate = 1;
        }
        at += 4 + padded;
    }
    return request->local_ufrag != NULL && request->integrity_offset != 0 ? 0 : -1;
}

int stun_check_integrity(const struct stun_request *request, const void *pwd, size_t pwd_length) {
    uint8_t expected[SHA1_SIZE];
    integrity(request->data, request->integrity_offset, pwd, pwd_length, expected);
    return equal_digests(expected, request->data + request->integrity_offset + 4, SHA1_SIZE);
}

static size_t write_mapped_address(const uint8_t *data, const struct sockaddr *from, uint8_t *out) {
    const uint8_t *ip;
    size_t size;
    uint16_t port;
    if (from->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)from;
        ip = (const void *)&v4->sin_addr;
        size = 4;
        port = ntohs(v4->sin_port);
    } else if (from->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)from;
        int mapped = IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr);
        ip = v6->sin6_addr.s6_addr + (mapped ? 12 : 0);
        size = mapped ? 4 : 16;
        port = ntohs(v6->sin6_port);
    } else {
        return 0;
    }
    put16(out, XOR_MAPPED_ADDRESS);
    put16(out + 2, (uint16_t)(4 + size));
    out[4] = 0;
    out[5] = size == 4 ? 1 : 2;
    put16(out + 6, port ^ (MAGIC >> 16));
    for (size_t i = 0; i < size; i++) { /* the mask is the cookie and the transaction id */
        out[8 + i] = ip[i] ^ data[4 + i];
    }
    return 8 + size;
}

size_t stun_write_reply(const struct stun_request *request, const struct sockaddr *from,
                        const void *pwd, size_t pwd_length, uint8_t out[STUN_MAX_REPLY]) {
    memcpy(out, request->data, STUN_HEADER);
    put16(out, BINDING_SUCCESS);
    size_t at = STUN_HEADER;
    size_t mapped = write_mapped_address(request->data, from, out + at);
    if (mapped == 0) {
        return 0;
    }
    at += mapped;
    put16(out + at, MESSAGE_INTEGRITY);
    put16(out + at + 2, SHA1_SIZE);
    integrity(out, at, pwd, pwd_length, out + at + 4);
    at += INTEGRITY_ATTRIBUTE;
    put16(out + at, FINGERPRINT);
    put16(out + at + 2, 4);
    put32(out + at + 4, fingerprint(out, at));
    at += FINGERPRINT_ATTRIBUTE;
    put16(out + 2, (uint16_t)(at - STUN_HEADER));
    return at;
}
