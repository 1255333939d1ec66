/* The thread: waits on every socket at once, takes what is there, sends what came of it. */
#include "engine.h"
#include "parts.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define WAKE_COMMANDS ((uint64_t)MAX_SOCKETS) /* below: socket indices; above: tap pointers */
#define WAKE_EVENTS 64
#define BUSY_TICK (50 * NS_PER_MS)
#define IDLE_TICK (1000 * NS_PER_MS)
#define MAX_BATCHES 4 /* of one socket before the others get their turn */

void engine_wake_by(struct engine *e, int64_t ns) {
    if (ns < e->next_tick_ns) {
        e->next_tick_ns = ns;
    }
}

static void invalid(struct engine *e) { counter_add(&e->counters.invalid_datagrams, 1); }

static void on_dtls(struct engine *e, const struct transport *t, const uint8_t *data,
                    size_t length) {
    const struct event event = {.type = EVENT_DTLS, .handle = t->object.handle};
    event_put_data(&e->events, event, data, length);
}

/* RFC 7983: the first byte says what it is; all but STUN needs an address that proved itself. */
static void on_datagram(struct engine *e, int socket, const union address *from, uint8_t *data,
                        size_t length) {
    if (length < 2) {
        invalid(e);
        return;
    }
    if (data[0] < 4) {
        if (!ice_on_stun(e, socket, from, data, length)) {
            invalid(e);
        }
        return;
    }
    struct transport *t = ice_lookup(e, from);
    if (t == NULL) {
        invalid(e);
    } else if (data[0] >= 128 && data[0] < 192) {
        if (data[1] >= 192 && data[1] <= 223) {
            report_rtcp(e, t, data, length);
        } else {
            forward_rtp(e, t, data, length);
        }
    } else if (data[0] >= 20 && data[0] < 64) {
        on_dtls(e, t, data, length);
    } else {
        invalid(e);
    }
}

static void take_commands(struct engine *e) {
    struct command command;
    for (int i = 0; i < COMMANDS && command_take(&e->commands, &command); i++) {
        apply_command(e, &command);
    }
}

static void receive(struct engine *e, int index) {
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    union address from[BATCH];
    for (int round = 0; round < MAX_BATCHES; round++) {
        for (int i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){e->buffers[i], DATAGRAM - 16};
            messages[i].msg_hdr = (struct msghdr){.msg_name = &from[i],
                                                  .msg_namelen = sizeof from[i],
                                                  .msg_iov = &vectors[i],
                                                  .msg_iovlen = 1};
        }
        int count = recvmmsg(e->sockets[index], messages, BATCH, MSG_DONTWAIT, NULL);
        counter_add(&e->counters.receive_calls, 1);
        if (count <= 0) {
            return;
        }
        take_commands(e); /* what Python ordered before a packet was sent holds for that packet */
        for (int i = 0; i < count; i++) {
            size_t length = messages[i].msg_len;
            counter_add(&e->counters.packets_in, 1);
            counter_add(&e->counters.bytes_in, length);
            if (messages[i].msg_hdr.msg_flags & MSG_TRUNC) {
                invalid(e);
            } else {
                on_datagram(e, index, &from[i], e->buffers[i], length);
            }
        }
        if (count < BATCH) {
            return;
        }
    }
}

static void write_taps(struct engine *e) {
    for (struct tap *tap = e->taps; tap != NULL; tap = tap->next) {
        if (!tap->blocked && !tap->reported) {
            int result = tap_flush(&tap->buffer);
            tap->blocked = result == 0;
            if (result < 0) { /* its owner may close the descriptor now, and the number may return */
                if (tap->buffer.fd >= 0) {
                    epoll_ctl(e->epoll_fd, EPOLL_CTL_DEL, tap->buffer.fd, NULL);
                    tap->buffer.fd = -1;
                }
                const struct event event = {.type = EVENT_TAP_CLOSED,
                                            .handle = tap->object.handle};
                tap->reported = event_put(&e->events, &event) == 0;
            }
        }
    }
}

static void tick(struct engine *e) {
    e->next_tick_ns = e->now_ns + (e->transports == NULL ? IDLE_TICK : BUSY_TICK);
    for (struct transport *t = e->transports; t != NULL; t = t->next) {
        report_tick(e, t);
    }
    for (struct tap *tap = e->taps; tap != NULL; tap = tap->next) {
        tap_note_gap(&tap->buffer, e->now_ns);
    }
}

static void on_ready(struct engine *e, const struct epoll_event *ready, uint32_t *sockets) {
    uint64_t what = ready->data.u64;
    if (what < MAX_SOCKETS) {
        *sockets |= 1u << what;
    } else if (what == WAKE_COMMANDS) {
        uint64_t count;
        ssize_t got = read(e->commands.wake_fd, &count, sizeof count);
        (void)got;
    } else {
        struct tap *tap = ready->data.ptr;
        tap->blocked = 0;
        if (ready->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
            tap->buffer.failed = 1;
        }
    }
}

static void finish_batch(struct engine *e) {
    ask_urgent(e);
    if (e->now_ns >= e->next_tick_ns) {
        tick(e);
    }
    send_flush(e->send, &e->sent);
    write_taps(e);
}

static void *run(void *argument) {
    struct engine *e = argument;
    struct epoll_event ready[WAKE_EVENTS];
    pthread_setname_np(pthread_self(), "packet-engine");
    e->next_tick_ns = 0;
    while (!atomic_load_explicit(&e->stop, memory_order_acquire)) {
        int64_t wait = e->next_tick_ns - monotonic_ns();
        int timeout = wait <= 0 ? 0 : (int)((wait + NS_PER_MS - 1) / NS_PER_MS);
        int count = epoll_wait(e->epoll_fd, ready, WAKE_EVENTS, timeout);
        uint32_t sockets = 0;
        e->now_ns = monotonic_ns();
        for (int i = 0; i < count; i++) {
            on_ready(e, &ready[i], &sockets);
        }
        take_commands(e);
        for (; sockets != 0; sockets &= sockets - 1) {
            receive(e, __builtin_ctz(sockets));
        }
        finish_batch(e);
    }
    take_commands(e);
    finish_batch(e);
    counter_set(&e->cpu_ns, (uint64_t)clock_ns(CLOCK_THREAD_CPUTIME_ID));
    return NULL;
}

int engine_start(struct engine *e) {
    sigset_t all, before;
    if (e->running) {
        return 0;
    }
    atomic_store(&e->stop, 0);
    sigfillset(&all); /* signals are for Python's threads */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&e->thread, NULL, run, e);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed) {
        errno = failed;
        return -1;
    }
    e->running = 1;
    return 0;
}

void engine_stop(struct engine *e) {
    if (!e->running) {
        return;
    }
    atomic_store_explicit(&e->stop, 1, memory_order_release);
    command_wake(&e->commands);
    pthread_join(e->thread, NULL);
    e->running = 0;
}
