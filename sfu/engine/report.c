/* RTCP: what receivers and publishers tell us, and the reports we owe them. */
#include "parts.h"
#include "rtcp.h"

#define AUDIO_REPORT (NS_PER_S)
#define VIDEO_REPORT (500 * NS_PER_MS)
#define SENDER_REPORT_INTERVAL (NS_PER_S)
#define DRIFT_PPM 100        /* the sender's clock may run this much slower than ours */
#define STEP (NS_PER_S)      /* a larger disagreement means that its clock was set */
#define STEP_CONFIRMATIONS 3
#define MAX_RTT_US 10000000

static struct stream *stream_by_ssrc(struct transport *t, uint32_t ssrc) {
    struct stream *s = t->streams;
    while (s != NULL && (s->ssrc != ssrc || ssrc == 0)) {
        s = s->next;
    }
    return s;
}

static struct consumer *consumer_by_ssrc(struct transport *t, uint32_t ssrc) {
    struct consumer *c = t->consumers;
    while (c != NULL && c->ssrc != ssrc) {
        c = c->next;
    }
    return c;
}

static uint64_t local_ntp(const struct engine *e, int64_t ns) {
    return ntp_from_unix_ns(ns + e->wall_offset_ns);
}

/* Minimum-delay filter: the report that travelled fastest says best how the clocks relate; the
   minimum may creep up so that a slower clock is followed. One per publisher, so that its audio
   and video keep their relation. */
static void update_clock_offset(struct transport *t, int64_t arrival_ns, uint64_t ntp) {
    int64_t offset = arrival_ns - ntp_to_ns(ntp);
    if (!t->has_clock_offset) {
        t->has_clock_offset = 1;
        t->clock_offset_ns = offset;
    } else {
        int64_t elapsed = arrival_ns - t->clock_offset_at_ns;
        int64_t allowed = t->clock_offset_ns + elapsed / 1000000 * DRIFT_PPM;
        if (offset > allowed + STEP || offset < allowed - STEP) {
            if (++t->clock_disagreements < STEP_CONFIRMATIONS) {
                return;
            }
            t->clock_offset_ns = offset;
        } else {
            t->clock_offset_ns = offset < allowed ? offset : allowed;
        }
    }
    t->clock_disagreements = 0;
    t->clock_offset_at_ns = arrival_ns;
}

static void on_sender_report(struct engine *e, struct transport *t,
                             const struct rtcp_sender_info *info) {
    struct stream *s = stream_by_ssrc(t, info->ssrc);
    if (s == NULL || info->ntp == 0) {
        return;
    }
    update_clock_offset(t, e->now_ns, info->ntp);
    s->sr_ntp = info->ntp;
    s->sr_timestamp = info->timestamp;
    s->sr_arrival_ns = e->now_ns;
    uint8_t payload[20];
    memcpy(payload, &t->clock_offset_ns, 8);
    memcpy(payload + 8, &info->timestamp, 4);
    memcpy(payload + 12, &info->ntp, 8);
    for (uint32_t i = 0; i < s->tap_count; i++) {
        tap_put(&s->taps[i]->buffer, TAP_SENDER_REPORT, s->tag, e->now_ns, payload,
                sizeof payload, 0);
    }
    for (uint32_t i = 0; i < s->current.count; i++) {
        struct consumer *c = s->current.items[i];
        c->report_due_ns = e->now_ns;
        c->transport->sender_report_due_ns = e->now_ns;
    }
    engine_wake_by(e, e->now_ns);
}

static void on_block(struct engine *e, struct transport *t, const struct rtcp_block *block) {
    struct consumer *c = consumer_by_ssrc(t, block->ssrc);
    if (c == NULL) {
        return;
    }
    counter_set(&c->counters.fraction_lost, block->fraction_lost);
    counter_set(&c->counters.lost, (uint64_t)(block->lost < 0 ? 0 : block->lost));
    counter_set(&c->counters.jitter, block->jitter);
    if (block->last_sr != 0) {
        uint32_t now = (uint32_t)(local_ntp(e, e->now_ns) >> 16);
        int32_t round_trip = (int32_t)(now - block->delay_since_last_sr - block->last_sr);
        int64_t us = (int64_t)round_trip * 1000000 / 65536;
        if (us > -1000 && us < MAX_RTT_US) { /* rounding can make it a little negative */
            counter_set(&c->counters.round_trip_us, us < 1 ? 1 : (uint64_t)us);
        }
    }
}

static void on_nack(struct engine *e, struct transport *t, const struct rtcp_packet *packet) {
    struct consumer *c = consumer_by_ssrc(t, rtcp_media_ssrc(packet));
    uint16_t seq, mask;
    if (c == NULL) {
        return;
    }
    for (unsigned i = 0; rtcp_nack_pair(packet, i, &seq, &mask); i++) {
        counter_add(&c->counters.nacks_received, 1u + (unsigned)__builtin_popcount(mask));
        forward_again(e, c, seq);
        for (unsigned bit = 0; bit < 16; bit++) {
            if (mask & (1u << bit)) {
                forward_again(e, c, (uint16_t)(seq + bit + 1));
            }
        }
    }
}

static void on_key_frame_request(struct engine *e, struct transport *t, uint32_t ssrc) {
    struct consumer *c = consumer_by_ssrc(t, ssrc);
    if (c == NULL || !c->video) {
        return;
    }
    counter_add(&c->counters.plis_received, 1);
    if (c->current != NULL) {
        ask_key_frame(e, c->current, KEY_FRAME_INTERVAL);
    }
}

static void on_payload_feedback(struct engine *e, struct transport *t,
                                const struct rtcp_packet *packet) {
    if (packet->count == RTCP_FMT_PLI) {
        on_key_frame_request(e, t, rtcp_media_ssrc(packet));
    } else if (packet->count == RTCP_FMT_FIR) {
        for (unsigned i = 0; rtcp_has_fir(packet, i); i++) {
            on_key_frame_request(e, t, rtcp_fir_ssrc(packet, i));
        }
    }
}

void report_rtcp(struct engine *e, struct transport *t, uint8_t *data, size_t length) {
    struct rtcp_packet packet;
    struct rtcp_sender_info info;
    struct rtcp_block block;
    size_t offset = 0;
    int size = (int)length;
    if (t->rtcp_in == NULL) {
        counter_add(&e->counters.invalid_datagrams, 1);
        return;
    }
    if (e->srtp.unprotect_rtcp(t->rtcp_in, data, &size) != SRTP_OK) {
        counter_add(&e->counters.srtp_failures, 1);
        return;
    }
    while (rtcp_next(data, (size_t)size, &offset, &packet)) {
        if (rtcp_sender_info(&packet, &info)) {
            on_sender_report(e, t, &info);
        }
        for (unsigned i = 0; rtcp_report_block(&packet, i, &block); i++) {
            on_block(e, t, &block);
        }
        if (packet.type == RTCP_RTPFB && packet.count == RTCP_FMT_NACK) {
            on_nack(e, t, &packet);
        } else if (packet.type == RTCP_PSFB) {
            on_payload_feedback(e, t, &packet);
        }
    }
}

/* The reports that `t`, as a publisher, is owed: one compound with RR and REMB. */
static void send_receiver_report(struct engine *e, struct transport *t) {
    struct rtcp_block blocks[RTCP_MAX_BLOCKS];
    uint32_t ssrcs[RTCP_MAX_BLOCKS];
    unsigned count = 0;
    int video = 0;
    for (struct stream *s = t->streams; s != NULL && count < RTCP_MAX_BLOCKS; s = s->next) {
        if (!s->receive.started) {
            continue;
        }
        struct rtcp_block *block = &blocks[count];
        receive_report(&s->receive, block);
        block->ssrc = s->ssrc;
        block->last_sr = (uint32_t)(s->sr_ntp >> 16);
        block->delay_since_last_sr =
            s->sr_ntp == 0 ? 0
                           : (uint32_t)((e->now_ns - s->sr_arrival_ns) * 65536 / NS_PER_S);
        video |= s->video;
        ssrcs[count++] = s->ssrc;
    }
    t->report_due_ns = e->now_ns + (video ? VIDEO_REPORT : AUDIO_REPORT);
    if (count == 0) {
        return;
    }
    uint8_t *slot = send_slot(e->send, &e->sent);
    size_t length = rtcp_write_rr(slot, t->feedback_ssrc, blocks, count);
    if (e->remb_bps > 0) {
        length += rtcp_write_remb(slot + length, t->feedback_ssrc, e->remb_bps, ssrcs, count);
    }
    send_rtcp(e, t, slot, length);
}

/* The source's clock, translated: what its RTP clock reads now, with the consumer's offset. */
static void send_sender_report(struct engine *e, struct consumer *c) {
    const struct stream *s = c->current;
    const struct transport *publisher = s->transport;
    int64_t since = e->now_ns - (ntp_to_ns(s->sr_ntp) + publisher->clock_offset_ns);
    int64_t ticks = since / NS_PER_S * s->clock_rate +
                    since % NS_PER_S * s->clock_rate / NS_PER_S;
    const struct rtcp_sender_info info = {
        .ssrc = c->ssrc,
        .ntp = local_ntp(e, e->now_ns),
        .timestamp = s->sr_timestamp + (uint32_t)ticks + c->munge.range.timestamp_offset,
        .packets = c->sent_packets,
        .octets = c->sent_octets,
    };
    uint8_t *slot = send_slot(e->send, &e->sent);
    size_t length = rtcp_write_sr(slot, &info);
    length += rtcp_write_cname(slot + length, c->ssrc, c->cname, c->cname_length);
    send_rtcp(e, c->transport, slot, length);
}

static void send_sender_reports(struct engine *e, struct transport *t) {
    if (e->now_ns < t->sender_report_due_ns) {
        return;
    }
    t->sender_report_due_ns = e->now_ns + SENDER_REPORT_INTERVAL;
    for (struct consumer *c = t->consumers; c != NULL; c = c->next) {
        if (e->now_ns >= c->report_due_ns) {
            c->report_due_ns = e->now_ns + SENDER_REPORT_INTERVAL;
            if (c->current != NULL && c->current->sr_ntp != 0 && c->sent_packets > 0) {
                send_sender_report(e, c);
            }
        } else if (c->report_due_ns < t->sender_report_due_ns) {
            t->sender_report_due_ns = c->report_due_ns;
        }
    }
}

/* Somebody who could show a key frame waits for one, and none came in time. */
static int waits_in_vain(const struct engine *e, const struct stream *s) {
    if (e->now_ns - s->key_frame_asked_ns < KEY_FRAME_INTERVAL) {
        return 0;
    }
    if (s->waiting_buses > 0) {
        return 1;
    }
    for (uint32_t i = 0; i < s->waiting.count; i++) {
        const struct consumer *c = s->waiting.items[i];
        if (transport_sends(c->transport)) {
            return 1;
        }
    }
    return 0;
}

static void tick_stream(struct engine *e, struct stream *s) {
    ask_missing(e, s);
    if (!s->video) {
        return;
    }
    int64_t latest =
        s->key_frame_asked_ns > s->key_frame_ns ? s->key_frame_asked_ns : s->key_frame_ns;
    if (s->key_frame_due_ns <= e->now_ns ||
        waits_in_vain(e, s) ||
        (s->tap_count > 0 && e->now_ns - latest >= KEY_FRAME_TAP_INTERVAL)) {
        ask_key_frame(e, s, 0);
    }
}

void report_tick(struct engine *e, struct transport *t) {
    if (t->destination.socket >= 0 && e->now_ns - t->last_check_ns > e->consent_ns) {
        ice_expire(e, t);
    }
    if (!transport_sends(t)) {
        return;
    }
    for (struct stream *s = t->streams; s != NULL; s = s->next) {
        tick_stream(e, s);
    }
    if (e->now_ns >= t->report_due_ns) {
        send_receiver_report(e, t);
    }
    if (t->consumers != NULL) {
        send_sender_reports(e, t);
    }
}
