/* What one consumer's receiver sees: one unbroken RTP stream, whatever feeds it.

   A state machine without sockets or clocks: packets of sources in, numbers out. Between two
   switches every number is the source's plus a constant, so a range per switch is all that a
   later retransmission needs. Sequence numbers are extended to 64 bits on both sides (the stream
   extends its own once for all consumers), so that order is a plain comparison. */
#ifndef PLENARY_MUNGE_H
#define PLENARY_MUNGE_H

#include <stdint.h>

#define MUNGE_RANGES 8
#define MUNGE_PICTURE 1 /* the packet has a VP8 PictureID */
#define MUNGE_TL0 2     /* and a TL0PICIDX */

struct munge_input {
    int64_t seq; /* extended */
    int64_t now_ns;
    uint32_t timestamp;
    uint16_t picture; /* 15 bits */
    uint8_t tl0;
    uint8_t has; /* MUNGE_PICTURE | MUNGE_TL0 */
};

struct munge_output {
    int64_t seq;
    uint32_t timestamp;
    uint16_t picture;
    uint8_t tl0;
};

struct munge_range {
    void *source;
    int64_t first; /* outgoing */
    int64_t seq_offset; /* outgoing = incoming + offset, for all four */
    uint32_t timestamp_offset;
    uint16_t picture_offset;
    uint8_t tl0_offset;
};

struct munge {
    struct munge_range range; /* the present one */
    int64_t highest; /* outgoing; before the first packet: one less than the first */
    int64_t highest_ns;
    uint32_t clock_rate;
    uint32_t last_timestamp;
    uint16_t last_picture;
    uint8_t last_tl0;
    uint8_t started;
    uint8_t past_next;
    struct munge_range past[MUNGE_RANGES];
};

void munge_init(struct munge *m, uint32_t clock_rate, uint16_t first_seq, uint32_t first_timestamp);

/* From this packet on `source` feeds the stream. Its number follows the highest one sent; its
   timestamp is the last one plus the time that passed since, in clock units, at least 1. */
void munge_switch(struct munge *m, void *source, const struct munge_input *first);

/* 1 with the numbers to send, 0 for a packet from before the switch: it has no number. */
int munge_packet(struct munge *m, const struct munge_input *in, struct munge_output *out);

/* The numbers of a packet of `range`, for sending it once more. */
void munge_repeat(const struct munge_range *range, const struct munge_input *in,
                  struct munge_output *out);

/* The range that sent this number and the source's extended number in it; NULL when unknown. */
const struct munge_range *munge_find(const struct munge *m, uint16_t seq, int64_t *source_seq);

/* `source` goes away: none of its packets can be asked for any more. */
void munge_forget(struct munge *m, const void *source);

#endif
