/* Two single-producer rings: commands from Python to the thread, events back. No locks; the
   other side is woken by an eventfd, once until it looks. */
#ifndef PLENARY_RING_H
#define PLENARY_RING_H

#include <stdatomic.h>
#include <stdint.h>

#include "address.h"
#include "counter.h"

enum command_type {
    ADD_SOCKET,
    OPEN_TRANSPORT,
    SET_ICE,
    SET_SRTP,
    SEND_DATAGRAM,
    CLOSE_TRANSPORT,
    ADD_STREAM,
    REMOVE_STREAM,
    REQUEST_KEY_FRAME,
    ADD_BUS,
    SET_BUS_SOURCE,
    REMOVE_BUS,
    ADD_CONSUMER,
    REMOVE_CONSUMER,
    OPEN_TAP,
    TAP_WRITE,
    TAP_STREAM,
    UNTAP_STREAM,
    TAP_BUS,
    CLOSE_TAP,
};

/* Objects travel by pointer: Python names an object only until it sends the closing command, and
   frees it only after the thread retired it, so a pointer in the ring is always alive. */
struct command {
    uint32_t type;
    uint32_t number;
    void *target;
    void *arguments[4];
    uint64_t value;
};

#define COMMANDS 4096

struct command_ring {
    _Alignas(64) _Atomic uint32_t head; /* the thread's */
    _Alignas(64) _Atomic uint32_t tail; /* Python's */
    int wake_fd;
    struct command items[COMMANDS];
};

int command_ring_init(struct command_ring *r);
void command_ring_free(struct command_ring *r);
/* 0, or -1 when the ring is full. */
int command_put(struct command_ring *r, const struct command *command);
int command_take(struct command_ring *r, struct command *command);
void command_wake(struct command_ring *r);

enum event_type {
    EVENT_DTLS,
    EVENT_SELECTED,
    EVENT_CONSENT_EXPIRED,
    EVENT_BUS_SWITCHED,
    EVENT_TAP_CLOSED,
};

struct event {
    uint32_t type;
    uint32_t number;  /* RTP timestamp; DTLS: length */
    uint64_t handle;
    uint64_t other;   /* stream handle; DTLS: position in the data ring */
    int64_t ns;
    union address address;
};

#define EVENT_DATA (1u << 20)

struct event_ring {
    _Alignas(64) _Atomic uint32_t head; /* Python's */
    _Atomic uint64_t data_head;
    _Alignas(64) _Atomic uint32_t tail; /* the thread's */
    uint64_t data_tail;
    _Atomic int signalled;
    uint32_t capacity; /* a power of two */
    int wake_fd;
    counter dropped;
    struct event *items;
    uint8_t *data;
};

int event_ring_init(struct event_ring *r, uint32_t capacity);
void event_ring_free(struct event_ring *r);
/* 0, or -1 when it was dropped (and counted). */
int event_put(struct event_ring *r, const struct event *event);
/* DTLS may fill three quarters of the ring; the rest is for events that must arrive. */
int event_put_data(struct event_ring *r, struct event event, const uint8_t *data, size_t length);
void event_signal(struct event_ring *r);
/* Python's side: clear the wake-up first, then look at the oldest event and release it once its
   data has been copied, until there is none. */
void event_clear(struct event_ring *r);
int event_peek(struct event_ring *r, struct event *event, const uint8_t **data);
void event_release(struct event_ring *r, const struct event *event);

#endif
