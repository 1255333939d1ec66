/* One incoming RTP stream as its receiver sees it: RFC 3550 statistics, gaps, what to NACK. */
#ifndef PLENARY_RECEIVE_H
#define PLENARY_RECEIVE_H

#include <stdint.h>

#include "rtcp.h"

#define RECEIVE_MISSING 256 /* most gaps remembered at once */
#define RECEIVE_TRIES 10

enum receive_result {
    RECEIVE_NEW,       /* the next packet, or one after a gap */
    RECEIVE_RECOVERED, /* a late packet that was missing */
    RECEIVE_LATE,      /* a late packet that we had given up or never missed */
    RECEIVE_LOST_MUCH, /* new, after a gap too long to repair: video needs a key frame */
};

struct receive_missing {
    int64_t seq;
    int64_t due_ns;
    int64_t asked_ns;
    uint8_t tries;
};

struct receive {
    uint32_t clock_rate;
    uint8_t started;
    int64_t base;    /* extended sequence numbers start at 65536 + the first */
    int64_t highest;
    uint64_t packets;
    uint64_t recovered;
    uint32_t jitter_q4; /* timestamp units × 16 */
    uint32_t transit;
    uint64_t expected_before; /* at the last report */
    uint64_t packets_before;
    int64_t rtt_ns; /* from NACK to its answer, smoothed */
    unsigned missing_count;
    struct receive_missing missing[RECEIVE_MISSING]; /* ascending */
};

void receive_init(struct receive *r, uint32_t clock_rate);

/* Count a packet; *extended is its 64-bit number. */
enum receive_result receive_packet(struct receive *r, uint16_t seq, uint32_t timestamp,
                                   int64_t now_ns, int64_t *extended);

/* The numbers to ask for now, ascending; those asked ten times are given up. */
unsigned receive_due(struct receive *r, int64_t now_ns, uint16_t *seqs, unsigned capacity);

uint64_t receive_expected(const struct receive *r);

/* Fill a report block (all but ssrc, last_sr and its delay) and begin the next interval. */
void receive_report(struct receive *r, struct rtcp_block *block);

#endif
