/* ICE-lite: answers checks, keeps which addresses proved themselves, and for whom. */
#include "parts.h"
#include "stun.h"

#include <sys/socket.h>

static uint32_t ufrag_bucket(const uint8_t *ufrag, size_t length) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ ufrag[i]) * 16777619u;
    }
    return hash % UFRAG_BUCKETS;
}

static struct transport *find_ufrag(struct engine *e, const uint8_t *ufrag, size_t length) {
    struct transport *t = e->by_ufrag[ufrag_bucket(ufrag, length)];
    while (t != NULL && (t->credentials.ufrag_length != length ||
                         memcmp(t->credentials.ufrag, ufrag, length) != 0)) {
        t = t->next_ufrag;
    }
    return t;
}

static void link_ufrag(struct engine *e, struct transport *t) {
    uint32_t bucket = ufrag_bucket(t->credentials.ufrag, t->credentials.ufrag_length);
    t->next_ufrag = e->by_ufrag[bucket];
    e->by_ufrag[bucket] = t;
}

static void unlink_ufrag(struct engine *e, struct transport *t) {
    struct transport **at =
        &e->by_ufrag[ufrag_bucket(t->credentials.ufrag, t->credentials.ufrag_length)];
    while (*at != NULL && *at != t) {
        at = &(*at)->next_ufrag;
    }
    if (*at == t) {
        *at = t->next_ufrag;
    }
}

static struct validated **find_address(struct engine *e, const union address *from) {
    struct validated **at = &e->by_address[address_hash(from) % ADDRESS_BUCKETS];
    while (*at != NULL && !address_equal(&(*at)->address, from)) {
        at = &(*at)->next;
    }
    return at;
}

static void forget_address(struct engine *e, struct validated *v) {
    if (v->socket < 0) {
        return;
    }
    struct validated **at = find_address(e, &v->address);
    if (*at == v) {
        *at = v->next;
    }
    v->socket = -1;
}

/* Keep the address among the transport's proven ones. An address is one peer's: a newer proof
   takes it from whoever had it before. */
static void remember_address(struct engine *e, struct transport *t, int socket,
                             const union address *from) {
    struct validated **at = find_address(e, from);
    if (*at != NULL) {
        if ((*at)->transport == t) {
            (*at)->socket = socket;
            return;
        }
        struct validated *old = *at;
        *at = old->next;
        old->socket = -1;
    }
    struct validated *v = &t->validated[t->next_validated];
    if (v->socket >= 0 && address_equal(&v->address, &t->destination.address)) {
        t->next_validated = (t->next_validated + 1) % VALIDATED; /* never evict the selected */
        v = &t->validated[t->next_validated];
    }
    t->next_validated = (t->next_validated + 1) % VALIDATED;
    forget_address(e, v);
    v->address = *from;
    v->socket = socket;
    v->transport = t;
    struct validated **bucket = &e->by_address[address_hash(from) % ADDRESS_BUCKETS];
    v->next = *bucket;
    *bucket = v;
}

static void forget_addresses(struct engine *e, struct transport *t) {
    if (t->destination.head >= 0) { /* what is queued was allowed when it was queued */
        send_flush(e->send, &e->sent);
    }
    for (int i = 0; i < VALIDATED; i++) {
        forget_address(e, &t->validated[i]);
    }
    t->destination.socket = -1;
    memset(&t->destination.address, 0, sizeof t->destination.address);
}

void ice_add(struct engine *e, struct transport *t) { link_ufrag(e, t); }

void ice_remove(struct engine *e, struct transport *t) {
    unlink_ufrag(e, t);
    forget_addresses(e, t);
}

void ice_restart(struct engine *e, struct transport *t, const struct credentials *credentials) {
    unlink_ufrag(e, t);
    t->credentials = *credentials;
    t->restarted = 1;
    link_ufrag(e, t);
}

struct transport *ice_lookup(struct engine *e, const union address *from) {
    struct validated *v = *find_address(e, from);
    return v == NULL ? NULL : v->transport;
}

static void select_address(struct engine *e, struct transport *t, int socket,
                           const union address *from) {
    int ready = transport_sends(t);
    t->restarted = 0;
    t->destination.socket = socket;
    t->destination.address = *from;
    struct event event = {
        .type = EVENT_SELECTED, .handle = t->object.handle, .address = *from, .ns = e->now_ns};
    event_put(&e->events, &event);
    if (!ready) {
        route_transport_ready(e, t);
    }
}

int ice_on_stun(struct engine *e, int socket, const union address *from, const uint8_t *data,
                size_t length) {
    struct stun_request request;
    uint8_t reply[STUN_MAX_REPLY];
    if (stun_parse_request(data, length, &request) < 0) {
        return 0;
    }
    struct transport *t = find_ufrag(e, request.local_ufrag, request.local_ufrag_length);
    if (t == NULL ||
        !stun_check_integrity(&request, t->credentials.pwd, t->credentials.pwd_length)) {
        return 0;
    }
    size_t size = stun_write_reply(&request, &from->any, t->credentials.pwd,
                                   t->credentials.pwd_length, reply);
    if (size == 0) {
        return 0;
    }
    t->last_check_ns = e->now_ns;
    remember_address(e, t, socket, from);
    int selected = t->destination.socket == socket && address_equal(&t->destination.address, from);
    if (t->destination.socket < 0 || t->restarted || (request.use_candidate && !selected)) {
        send_flush(e->send, &e->sent); /* what is queued belongs to the old address */
        select_address(e, t, socket, from);
    }
    sendto(e->sockets[socket], reply, size, MSG_DONTWAIT, &from->any, address_size(from));
    return 1;
}

void ice_expire(struct engine *e, struct transport *t) {
    forget_addresses(e, t);
    struct event event = {.type = EVENT_CONSENT_EXPIRED, .handle = t->object.handle};
    event_put(&e->events, &event);
}
