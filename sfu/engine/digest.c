#include "digest.h"

#include "bytes.h"

#define SHA1_BLOCK 64

struct sha1 {
    uint32_t state[5];
    uint64_t length;
    uint8_t block[SHA1_BLOCK];
};

static uint32_t rotate(uint32_t v, int n) { return (v << n) | (v >> (32 - n)); }

static void sha1_block(struct sha1 *s, const uint8_t *p) {
    uint32_t w[80];
    for (int i = 0; i < 16; i++) {
        w[i] = get32(p + 4 * i);
    }
    for (int i = 16; i < 80; i++) {
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    uint32_t a = s->state[0], b = s->state[1], c = s->state[2], d = s->state[3], e = s->state[4];
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20) {
            f = (b & c) | (~b & d);
            k = 0x5A827999;
        } else if (i < 40) {
            f = b ^ c ^ d;
            k = 0x6ED9EBA1;
        } else if (i < 60) {
            f = (b & c) | (b & d) | (c & d);
            k = 0x8F1BBCDC;
        } else {
            f = b ^ c ^ d;
            k = 0xCA62C1D6;
        }
        uint32_t t = rotate(a, 5) + f + e + k + w[i];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = t;
    }
    s->state[0] += a;
    s->state[1] += b;
    s->state[2] += c;
    s->state[3] += d;
    s->state[4] += e;
}

static void sha1_start(struct sha1 *s) {
    static const uint32_t initial[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476,
                                        0xC3D2E1F0};
    memcpy(s->state, initial, sizeof initial);
    s->length = 0;
}

static void sha1_add(struct sha1 *s, const void *data, size_t length) {
    const uint8_t *p = data;
    size_t used = s->length % SHA1_BLOCK;
    s->length += length;
    while (length > 0) {
        size_t part = SHA1_BLOCK - used < length ? SHA1_BLOCK - used : length;
        memcpy(s->block + used, p, part);
        used += part;
        p += part;
        length -= part;
        if (used == SHA1_BLOCK) {
            sha1_block(s, s->block);
            used = 0;
        }
    }
}

static void sha1_finish(struct sha1 *s, uint8_t out[SHA1_SIZE]) {
    uint64_t bits = s->length * 8;
    static const uint8_t padding[SHA1_BLOCK] = {0x80};
    size_t used = s->length % SHA1_BLOCK;
    uint8_t size[8];
    put32(size, (uint32_t)(bits >> 32));
    put32(size + 4, (uint32_t)bits);
    sha1_add(s, padding, used < 56 ? 56 - used : 120 - used);
    sha1_add(s, size, 8);
    for (int i = 0; i < 5; i++) {
        put32(out + 4 * i, s->state[i]);
    }
}

void hmac_sha1(const void *key, size_t key_length, const struct bytes_part *parts, size_t count,
               uint8_t out[SHA1_SIZE]) {
    struct sha1 s;
    uint8_t pad[SHA1_BLOCK] = {0};
    if (key_length > SHA1_BLOCK) {
        sha1_start(&s);
        sha1_add(&s, key, key_length);
        sha1_finish(&s, pad);
    } else {
        memcpy(pad, key, key_length);
    }
    for (int i = 0; i < SHA1_BLOCK; i++) {
        pad[i] ^= 0x36;
    }
    sha1_start(&s);
    sha1_add(&s, pad, SHA1_BLOCK);
    for (size_t i = 0; i < count; i++) {
        sha1_add(&s, parts[i].data, parts[i].length);
    }
    sha1_finish(&s, out);
    for (int i = 0; i < SHA1_BLOCK; i++) {
        pad[i] ^= 0x36 ^ 0x5C;
    }
    sha1_start(&s);
    sha1_add(&s, pad, SHA1_BLOCK);
    sha1_add(&s, out, SHA1_SIZE);
    sha1_finish(&s, out);
}

uint32_t crc32_parts(const struct bytes_part *parts, size_t count) {
    uint32_t crc = 0xFFFFFFFF;
    for (size_t part = 0; part < count; part++) {
        const uint8_t *p = parts[part].data;
        for (size_t i = 0; i < parts[part].length; i++) {
            crc ^= p[i];
            for (int bit = 0; bit < 8; bit++) {
                crc = (crc >> 1) ^ (0xEDB88320 & (0u - (crc & 1)));
            }
        }
    }
    return ~crc;
}

int equal_digests(const uint8_t *a, const uint8_t *b, size_t length) {
    uint8_t difference = 0;
    for (size_t i = 0; i < length; i++) {
        difference |= a[i] ^ b[i];
    }
    return difference == 0;
}
