#include "vp8.h"

#include "bytes.h"

int vp8_parse(const uint8_t *payload, size_t length, struct vp8_descriptor *d) {
    if (length < 1) {
        return -1;
    }
    size_t at = 1;
    *d = (struct vp8_descriptor){.first = payload[0]};
    if (payload[0] & 0x80) {
        if (at >= length) {
            return -1;
        }
        d->flags = payload[at++] & 0xF0;
    }
    if (d->flags & 0x80) {
        if (at >= length) {
            return -1;
        }
        if (payload[at] & 0x80) {
            if (at + 2 > length) {
                return -1;
            }
            d->picture_bits = 15;
            d->picture = get16(payload + at) & 0x7FFF;
            at += 2;
        } else {
            d->picture_bits = 7;
            d->picture = payload[at++];
        }
    }
    if (d->flags & 0x40) {
        if (at >= length) {
            return -1;
        }
        d->tl0 = payload[at++];
    }
    if (d->flags & 0x30) {
        if (at >= length) {
            return -1;
        }
        d->tid_key = payload[at++];
    }
    d->length = (uint8_t)at;
    return 0;
}

int vp8_starts_key_frame(const uint8_t *payload, size_t length, const struct vp8_descriptor *d) {
    return vp8_starts_frame(d) && length > d->length && !(payload[d->length] & 0x01);
}

int vp8_size(const uint8_t *payload, size_t length, const struct vp8_descriptor *d, int *width,
             int *height) {
    const uint8_t *frame = payload + d->length;
    if (length < d->length + 10u || frame[3] != 0x9D || frame[4] != 0x01 || frame[5] != 0x2A) {
        return -1;
    }
    *width = (frame[6] | (frame[7] << 8)) & 0x3FFF;
    *height = (frame[8] | (frame[9] << 8)) & 0x3FFF;
    return 0;
}

size_t vp8_write(const struct vp8_descriptor *d, uint16_t picture, uint8_t tl0, uint8_t *out) {
    size_t at = 1;
    out[0] = d->first;
    if (d->first & 0x80) {
        out[at++] = d->flags;
    }
    if (d->picture_bits) {
        put16(out + at, 0x8000 | (picture & 0x7FFF));
        at += 2;
    }
    if (d->flags & 0x40) {
        out[at++] = tl0;
    }
    if (d->flags & 0x30) {
        out[at++] = d->tid_key;
    }
    return at;
}
