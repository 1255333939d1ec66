/* Commands, applied by the thread between batches. */
#include "engine.h"
#include "parts.h"

#include <stdlib.h>
#include <sys/epoll.h>

void retire(struct engine *e, struct object *object) {
    struct object *head = atomic_load_explicit(&e->retired, memory_order_relaxed);
    do {
        object->next_retired = head;
    } while (!atomic_compare_exchange_weak_explicit(&e->retired, &head, object,
                                                    memory_order_release, memory_order_relaxed));
    event_signal(&e->events);
}

static void add_socket(struct engine *e, uint32_t index, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = index};
    e->sockets[index] = fd;
    send_add_socket(e->send, (int)index, fd);
    epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, fd, &event);
}

static void open_transport(struct engine *e, struct transport *t) {
    t->next = e->transports;
    t->previous = NULL;
    if (t->next != NULL) {
        t->next->previous = t;
    }
    e->transports = t;
    ice_add(e, t);
    engine_wake_by(e, e->now_ns);
}

static void set_srtp(struct engine *e, struct transport *t, void *const sessions[4]) {
    t->rtp_in = sessions[0];
    t->rtcp_in = sessions[1];
    t->rtcp_out = sessions[3];
    t->rtp_out = sessions[2];
    route_transport_ready(e, t);
}

static void remove_stream(struct engine *e, struct stream *s) {
    struct stream **at = &s->transport->streams;
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    route_forget_stream(e, s);
    for (unsigned i = 0; i < e->urgent_count; i++) {
        if (e->urgent[i] == s) {
            e->urgent[i] = e->urgent[--e->urgent_count];
            break;
        }
    }
    retire(e, &s->object);
}

static void leave_bus(struct consumer *c) {
    if (c->bus == NULL) {
        return;
    }
    struct consumer **at = &c->bus->consumers;
    while (*at != c) {
        at = &(*at)->next_of_bus;
    }
    *at = c->next_of_bus;
    c->bus = NULL;
}

static void add_consumer(struct engine *e, struct consumer *c) {
    c->next = c->transport->consumers;
    c->transport->consumers = c;
    c->next_of_bus = c->bus->consumers;
    c->bus->consumers = c;
    route_consumer(e, c);
}

static void remove_consumer(struct engine *e, struct consumer *c) {
    struct consumer **at = &c->transport->consumers;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    route_detach(c);
    leave_bus(c);
    retire(e, &c->object);
}

static void close_transport(struct engine *e, struct transport *t) {
    while (t->consumers != NULL) {
        remove_consumer(e, t->consumers);
    }
    while (t->streams != NULL) {
        remove_stream(e, t->streams);
    }
    ice_remove(e, t);
    t->rtp_in = t->rtcp_in = t->rtp_out = t->rtcp_out = NULL;
    if (t->next != NULL) {
        t->next->previous = t->previous;
    }
    if (t->previous != NULL) {
        t->previous->next = t->next;
    } else {
        e->transports = t->next;
    }
    retire(e, &t->object);
}

static void remove_bus(struct engine *e, struct bus *bus) {
    route_bus(e, bus, NULL, NULL);
    while (bus->consumers != NULL) {
        struct consumer *c = bus->consumers;
        route_detach(c);
        leave_bus(c);
    }
    struct bus **at = &e->buses;
    while (*at != bus) {
        at = &(*at)->next;
    }
    *at = bus->next;
    retire(e, &bus->object);
}

static void open_tap(struct engine *e, struct tap *tap) {
    tap->next = e->taps;
    e->taps = tap;
    /* edge-triggered: told once when the socket takes more, or when the reader went away */
    struct epoll_event event = {.events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = tap};
    if (epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, tap->buffer.fd, &event) < 0) {
        tap->buffer.failed = 1;
    }
}

static void untap_stream(struct stream *s, const struct tap *tap) {
    for (uint32_t i = 0; i < s->tap_count; i++) {
        if (s->taps[i] == tap) {
            s->taps[i] = s->taps[--s->tap_count];
            return;
        }
    }
}

static void tap_stream(struct engine *e, struct stream *s, struct tap *tap) {
    untap_stream(s, tap);
    if (s->tap_count < STREAM_TAPS) {
        s->taps[s->tap_count++] = tap;
        ask_key_frame(e, s, KEY_FRAME_INTERVAL);
    }
}

static void untap_bus(struct bus *bus, const struct tap *tap) {
    for (uint32_t i = bus->tap_count; i-- > 0;) {
        if (bus->taps[i].tap == tap) {
            bus->taps[i] = bus->taps[--bus->tap_count];
        }
    }
}

static void tap_bus(struct engine *e, struct bus *bus, struct bus_tap tap) {
    untap_bus(bus, tap.tap);
    if (bus->tap_count < BUS_TAPS) {
        bus->taps[bus->tap_count++] = tap;
        route_write_switch(e, bus, &tap, bus->current == NULL ? 0 : bus->current->last_timestamp);
    }
}

static void close_tap(struct engine *e, struct tap *tap) {
    struct tap **at = &e->taps;
    for (struct transport *t = e->transports; t != NULL; t = t->next) {
        for (struct stream *s = t->streams; s != NULL; s = s->next) {
            untap_stream(s, tap);
        }
    }
    for (struct bus *bus = e->buses; bus != NULL; bus = bus->next) {
        untap_bus(bus, tap);
    }
    tap_flush(&tap->buffer);
    if (tap->buffer.fd >= 0) {
        epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, tap->buffer.fd, NULL);
    }
    while (*at != tap) {
        at = &(*at)->next;
    }
    *at = tap->next;
    retire(e, &tap->object);
}

static void send_datagram(struct engine *e, const struct transport *t, void *data,
                          size_t length) {
    if (t->destination.socket >= 0) {
        const union address *to = &t->destination.address;
        sendto(e->sockets[t->destination.socket], data, length, MSG_DONTWAIT, &to->any,
               address_size(to));
    }
    free(data);
}

void apply_command(struct engine *e, const struct command *c) {
    void *const *a = c->arguments;
    switch ((enum command_type)c->type) {
    case ADD_SOCKET:
        add_socket(e, c->number, (int)c->value);
        break;
    case OPEN_TRANSPORT:
        open_transport(e, c->target);
        break;
    case SET_ICE:
        ice_restart(e, c->target, a[0]);
        free(a[0]);
        break;
    case SET_SRTP:
        set_srtp(e, c->target, a);
        break;
    case SEND_DATAGRAM:
        send_datagram(e, c->target, a[0], c->value);
        break;
    case CLOSE_TRANSPORT:
        close_transport(e, c->target);
        break;
    case ADD_STREAM: {
        struct stream *s = c->target;
        s->next = s->transport->streams;
        s->transport->streams = s;
        break;
    }
    case REMOVE_STREAM:
        remove_stream(e, c->target);
        break;
    case REQUEST_KEY_FRAME:
        ask_key_frame(e, c->target, KEY_FRAME_INTERVAL);
        break;
    case ADD_BUS: {
        struct bus *bus = c->target;
        bus->next = e->buses;
        e->buses = bus;
        break;
    }
    case SET_BUS_SOURCE:
        route_bus(e, c->target, a[0], a[1]);
        break;
    case REMOVE_BUS:
        remove_bus(e, c->target);
        break;
    case ADD_CONSUMER:
        add_consumer(e, c->target);
        break;
    case REMOVE_CONSUMER:
        remove_consumer(e, c->target);
        break;
    case OPEN_TAP:
        open_tap(e, c->target);
        break;
    case TAP_WRITE: {
        struct tap *tap = c->target;
        tap_put(&tap->buffer, (uint8_t)c->value, c->number, e->now_ns, a[0], (size_t)a[1], 1);
        free(a[0]);
        break;
    }
    case TAP_STREAM:
        tap_stream(e, a[0], c->target);
        break;
    case UNTAP_STREAM:
        untap_stream(a[0], c->target);
        break;
    case TAP_BUS:
        tap_bus(e, a[0],
                (struct bus_tap){c->target, (uint8_t)c->value, (uint8_t)(c->number != 0)});
        break;
    case CLOSE_TAP:
        close_tap(e, c->target);
        break;
    }
}
