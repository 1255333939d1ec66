/* Feedback to publishers: key frames and lost packets are asked for here, once for all viewers. */
#include "parts.h"

#define MAX_NACK 128

void send_rtcp(struct engine *e, struct transport *t, uint8_t *slot, size_t length) {
    int size = (int)length;
    if (e->srtp.protect_rtcp(t->rtcp_out, slot, &size) != SRTP_OK) {
        counter_add(&e->counters.srtp_failures, 1);
        return;
    }
    send_push(e->send, &t->destination, (size_t)size);
}

static void send_key_frame_request(struct engine *e, struct stream *s) {
    struct transport *t = s->transport;
    if (s->ssrc == 0 || !transport_sends(t)) {
        s->key_frame_due_ns = e->now_ns; /* the next tick tries again */
        return;
    }
    uint8_t *slot = send_slot(e->send, &e->sent);
    send_rtcp(e, t, slot, rtcp_write_pli(slot, t->feedback_ssrc, s->ssrc));
    s->key_frame_asked_ns = e->now_ns;
    s->key_frame_due_ns = NEVER;
    counter_add(&s->counters.plis_sent, 1);
}

void ask_key_frame(struct engine *e, struct stream *s, int64_t at_least_ns) {
    if (!s->video) {
        return;
    }
    int64_t due = s->key_frame_asked_ns + at_least_ns;
    if (due <= e->now_ns) {
        send_key_frame_request(e, s);
    } else if (due < s->key_frame_due_ns) {
        s->key_frame_due_ns = due;
        engine_wake_by(e, due);
    }
}

void ask_missing(struct engine *e, struct stream *s) {
    uint16_t seqs[MAX_NACK];
    struct transport *t = s->transport;
    if (s->receive.missing_count == 0 || !transport_sends(t)) {
        return;
    }
    unsigned count = receive_due(&s->receive, e->now_ns, seqs, MAX_NACK);
    if (count > 0) {
        uint8_t *slot = send_slot(e->send, &e->sent);
        send_rtcp(e, t, slot,
                  rtcp_write_nack(slot, t->feedback_ssrc, s->ssrc, seqs, count));
        counter_add(&s->counters.nacks_sent, count);
    }
    if (s->receive.missing_count > 0) {
        engine_wake_by(e, e->now_ns + 20 * NS_PER_MS);
    }
}

/* At the end of a batch: reordering inside it has been seen by now. */
void ask_urgent(struct engine *e) {
    for (unsigned i = 0; i < e->urgent_count; i++) {
        e->urgent[i]->urgent = 0;
        ask_missing(e, e->urgent[i]);
    }
    e->urgent_count = 0;
}
