#include "receive.h"

#include <string.h>

#define MS 1000000
#define FIRST_RTT (50 * MS)
#define SHORTEST_RETRY (20 * MS)
#define LONGEST_RETRY (200 * MS)

void receive_init(struct receive *r, uint32_t clock_rate) {
    memset(r, 0, sizeof *r);
    r->clock_rate = clock_rate;
    r->rtt_ns = FIRST_RTT;
}

static void measure_jitter(struct receive *r, uint32_t timestamp, int64_t now_ns) {
    uint32_t arrival = (uint32_t)((uint64_t)(now_ns / 1000) * r->clock_rate / 1000000);
    uint32_t transit = arrival - timestamp;
    if (r->packets > 0) {
        int32_t change = (int32_t)(transit - r->transit);
        uint32_t size = change < 0 ? 0u - (uint32_t)change : (uint32_t)change;
        r->jitter_q4 += size - ((r->jitter_q4 + 8) >> 4); /* RFC 3550 appendix A.8 */
    }
    r->transit = transit;
}

static int recover(struct receive *r, int64_t seq, int64_t now_ns) {
    for (unsigned i = 0; i < r->missing_count; i++) {
        struct receive_missing *gap = &r->missing[i];
        if (gap->seq == seq) {
            if (gap->tries == 1) { /* later tries could be answers to the first */
                r->rtt_ns += (now_ns - gap->asked_ns - r->rtt_ns) / 8;
            }
            memmove(gap, gap + 1, (--r->missing_count - i) * sizeof *gap);
            return 1;
        }
    }
    return 0;
}

static void add_gap(struct receive *r, int64_t from, int64_t to, int64_t now_ns) {
    for (int64_t seq = from; seq < to; seq++) {
        r->missing[r->missing_count++] = (struct receive_missing){.seq = seq, .due_ns = now_ns};
    }
}

enum receive_result receive_packet(struct receive *r, uint16_t seq, uint32_t timestamp,
                                   int64_t now_ns, int64_t *extended) {
    if (!r->started) {
        r->started = 1;
        r->base = r->highest = 0x10000 + (int64_t)seq;
        measure_jitter(r, timestamp, now_ns);
        r->packets = 1;
        *extended = r->highest;
        return RECEIVE_NEW;
    }
    int64_t number = r->highest + (int16_t)(seq - (uint16_t)r->highest);
    *extended = number;
    if (number > r->highest) {
        int64_t gap = number - r->highest - 1;
        enum receive_result result = RECEIVE_NEW;
        measure_jitter(r, timestamp, now_ns);
        if (gap > (int64_t)(RECEIVE_MISSING - r->missing_count)) {
            r->missing_count = 0;
            result = RECEIVE_LOST_MUCH;
        } else {
            add_gap(r, r->highest + 1, number, now_ns);
        }
        r->highest = number;
        r->packets++;
        return result;
    }
    r->packets++;
    if (number < r->base) {
        r->base = number;
    }
    if (recover(r, number, now_ns)) {
        r->recovered++;
        return RECEIVE_RECOVERED;
    }
    return RECEIVE_LATE;
}

unsigned receive_due(struct receive *r, int64_t now_ns, uint16_t *seqs, unsigned capacity) {
    unsigned count = 0;
    unsigned kept = 0;
    int64_t retry = r->rtt_ns + r->rtt_ns / 4;
    if (retry < SHORTEST_RETRY) {
        retry = SHORTEST_RETRY;
    } else if (retry > LONGEST_RETRY) {
        retry = LONGEST_RETRY;
    }
    for (unsigned i = 0; i < r->missing_count; i++) {
        struct receive_missing gap = r->missing[i];
        if (gap.due_ns <= now_ns && count < capacity) {
            if (gap.tries >= RECEIVE_TRIES) {
                continue;
            }
            gap.tries++;
            gap.asked_ns = now_ns;
            gap.due_ns = now_ns + retry;
            seqs[count++] = (uint16_t)gap.seq;
        }
        r->missing[kept++] = gap;
    }
    r->missing_count = kept;
    return count;
}

uint64_t receive_expected(const struct receive *r) {
    return r->started ? (uint64_t)(r->highest - r->base + 1) : 0;
}

void receive_report(struct receive *r, struct rtcp_block *block) {
    uint64_t expected = receive_expected(r);
    int64_t lost = (int64_t)(expected - r->packets);
    int64_t expected_now = (int64_t)(expected - r->expected_before);
    int64_t lost_now = expected_now - (int64_t)(r->packets - r->packets_before);
    r->expected_before = expected;
    r->packets_before = r->packets;
    block->fraction_lost = 0;
    if (expected_now > 0 && lost_now > 0) {
        int64_t fraction = lost_now * 256 / expected_now;
        block->fraction_lost = (uint8_t)(fraction > 255 ? 255 : fraction);
    }
    if (lost > 0x7FFFFF) {
        lost = 0x7FFFFF;
    } else if (lost < -0x800000) {
        lost = -0x800000;
    }
    block->lost = (int32_t)lost;
    block->highest_seq = (uint32_t)(r->highest - 0x10000);
    block->jitter = r->jitter_q4 >> 4;
}
