/* Forwarding: one packet in, decrypted once; one out per consumer, written and encrypted in its
   send slot. Resends come from the same place with the numbers of their range. */
#include "parts.h"

#include "bytes.h"

#define RESEND_SPACING (20 * NS_PER_MS)

/* abs-send-time: seconds in 6.18 fixed point; receivers use differences only. */
static uint32_t abs_send_time(int64_t ns) {
    uint64_t us = (uint64_t)(ns / 1000);
    return (uint32_t)((us << 18) / 1000000) & 0xFFFFFF;
}

/* A packet that is sent again must not differ in one bit: AES-GCM gives its key away when one
   nonce (SSRC and sequence number) protects two texts, the header included. So everything here
   follows from the packet, its arrival and its range alone, and never from the present. */
static void emit(struct engine *e, struct consumer *c, int codec, const struct packet *p,
                 const struct munge_range *range, const struct munge_output *out) {
    struct transport *t = c->transport;
    uint8_t *slot = send_slot(e->send, &e->sent);
    memcpy(slot, c->header, c->header_length);
    int first_sound = !c->video && out->seq == range->first; /* RFC 3551: a talkspurt begins */
    slot[1] |= (uint8_t)((p->rtp.marker | first_sound) << 7);
    put16(slot + 2, (uint16_t)out->seq);
    put32(slot + 4, out->timestamp);
    if (c->time_at) {
        put24(slot + c->time_at, abs_send_time(p->numbers.now_ns));
    }
    if (c->level_at) {
        if (p->has_audio_level) {
            slot[c->level_at + c->level_size - 1] = p->audio_level;
        } else {
            memset(slot + c->level_at, 0, c->level_size); /* padding in place of the element */
        }
    }
    size_t payload = codec_write(codec, p, out, slot + c->header_length);
    int length = (int)(c->header_length + payload);
    if (e->srtp.protect(t->rtp_out, slot, &length) != SRTP_OK) {
        counter_add(&e->counters.srtp_failures, 1);
        return;
    }
    send_push(e->send, &t->destination, (size_t)length);
    c->sent_packets++;
    c->sent_octets += (uint32_t)payload;
    counter_add(&c->counters.packets, 1);
    counter_add(&c->counters.bytes, (uint64_t)length);
}

static void fan_out(struct engine *e, struct stream *s, const struct packet *p) {
    struct munge_output out;
    if ((s->waiting.count > 0 || s->waiting_buses > 0) && p->switch_point) {
        route_switch(e, s, p);
    }
    for (uint32_t i = 0; i < s->current.count; i++) {
        struct consumer *c = s->current.items[i];
        if (i + 1 < s->current.count) {
            __builtin_prefetch(s->current.items[i + 1]);
        }
        if (!transport_sends(c->transport) || !munge_packet(&c->munge, &p->numbers, &out)) {
            continue;
        }
        emit(e, c, s->codec, p, &c->munge.range, &out);
    }
}

static void write_taps(struct engine *e, struct stream *s, const struct packet *p) {
    for (uint32_t i = 0; i < s->tap_count; i++) {
        tap_put(&s->taps[i]->buffer, TAP_RTP, s->tag, e->now_ns, p->data, p->length, 0);
    }
}

static void read_audio_level(struct stream *s, struct packet *p) {
    uint8_t length;
    const uint8_t *level = rtp_extension(p->data, &p->rtp, s->audio_level_extension, &length);
    if (level != NULL && length >= 1) {
        p->audio_level = *level;
        p->has_audio_level = 1;
    }
}

/* Everything that can be read from the decrypted bytes; used for history too. */
static int read_packet(struct stream *s, const uint8_t *data, size_t length, struct packet *p) {
    if (rtp_parse_payload(data, length, &p->rtp) < 0) {
        return -1;
    }
    p->data = data;
    p->length = length;
    p->payload = data + p->rtp.payload_offset;
    p->numbers.timestamp = p->rtp.timestamp;
    if (s->audio_level_extension) {
        read_audio_level(s, p);
    }
    return codec_read(s->codec, p);
}

static void count(struct stream *s, const struct packet *p, enum receive_result result,
                  int64_t now_ns) {
    struct stream_counters *n = &s->counters;
    counter_add(&n->packets, 1);
    counter_add(&n->bytes, p->length);
    counter_set(&n->expected, receive_expected(&s->receive));
    counter_set(&n->jitter, s->receive.jitter_q4 >> 4);
    counter_set(&n->last_packet_ns, (uint64_t)now_ns);
    if (result == RECEIVE_RECOVERED) {
        counter_add(&n->recovered, 1);
    }
    if (s->video && p->rtp.marker) {
        counter_add(&n->frames, 1);
    }
    if (s->video && p->switch_point) {
        counter_add(&n->key_frames, 1);
    }
    if (p->width > 0) {
        counter_set(&n->width, (uint64_t)p->width);
        counter_set(&n->height, (uint64_t)p->height);
    }
    if (p->has_audio_level) {
        counter_set(&n->audio_level, p->audio_level & 0x7F);
    }
}

static void list_urgent(struct engine *e, struct stream *s) {
    if (s->receive.missing_count > 0 && !s->urgent && e->urgent_count < URGENT) {
        s->urgent = 1;
        e->urgent[e->urgent_count++] = s;
    }
}

static void accept_packet(struct engine *e, struct stream *s, struct packet *p) {
    enum receive_result result =
        receive_packet(&s->receive, p->rtp.seq, p->rtp.timestamp, e->now_ns, &p->numbers.seq);
    p->numbers.now_ns = e->now_ns;
    if (p->numbers.has & MUNGE_PICTURE) {
        p->numbers.picture = codec_unwrap_picture(&p->vp8, s->picture);
        if (result == RECEIVE_NEW || result == RECEIVE_LOST_MUCH) {
            s->picture = p->numbers.picture;
        }
    }
    if (result == RECEIVE_NEW || result == RECEIVE_LOST_MUCH) {
        s->last_timestamp = p->rtp.timestamp;
    }
    history_put(&s->history, p->numbers.seq, p->data, p->length, p->numbers.picture, e->now_ns);
    count(s, p, result, e->now_ns);
    if (s->video && p->switch_point) {
        s->key_frame_ns = e->now_ns;
        s->key_frame_due_ns = NEVER;
    }
    if (result == RECEIVE_LOST_MUCH && s->video && !p->switch_point) {
        ask_key_frame(e, s, KEY_FRAME_INTERVAL);
    }
    list_urgent(e, s);
    write_taps(e, s, p);
    fan_out(e, s, p);
}

/* The stream of a packet by SSRC, or by the mid it carries; only while an expected stream has no
   SSRC yet is the mid looked at. The header is clear text: the SSRC is learned only after the
   packet has authenticated. */
static struct stream *find_stream(struct transport *t, const uint8_t *data,
                                  const struct rtp_packet *rtp) {
    struct stream *s;
    for (s = t->streams; s != NULL; s = s->next) {
        if (s->ssrc == rtp->ssrc && s->ssrc != 0) {
            return s->payload_type == rtp->payload_type ? s : NULL;
        }
    }
    for (s = t->streams; s != NULL; s = s->next) {
        uint8_t length;
        if (s->ssrc != 0 || s->payload_type != rtp->payload_type) {
            continue;
        }
        const uint8_t *mid = rtp_extension(data, rtp, s->mid_extension, &length);
        if (mid != NULL && length == s->mid_length && memcmp(mid, s->mid, length) == 0) {
            return s;
        }
    }
    return NULL;
}

void forward_rtp(struct engine *e, struct transport *t, uint8_t *data, size_t length) {
    struct packet p;
    int size = (int)length;
    memset(&p, 0, sizeof p);
    if (length > MAX_PACKET || t->rtp_in == NULL || rtp_parse_header(data, length, &p.rtp) < 0) {
        counter_add(&e->counters.invalid_datagrams, 1);
        return;
    }
    struct stream *s = find_stream(t, data, &p.rtp);
    if (s == NULL) {
        counter_add(&e->counters.invalid_datagrams, 1);
        return;
    }
    int status = e->srtp.unprotect(t->rtp_in, data, &size);
    if (status == SRTP_REPLAYED || status == SRTP_TOO_OLD) {
        counter_add(&s->counters.duplicates, 1);
        return;
    }
    if (status != SRTP_OK) {
        counter_add(&e->counters.srtp_failures, 1);
        return;
    }
    if (read_packet(s, data, (size_t)size, &p) < 0) {
        counter_add(&e->counters.invalid_datagrams, 1);
        return;
    }
    s->ssrc = p.rtp.ssrc;
    accept_packet(e, s, &p);
}

/* 0 when this number went to this consumer a moment ago: its request and our answer crossed. */
static int may_resend(struct engine *e, struct consumer *c, uint16_t seq) {
    uint32_t at = seq % RESENT;
    if (c->resent[at].seq == seq && e->now_ns - c->resent[at].at_ns < RESEND_SPACING) {
        return 0;
    }
    c->resent[at].seq = seq;
    c->resent[at].at_ns = e->now_ns;
    return 1;
}

void forward_again(struct engine *e, struct consumer *c, uint16_t seq) {
    int64_t source_seq;
    const uint8_t *data;
    const struct munge_range *range = munge_find(&c->munge, seq, &source_seq);
    if (range == NULL || !transport_sends(c->transport) || !may_resend(e, c, seq)) {
        return;
    }
    struct stream *s = range->source;
    const struct history_entry *entry = history_get(&s->history, source_seq, &data);
    struct packet p;
    struct munge_output out;
    memset(&p, 0, sizeof p);
    if (entry == NULL || rtp_parse_header(data, entry->length, &p.rtp) < 0 ||
        read_packet(s, data, entry->length, &p) < 0) {
        return;
    }
    p.numbers.seq = source_seq;
    p.numbers.picture = entry->picture;
    p.numbers.now_ns = entry->arrival_ns;
    munge_repeat(range, &p.numbers, &out);
    emit(e, c, s->codec, &p, range, &out);
    counter_add(&c->counters.retransmitted, 1);
}
