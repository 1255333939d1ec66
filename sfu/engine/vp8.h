/* The VP8 payload descriptor (RFC 7741): read, and write with other picture ids. */
#ifndef PLENARY_VP8_H
#define PLENARY_VP8_H

#include <stddef.h>
#include <stdint.h>

#define VP8_MAX_DESCRIPTOR 6

struct vp8_descriptor {
    uint8_t length;
    uint8_t first; /* the required octet: X R N S R PID */
    uint8_t flags; /* the X octet: I L T K, or 0 */
    uint8_t picture_bits; /* 0, 7 or 15 */
    uint8_t tl0;
    uint8_t tid_key; /* the TID Y KEYIDX octet */
    uint16_t picture;
};

/* 0, or -1 when the payload is shorter than its descriptor says. */
int vp8_parse(const uint8_t *payload, size_t length, struct vp8_descriptor *descriptor);

static inline int vp8_has_tl0(const struct vp8_descriptor *d) { return d->flags & 0x40; }

/* The first packet of a frame: start of partition 0. */
static inline int vp8_starts_frame(const struct vp8_descriptor *d) {
    return (d->first & 0x17) == 0x10;
}

/* The first packet of a key frame (RFC 7741 section 4.3: the inverse key frame flag is 0). */
int vp8_starts_key_frame(const uint8_t *payload, size_t length, const struct vp8_descriptor *d);

/* Pixels of a key frame's first packet; 0 on success. */
int vp8_size(const uint8_t *payload, size_t length, const struct vp8_descriptor *d, int *width,
             int *height);

/* Write the descriptor with these ids, the picture id always in 15 bits so that sources with
   7 bits and with 15 bits make one continuous sequence. Returns its length, at most
   VP8_MAX_DESCRIPTOR. */
size_t vp8_write(const struct vp8_descriptor *d, uint16_t picture, uint8_t tl0, uint8_t *out);

#endif
