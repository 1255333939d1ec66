/* What Python reads: events, retired objects, counters. */
#include "engine.h"
#include "parts.h"

#include <stdlib.h>

void engine_clear_events(struct engine *e) { event_clear(&e->events); }

int engine_peek_event(struct engine *e, struct event *event, const uint8_t **data) {
    return event_peek(&e->events, event, data);
}

void engine_release_event(struct engine *e, const struct event *event) {
    event_release(&e->events, event);
}

int event_address(const struct event *event, uint8_t ip[16], uint16_t *port) {
    const union address *a = &event->address;
    if (a->any.sa_family == AF_INET) {
        *port = ntohs(a->v4.sin_port);
        memcpy(ip, &a->v4.sin_addr, 4);
        return 4;
    }
    int mapped = IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr);
    *port = ntohs(a->v6.sin6_port);
    memcpy(ip, a->v6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    return mapped ? 4 : 16;
}

struct object *engine_take_retired(struct engine *e) {
    return atomic_exchange_explicit(&e->retired, NULL, memory_order_acquire);
}

struct object *object_next(const struct object *object) { return object->next_retired; }
uint64_t object_handle(const struct object *object) { return object->handle; }
int object_is_transport(const struct object *object) { return object->kind == TRANSPORT; }
int object_is_tap(const struct object *object) { return object->kind == TAP; }

void object_free(struct object *object) {
    if (object->kind == STREAM) {
        struct stream *s = (struct stream *)object;
        history_free(&s->history);
        free(s->current.items);
        free(s->waiting.items);
    } else if (object->kind == TAP) {
        tap_buffer_free(&((struct tap *)object)->buffer);
    }
    free(object);
}

void engine_stream_counters(const struct stream *s, uint64_t out[STREAM_COUNTERS]) {
    const struct stream_counters *n = &s->counters;
    uint64_t packets = counter_get(&n->packets);
    uint64_t expected = counter_get(&n->expected);
    const uint64_t values[STREAM_COUNTERS] = {
        packets,
        counter_get(&n->bytes),
        expected,
        expected > packets ? expected - packets : 0,
        counter_get(&n->recovered),
        counter_get(&n->duplicates),
        counter_get(&n->jitter),
        counter_get(&n->nacks_sent),
        counter_get(&n->plis_sent),
        counter_get(&n->key_frames),
        counter_get(&n->frames),
        counter_get(&n->width),
        counter_get(&n->height),
        counter_get(&n->audio_level),
        counter_get(&n->last_packet_ns),
    };
    memcpy(out, values, sizeof values);
}

void engine_consumer_counters(const struct consumer *c, uint64_t out[CONSUMER_COUNTERS]) {
    const struct consumer_counters *n = &c->counters;
    const uint64_t values[CONSUMER_COUNTERS] = {
        counter_get(&n->packets),        counter_get(&n->bytes),
        counter_get(&n->retransmitted),  counter_get(&n->fraction_lost),
        counter_get(&n->lost),           counter_get(&n->jitter),
        counter_get(&n->round_trip_us),  counter_get(&n->nacks_received),
        counter_get(&n->plis_received),  counter_get(&n->switches),
        counter_get(&n->current_stream),
    };
    memcpy(out, values, sizeof values);
}

static uint64_t thread_cpu_ns(struct engine *e) {
    clockid_t id;
    if (e->running && pthread_getcpuclockid(e->thread, &id) == 0) {
        return (uint64_t)clock_ns(id);
    }
    return counter_get(&e->cpu_ns);
}

void engine_counters(struct engine *e, uint64_t out[ENGINE_COUNTERS]) {
    const uint64_t values[ENGINE_COUNTERS] = {
        counter_get(&e->counters.packets_in),
        counter_get(&e->sent.packets),
        counter_get(&e->counters.bytes_in),
        counter_get(&e->sent.bytes),
        counter_get(&e->counters.receive_calls),
        counter_get(&e->sent.calls),
        counter_get(&e->sent.gso_messages),
        counter_get(&e->sent.errors),
        counter_get(&e->events.dropped),
        counter_get(&e->counters.invalid_datagrams),
        counter_get(&e->counters.srtp_failures),
        thread_cpu_ns(e),
    };
    memcpy(out, values, sizeof values);
}
