/* The last packets of one incoming stream, decrypted: one copy for all who ask again. */
#ifndef PLENARY_HISTORY_H
#define PLENARY_HISTORY_H

#include <stddef.h>
#include <stdint.h>

struct history_entry {
    int64_t seq;        /* extended; -1: empty */
    int64_t arrival_ns; /* a resend repeats every bit, its abs-send-time too */
    uint16_t length;
    uint16_t picture; /* unwrapped by the stream, see packet.h */
};

struct history {
    uint32_t mask; /* the number of entries is a power of two */
    uint32_t slot; /* bytes an entry can hold */
    struct history_entry *entries;
    uint8_t *data;
};

/* Allocates everything; `packets` is rounded up to a power of two. 0, or -1 without memory. */
int history_init(struct history *h, uint32_t packets, uint32_t slot);
void history_free(struct history *h);

/* A packet larger than a slot is not kept. */
void history_put(struct history *h, int64_t seq, const uint8_t *data, size_t length,
                 uint16_t picture, int64_t arrival_ns);

/* NULL when it was never here or has been overwritten. */
const struct history_entry *history_get(const struct history *h, int64_t seq,
                                        const uint8_t **data);

#endif
