/* Routing: buses choose streams, consumers follow their bus at a switch point. */
#include "parts.h"

#include <stdlib.h>

/* Room is made when a consumer starts to wait, on the control path: joining never allocates. */
static int list_reserve(struct list *list, uint32_t count) {
    if (list->capacity >= count) {
        return 0;
    }
    uint32_t capacity = list->capacity ? list->capacity : 16;
    while (capacity < count) {
        capacity *= 2;
    }
    void **items = realloc(list->items, capacity * sizeof *items);
    if (items == NULL) {
        return -1;
    }
    list->items = items;
    list->capacity = capacity;
    return 0;
}

static void leave_current(struct consumer *c) {
    struct stream *s = c->current;
    if (s != NULL) {
        struct consumer *last = s->current.items[--s->current.count];
        s->current.items[c->current_at] = last;
        last->current_at = c->current_at;
        c->current = NULL;
        counter_set(&c->counters.current_stream, 0);
    }
}

static void leave_waiting(struct consumer *c) {
    struct stream *s = c->wanted;
    if (s != NULL) {
        struct consumer *last = s->waiting.items[--s->waiting.count];
        s->waiting.items[c->waiting_at] = last;
        last->waiting_at = c->waiting_at;
        c->wanted = NULL;
    }
}

void route_detach(struct consumer *c) {
    leave_current(c);
    leave_waiting(c);
}

static struct stream *choose(const struct bus *bus, const struct consumer *c) {
    uint64_t owner = c->transport->owner;
    struct stream *s = bus->source;
    if (s != NULL && owner != 0 && s->transport->owner == owner) {
        s = bus->alternate; /* a venue is not given its own stream */
        if (s != NULL && s->transport->owner == owner) {
            s = NULL;
        }
    }
    return s;
}

void route_consumer(struct engine *e, struct consumer *c) {
    struct stream *wanted = c->bus == NULL ? NULL : choose(c->bus, c);
    if (wanted == NULL) {
        route_detach(c);
        return;
    }
    if (wanted == c->current) {
        leave_waiting(c);
        return;
    }
    if (wanted != c->wanted) {
        leave_waiting(c);
        if (!c->video) {
            leave_current(c); /* a voice that was taken away stops at once */
        }
        if (list_reserve(&wanted->waiting, wanted->waiting.count + 1) < 0 ||
            list_reserve(&wanted->current, wanted->current.count + wanted->waiting.count + 1) <
                0) {
            return;
        }
        c->wanted = wanted;
        c->waiting_at = wanted->waiting.count;
        wanted->waiting.items[wanted->waiting.count++] = c;
    }
    if (transport_sends(c->transport)) {
        ask_key_frame(e, wanted, KEY_FRAME_BUS_INTERVAL);
    }
}

void route_write_switch(struct engine *e, const struct bus *bus, const struct bus_tap *tap,
                        uint32_t timestamp) {
    uint8_t payload[12] = {tap->slot, tap->video};
    uint32_t tag = bus->current == NULL ? 0 : bus->current->tag;
    memcpy(payload + 4, &tag, 4);
    memcpy(payload + 8, &timestamp, 4);
    tap_put(&tap->tap->buffer, TAP_SWITCH, 0, e->now_ns, payload, sizeof payload, 1);
}

static void bus_switched(struct engine *e, struct bus *bus, struct stream *s, uint32_t timestamp) {
    bus->current = s;
    if (bus->tag != 0) {
        struct event event = {.type = EVENT_BUS_SWITCHED,
                              .handle = bus->object.handle,
                              .other = s == NULL ? 0 : s->object.handle,
                              .ns = e->now_ns,
                              .number = timestamp};
        event_put(&e->events, &event);
    }
    for (uint32_t i = 0; i < bus->tap_count; i++) {
        route_write_switch(e, bus, &bus->taps[i], timestamp);
    }
}

static int bus_waits(const struct bus *bus) {
    return bus->source != NULL && bus->source != bus->current;
}

void route_bus(struct engine *e, struct bus *bus, struct stream *source,
               struct stream *alternate) {
    if (bus_waits(bus)) {
        bus->source->waiting_buses--;
    }
    bus->source = source;
    bus->alternate = alternate;
    if (bus_waits(bus)) {
        source->waiting_buses++;
        ask_key_frame(e, source, KEY_FRAME_BUS_INTERVAL);
    } else if (source == NULL && bus->current != NULL) {
        bus_switched(e, bus, NULL, 0);
    }
    for (struct consumer *c = bus->consumers; c != NULL; c = c->next_of_bus) {
        route_consumer(e, c);
    }
}

void route_forget_stream(struct engine *e, struct stream *s) {
    for (struct bus *bus = e->buses; bus != NULL; bus = bus->next) {
        if (bus->source == s || bus->alternate == s) {
            route_bus(e, bus, bus->source == s ? NULL : bus->source,
                      bus->alternate == s ? NULL : bus->alternate);
        }
        if (bus->current == s) { /* it was still shown while another was waited for */
            bus_switched(e, bus, NULL, 0);
        }
    }
    while (s->current.count > 0) {
        leave_current(s->current.items[0]);
    }
    while (s->waiting.count > 0) {
        leave_waiting(s->waiting.items[0]);
    }
    for (struct transport *t = e->transports; t != NULL; t = t->next) {
        for (struct consumer *c = t->consumers; c != NULL; c = c->next) {
            munge_forget(&c->munge, s);
        }
    }
    s->tap_count = 0;
}

void route_switch(struct engine *e, struct stream *s, const struct packet *packet) {
    for (struct bus *bus = e->buses; bus != NULL && s->waiting_buses > 0; bus = bus->next) {
        if (bus->source == s && bus->current != s) {
            s->waiting_buses--;
            bus_switched(e, bus, s, packet->rtp.timestamp);
        }
    }
    for (uint32_t i = s->waiting.count; i-- > 0;) {
        struct consumer *c = s->waiting.items[i];
        if (!transport_sends(c->transport)) {
            continue; /* it could not show this key frame: it waits for one that it is sent */
        }
        leave_waiting(c);
        leave_current(c);
        c->current = s;
        c->current_at = s->current.count;
        s->current.items[s->current.count++] = c;
        munge_switch(&c->munge, s, &packet->numbers);
        c->report_due_ns = e->now_ns;
        c->transport->sender_report_due_ns = e->now_ns;
        counter_set(&c->counters.current_stream, s->object.handle);
        counter_add(&c->counters.switches, 1);
    }
}

void route_transport_ready(struct engine *e, struct transport *t) {
    if (!transport_sends(t)) {
        return;
    }
    for (struct consumer *c = t->consumers; c != NULL; c = c->next) {
        struct stream *s = c->wanted != NULL ? c->wanted : c->current;
        if (s != NULL) {
            ask_key_frame(e, s, KEY_FRAME_BUS_INTERVAL);
        }
    }
}
