/* A tap: records for a recorder in a bounded ring, written to a Unix stream socket without ever
   waiting for its reader (`sfu/control/tap.py` is the format). */
#ifndef PLENARY_TAP_H
#define PLENARY_TAP_H

#include <stddef.h>
#include <stdint.h>

enum tap_record { TAP_RTP = 3, TAP_SENDER_REPORT = 4, TAP_SWITCH = 5, TAP_GAP = 6 };

struct tap_buffer {
    int fd;
    int failed;   /* the reader went away */
    uint64_t head; /* bytes written to the socket */
    uint64_t tail; /* bytes put in */
    uint64_t dropped; /* records, since the last GAP */
    size_t capacity;
    uint8_t *data;
};

int tap_buffer_init(struct tap_buffer *t, int fd, size_t capacity);
void tap_buffer_free(struct tap_buffer *t);

/* Put in a whole record or drop it whole. Media leaves room for `control` records, so that a
   reader that catches up still learns what the tags mean. */
void tap_put(struct tap_buffer *t, uint8_t type, uint32_t tag, int64_t now_ns,
             const uint8_t *payload, size_t length, int control);

/* Say how many records were dropped as soon as there is room, though no new record came. */
void tap_note_gap(struct tap_buffer *t, int64_t now_ns);

/* Write what the socket takes. 1: all written; 0: the socket is full; -1: the reader is gone. */
int tap_flush(struct tap_buffer *t);

#endif
