/* Python's side: objects are made here, handed over by command, and freed here in the end. */
#include "bytes.h"
#include "engine.h"
#include "parts.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOCKET_BUFFER (8 << 20)
#define FULL_WAIT_NS (NS_PER_S)
#define VIDEO_HISTORY 1024
#define AUDIO_HISTORY 128
#define VIDEO_SLOT MAX_PACKET
#define AUDIO_SLOT 512
#define ONE_BYTE_PROFILE 0xBEDE
#define TWO_BYTE_PROFILE 0x1000

struct engine *engine_create(const struct engine_options *o) {
    struct engine *e = aligned_alloc(64, (sizeof *e + 63) & ~(size_t)63);
    if (e == NULL) {
        return NULL;
    }
    memset(e, 0, sizeof *e);
    e->consent_ns = o->consent_ms * NS_PER_MS;
    e->hold_ns = o->hold_us * 1000;
    e->remb_bps = o->remb_bps;
    e->srtp = o->srtp;
    e->now_ns = monotonic_ns();
    e->wall_offset_ns = clock_ns(CLOCK_REALTIME) - e->now_ns;
    e->events.wake_fd = e->commands.wake_fd = -1;
    e->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    e->send = send_create(o->gso);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = MAX_SOCKETS};
    if (e->epoll_fd < 0 || e->send == NULL || command_ring_init(&e->commands) < 0 ||
        event_ring_init(&e->events, o->event_capacity) < 0 ||
        epoll_ctl(e->epoll_fd, EPOLL_CTL_ADD, e->commands.wake_fd, &event) < 0) {
        engine_destroy(e);
        return NULL;
    }
    return e;
}

static int submit(struct engine *e, struct command command) {
    if (!e->running) {
        e->now_ns = monotonic_ns();
        apply_command(e, &command);
        return 0;
    }
    int64_t give_up = 0;
    while (command_put(&e->commands, &command) < 0) {
        int64_t now = monotonic_ns();
        if (give_up == 0) {
            give_up = now + FULL_WAIT_NS;
        } else if (now > give_up) { /* the thread always empties it between batches */
            errno = EAGAIN;
            return -1;
        }
        sched_yield();
    }
    command_wake(&e->commands);
    return 0;
}

/* Hand a new object over, or free it when that fails. */
static void *hand_over(struct engine *e, uint32_t type, void *object) {
    if (submit(e, (struct command){.type = type, .target = object}) < 0) {
        object_free(object);
        return NULL;
    }
    return object;
}

static void *new_object(size_t size, uint32_t kind, uint64_t handle) {
    struct object *object = calloc(1, size);
    if (object != NULL) {
        object->kind = kind;
        object->handle = handle;
    }
    return object;
}

static void *refuse(void) {
    errno = EINVAL;
    return NULL;
}

void engine_destroy(struct engine *e) {
    engine_stop(e);
    while (e->taps != NULL) {
        engine_close_tap(e, e->taps);
    }
    while (e->transports != NULL) {
        engine_close_transport(e, e->transports);
    }
    while (e->buses != NULL) {
        engine_remove_bus(e, e->buses);
    }
    struct object *object = engine_take_retired(e);
    while (object != NULL) {
        struct object *next = object->next_retired;
        object_free(object);
        object = next;
    }
    if (e->send != NULL) {
        send_destroy(e->send);
    }
    command_ring_free(&e->commands);
    event_ring_free(&e->events);
    if (e->epoll_fd >= 0) {
        close(e->epoll_fd);
    }
    free(e);
}

int engine_event_fd(const struct engine *e) { return e->events.wake_fd; }

int engine_add_socket(struct engine *e, int index, int fd) {
    const int size = SOCKET_BUFFER; /* a burst to every venue must fit; the kernel may cap it */
    if (index < 0 || index >= MAX_SOCKETS) {
        errno = EINVAL;
        return -1;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0) {
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    }
    return submit(e, (struct command){
                         .type = ADD_SOCKET, .number = (uint32_t)index, .value = (uint64_t)fd});
}

static int set_credentials(struct credentials *c, struct blob ufrag, struct blob pwd) {
    if (ufrag.length == 0 || ufrag.length > MAX_UFRAG || pwd.length == 0 ||
        pwd.length > MAX_PWD) {
        return -1;
    }
    c->ufrag_length = (uint8_t)ufrag.length;
    c->pwd_length = (uint8_t)pwd.length;
    memcpy(c->ufrag, ufrag.data, ufrag.length);
    memcpy(c->pwd, pwd.data, pwd.length);
    return 0;
}

struct transport *engine_open_transport(struct engine *e, uint64_t handle, struct blob ufrag,
                                        struct blob pwd, uint64_t owner, uint32_t feedback_ssrc) {
    struct credentials credentials = {0};
    if (set_credentials(&credentials, ufrag, pwd) < 0) {
        return refuse();
    }
    struct transport *t = new_object(sizeof *t, TRANSPORT, handle);
    if (t == NULL) {
        return NULL;
    }
    destination_init(&t->destination);
    t->credentials = credentials;
    t->owner = owner;
    t->feedback_ssrc = feedback_ssrc;
    for (int i = 0; i < VALIDATED; i++) {
        t->validated[i].socket = -1;
    }
    return hand_over(e, OPEN_TRANSPORT, t);
}

int engine_set_ice(struct engine *e, struct transport *t, struct blob ufrag, struct blob pwd) {
    struct credentials *credentials = calloc(1, sizeof *credentials);
    if (credentials == NULL || set_credentials(credentials, ufrag, pwd) < 0 ||
        submit(e, (struct command){
                      .type = SET_ICE, .target = t, .arguments = {credentials}}) < 0) {
        free(credentials);
        return -1;
    }
    return 0;
}

int engine_set_srtp(struct engine *e, struct transport *t, void *rtp_in, void *rtcp_in,
                    void *rtp_out, void *rtcp_out) {
    return submit(e, (struct command){.type = SET_SRTP,
                                      .target = t,
                                      .arguments = {rtp_in, rtcp_in, rtp_out, rtcp_out}});
}

static void *copy(struct blob data) {
    void *memory = malloc(data.length ? data.length : 1);
    if (memory != NULL) {
        memcpy(memory, data.data, data.length);
    }
    return memory;
}

int engine_send_datagram(struct engine *e, struct transport *t, struct blob data) {
    void *memory = copy(data);
    if (memory == NULL || submit(e, (struct command){.type = SEND_DATAGRAM,
                                                     .target = t,
                                                     .arguments = {memory},
                                                     .value = data.length}) < 0) {
        free(memory);
        return -1;
    }
    return 0;
}

static int close_object(struct engine *e, uint32_t type, void *object) {
    return submit(e, (struct command){.type = type, .target = object});
}

int engine_close_transport(struct engine *e, struct transport *t) {
    return close_object(e, CLOSE_TRANSPORT, t);
}

struct stream *engine_add_stream(struct engine *e, uint64_t handle, struct transport *t,
                                 const struct stream_options *o) {
    if (o->mid.length > MAX_MID || o->clock_rate == 0 || o->codec < CODEC_VP8 ||
        o->codec > CODEC_OPUS || (o->ssrc == 0 && (o->mid.length == 0 || !o->mid_extension))) {
        return refuse();
    }
    struct stream *s = new_object(sizeof *s, STREAM, handle);
    if (s == NULL) {
        return NULL;
    }
    s->transport = t;
    s->ssrc = o->ssrc;
    s->tag = o->tag;
    s->clock_rate = o->clock_rate;
    s->payload_type = (uint8_t)o->payload_type;
    s->codec = (uint8_t)o->codec;
    s->video = (uint8_t)codec_is_video(o->codec);
    s->mid_length = (uint8_t)o->mid.length;
    s->mid_extension = (uint8_t)o->mid_extension;
    s->abs_send_time_extension = (uint8_t)o->abs_send_time_extension;
    s->audio_level_extension = (uint8_t)o->audio_level_extension;
    memcpy(s->mid, o->mid.data, o->mid.length);
    s->key_frame_asked_ns = s->key_frame_ns = LONG_AGO;
    s->key_frame_due_ns = NEVER;
    counter_set(&s->counters.audio_level, 127);
    receive_init(&s->receive, o->clock_rate);
    uint32_t packets = o->max_packets ? o->max_packets : s->video ? VIDEO_HISTORY : AUDIO_HISTORY;
    if (history_init(&s->history, packets, s->video ? VIDEO_SLOT : AUDIO_SLOT) < 0) {
        object_free(&s->object);
        return NULL;
    }
    return hand_over(e, ADD_STREAM, s);
}

int engine_remove_stream(struct engine *e, struct stream *s) {
    return close_object(e, REMOVE_STREAM, s);
}

int engine_request_key_frame(struct engine *e, struct stream *s) {
    return submit(e, (struct command){.type = REQUEST_KEY_FRAME, .target = s});
}

struct bus *engine_add_bus(struct engine *e, uint64_t handle, int video, uint32_t tag) {
    struct bus *bus = new_object(sizeof *bus, BUS, handle);
    if (bus == NULL) {
        return NULL;
    }
    bus->video = video != 0;
    bus->tag = tag;
    return hand_over(e, ADD_BUS, bus);
}

int engine_set_bus_source(struct engine *e, struct bus *bus, struct stream *source,
                          struct stream *alternate) {
    return submit(e, (struct command){.type = SET_BUS_SOURCE,
                                      .target = bus,
                                      .arguments = {source, alternate}});
}

int engine_remove_bus(struct engine *e, struct bus *bus) {
    return close_object(e, REMOVE_BUS, bus);
}

/* The constant part of every packet to this receiver, with holes for what changes. */
static void write_header(struct consumer *c, const struct consumer_options *o) {
    uint8_t *h = c->header;
    int two_byte = o->mid_extension > 14 || o->abs_send_time_extension > 14 ||
                   o->audio_level_extension > 14 || o->mid.length > 16;
    size_t prefix = two_byte ? 2 : 1;
    size_t at = RTP_HEADER + 4;
    h[0] = 0x80;
    h[1] = (uint8_t)o->payload_type;
    put32(h + 8, o->ssrc);
    const struct {
        int id;
        size_t size;
        const void *data;
        uint8_t *value_at;
        uint8_t *element_at;
    } elements[] = {
        {o->abs_send_time_extension, 3, "\0\0", &c->time_at, NULL},
        {o->mid.length ? o->mid_extension : 0, o->mid.length, o->mid.data, NULL, NULL},
        {o->audio_level_extension, 1, "\x7F", NULL, &c->level_at},
    };
    for (size_t i = 0; i < sizeof elements / sizeof *elements; i++) {
        if (elements[i].id == 0) {
            continue;
        }
        if (elements[i].element_at != NULL) {
            *elements[i].element_at = (uint8_t)at;
            c->level_size = (uint8_t)(prefix + 1);
        }
        if (two_byte) {
            h[at] = (uint8_t)elements[i].id;
            h[at + 1] = (uint8_t)elements[i].size;
        } else {
            h[at] = (uint8_t)((elements[i].id << 4) | (elements[i].size - 1));
        }
        at += prefix;
        if (elements[i].value_at != NULL) {
            *elements[i].value_at = (uint8_t)at;
        }
        memcpy(h + at, elements[i].data, elements[i].size);
        at += elements[i].size;
    }
    c->header_length = RTP_HEADER;
    if (at > RTP_HEADER + 4) {
        size_t length = (at + 3) & ~(size_t)3;
        h[0] |= 0x10;
        put16(h + RTP_HEADER, two_byte ? TWO_BYTE_PROFILE : ONE_BYTE_PROFILE);
        put16(h + RTP_HEADER + 2, (uint16_t)((length - RTP_HEADER) / 4 - 1));
        c->header_length = (uint8_t)length;
    }
}

struct consumer *engine_add_consumer(struct engine *e, uint64_t handle, struct transport *t,
                                     struct bus *bus, const struct consumer_options *o) {
    if (o->mid.length > MAX_MID || o->cname.length > MAX_CNAME || o->clock_rate == 0 ||
        o->ssrc == 0) {
        return refuse();
    }
    struct consumer *c = new_object(sizeof *c, CONSUMER, handle);
    if (c == NULL) {
        return NULL;
    }
    c->transport = t;
    c->bus = bus;
    c->ssrc = o->ssrc;
    c->video = bus->video;
    c->cname_length = (uint8_t)o->cname.length;
    memcpy(c->cname, o->cname.data, o->cname.length);
    write_header(c, o);
    munge_init(&c->munge, o->clock_rate, o->first_seq, o->first_timestamp);
    return hand_over(e, ADD_CONSUMER, c);
}

int engine_remove_consumer(struct engine *e, struct consumer *c) {
    return close_object(e, REMOVE_CONSUMER, c);
}

struct tap *engine_open_tap(struct engine *e, uint64_t handle, int fd, size_t capacity) {
    struct tap *tap = new_object(sizeof *tap, TAP, handle);
    if (tap == NULL) {
        return NULL;
    }
    if (tap_buffer_init(&tap->buffer, fd, capacity) < 0) {
        object_free(&tap->object);
        return NULL;
    }
    return hand_over(e, OPEN_TAP, tap);
}

int engine_tap_write(struct engine *e, struct tap *tap, int type, uint32_t tag,
                     struct blob payload) {
    void *memory = copy(payload);
    if (memory == NULL || submit(e, (struct command){.type = TAP_WRITE,
                                                     .number = tag,
                                                     .target = tap,
                                                     .arguments = {memory, (void *)payload.length},
                                                     .value = (uint64_t)type}) < 0) {
        free(memory);
        return -1;
    }
    return 0;
}

int engine_tap_stream(struct engine *e, struct tap *tap, struct stream *s) {
    return submit(e, (struct command){.type = TAP_STREAM, .target = tap, .arguments = {s}});
}

int engine_untap_stream(struct engine *e, struct tap *tap, struct stream *s) {
    return submit(e, (struct command){.type = UNTAP_STREAM, .target = tap, .arguments = {s}});
}

int engine_tap_bus(struct engine *e, struct tap *tap, struct bus *bus, int slot, int video) {
    return submit(e, (struct command){.type = TAP_BUS,
                                      .number = (uint32_t)video,
                                      .target = tap,
                                      .arguments = {bus},
                                      .value = (uint64_t)slot});
}

int engine_close_tap(struct engine *e, struct tap *tap) { return close_object(e, CLOSE_TAP, tap); }
