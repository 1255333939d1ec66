/* SHA-1, HMAC-SHA1 (RFC 2104) and CRC-32, as STUN needs them. */
#ifndef PLENARY_DIGEST_H
#define PLENARY_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

struct bytes_part {
    const void *data;
    size_t length;
};

/* HMAC over the concatenated parts. */
void hmac_sha1(const void *key, size_t key_length, const struct bytes_part *parts, size_t count,
               uint8_t out[SHA1_SIZE]);

/* CRC-32 of ISO 3309 over the concatenated parts. */
uint32_t crc32_parts(const struct bytes_part *parts, size_t count);

/* Constant time: a wrong tag must not be found byte by byte. */
int equal_digests(const uint8_t *a, const uint8_t *b, size_t length);

#endif
