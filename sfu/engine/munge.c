#include "munge.h"

#include <string.h>

#define NS_PER_S 1000000000

void munge_init(struct munge *m, uint32_t clock_rate, uint16_t first_seq,
                uint32_t first_timestamp) {
    memset(m, 0, sizeof *m);
    m->clock_rate = clock_rate;
    m->highest = 0x10000 + (int64_t)first_seq - 1;
    m->last_timestamp = first_timestamp;
}

static uint32_t next_timestamp(const struct munge *m, int64_t now_ns) {
    if (!m->started) {
        return m->last_timestamp;
    }
    int64_t elapsed = now_ns - m->highest_ns;
    if (elapsed < 0) {
        elapsed = 0;
    }
    int64_t ticks = elapsed / NS_PER_S * m->clock_rate +
                    elapsed % NS_PER_S * m->clock_rate / NS_PER_S;
    return m->last_timestamp + (uint32_t)(ticks > 0 ? ticks : 1);
}

void munge_switch(struct munge *m, void *source, const struct munge_input *first) {
    if (m->started) {
        m->past[m->past_next] = m->range;
        m->past_next = (m->past_next + 1) % MUNGE_RANGES;
    }
    m->range.source = source;
    m->range.first = m->highest + 1;
    m->range.seq_offset = m->range.first - first->seq;
    m->range.timestamp_offset = next_timestamp(m, first->now_ns) - first->timestamp;
    m->range.picture_offset = (m->last_picture + 1 - first->picture) & 0x7FFF;
    m->range.tl0_offset = (uint8_t)(m->last_tl0 + 1 - first->tl0);
    m->started = 1;
}

void munge_repeat(const struct munge_range *range, const struct munge_input *in,
                  struct munge_output *out) {
    out->seq = in->seq + range->seq_offset;
    out->timestamp = in->timestamp + range->timestamp_offset;
    out->picture = (in->picture + range->picture_offset) & 0x7FFF;
    out->tl0 = (uint8_t)(in->tl0 + range->tl0_offset);
}

int munge_packet(struct munge *m, const struct munge_input *in, struct munge_output *out) {
    munge_repeat(&m->range, in, out);
    if (out->seq < m->range.first) {
        return 0;
    }
    if (out->seq > m->highest) {
        m->highest = out->seq;
        m->highest_ns = in->now_ns;
        m->last_timestamp = out->timestamp;
        if (in->has & MUNGE_PICTURE) {
            m->last_picture = out->picture;
        }
        if (in->has & MUNGE_TL0) {
            m->last_tl0 = out->tl0;
        }
    }
    return 1;
}

const struct munge_range *munge_find(const struct munge *m, uint16_t seq, int64_t *source_seq) {
    if (!m->started) {
        return NULL;
    }
    int64_t number = m->highest + (int16_t)(seq - (uint16_t)m->highest);
    const struct munge_range *found = NULL;
    if (number > m->highest) {
        return NULL;
    }
    if (number >= m->range.first) {
        found = &m->range;
    } else { /* newest first: each range ends where the next one begins */
        for (int i = 1; i <= MUNGE_RANGES && found == NULL; i++) {
            const struct munge_range *range =
                &m->past[(m->past_next + MUNGE_RANGES - i) % MUNGE_RANGES];
            if (range->first != 0 && number >= range->first) {
                found = range;
            }
        }
    }
    if (found == NULL || found->source == NULL) {
        return NULL;
    }
    *source_seq = number - found->seq_offset;
    return found;
}

void munge_forget(struct munge *m, const void *source) {
    if (m->range.source == source) {
        m->range.source = NULL;
    }
    for (int i = 0; i < MUNGE_RANGES; i++) {
        if (m->past[i].source == source) {
            m->past[i].source = NULL;
        }
    }
}
