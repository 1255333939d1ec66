#include "ring.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void wake(int fd) {
    uint64_t one = 1;
    ssize_t written = write(fd, &one, sizeof one); /* full means already awake */
    (void)written;
}

int command_ring_init(struct command_ring *r) {
    r->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return r->wake_fd < 0 ? -1 : 0;
}

void command_ring_free(struct command_ring *r) {
    if (r->wake_fd >= 0) {
        close(r->wake_fd);
    }
}

int command_put(struct command_ring *r, const struct command *command) {
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail - atomic_load_explicit(&r->head, memory_order_acquire) == COMMANDS) {
        return -1;
    }
    r->items[tail % COMMANDS] = *command;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return 0;
}

int command_take(struct command_ring *r, struct command *command) {
    uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&r->tail, memory_order_acquire)) {
        return 0;
    }
    *command = r->items[head % COMMANDS];
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return 1;
}

void command_wake(struct command_ring *r) { wake(r->wake_fd); }

int event_ring_init(struct event_ring *r, uint32_t capacity) {
    r->capacity = 64;
    while (r->capacity < capacity && r->capacity < 1u << 20) {
        r->capacity *= 2;
    }
    r->items = calloc(r->capacity, sizeof *r->items);
    r->data = malloc(EVENT_DATA);
    r->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return r->items == NULL || r->data == NULL || r->wake_fd < 0 ? -1 : 0;
}

void event_ring_free(struct event_ring *r) {
    free(r->items);
    free(r->data);
    if (r->wake_fd >= 0) {
        close(r->wake_fd);
    }
}

static uint32_t event_count(struct event_ring *r) {
    return atomic_load_explicit(&r->tail, memory_order_relaxed) -
           atomic_load_explicit(&r->head, memory_order_acquire);
}

int event_put(struct event_ring *r, const struct event *event) {
    if (event_count(r) == r->capacity) {
        counter_add(&r->dropped, 1);
        return -1;
    }
    uint32_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    r->items[tail & (r->capacity - 1)] = *event;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    event_signal(r);
    return 0;
}

int event_put_data(struct event_ring *r, struct event event, const uint8_t *data, size_t length) {
    uint64_t at = r->data_tail;
    if (at % EVENT_DATA + length > EVENT_DATA) { /* never split: begin again at the start */
        at += EVENT_DATA - at % EVENT_DATA;
    }
    uint64_t head = atomic_load_explicit(&r->data_head, memory_order_acquire);
    if (at + length - head > EVENT_DATA || event_count(r) >= r->capacity / 4 * 3) {
        counter_add(&r->dropped, 1);
        return -1;
    }
    memcpy(r->data + at % EVENT_DATA, data, length);
    r->data_tail = at + length;
    event.other = at;
    event.number = (uint32_t)length;
    return event_put(r, &event);
}

void event_signal(struct event_ring *r) {
    if (!atomic_exchange(&r->signalled, 1)) {
        wake(r->wake_fd);
    }
}

void event_clear(struct event_ring *r) {
    uint64_t count;
    ssize_t got = read(r->wake_fd, &count, sizeof count);
    (void)got;
    atomic_store(&r->signalled, 0);
}

int event_peek(struct event_ring *r, struct event *event, const uint8_t **data) {
    uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&r->tail, memory_order_acquire)) {
        return 0;
    }
    *event = r->items[head & (r->capacity - 1)];
    *data = NULL;
    if (event->type == EVENT_DTLS) {
        *data = r->data + event->other % EVENT_DATA;
    }
    return 1;
}

void event_release(struct event_ring *r, const struct event *event) {
    if (event->type == EVENT_DTLS) {
        atomic_store_explicit(&r->data_head, event->other + event->number, memory_order_release);
    }
    atomic_store_explicit(&r->head, atomic_load_explicit(&r->head, memory_order_relaxed) + 1,
                          memory_order_release);
}
