#include "send.h"

#include <errno.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define MAX_SEGMENTS 64
#define MAX_GSO_BYTES 65000
#define CALL_MESSAGES 1024 /* UIO_MAXIOV */
#define REFUSALS_ALLOWED 8 /* a path may refuse one size; a kernel that refuses all is not asked */

struct slot {
    uint16_t length;
    int32_t next;
};

union segment_control {
    char space[CMSG_SPACE(sizeof(uint16_t))];
    struct cmsghdr align;
};

struct out_socket {
    int fd;
    int gso;
    int refusals;
};

struct send_queue {
    struct out_socket sockets[SEND_SOCKETS];
    uint32_t used_sockets; /* bits of this batch */
    int32_t used;
    int gso;
    struct destination *first;
    struct slot slots[SEND_SLOTS];
    struct mmsghdr messages[SEND_SLOTS];
    struct iovec vectors[SEND_SLOTS];
    union segment_control controls[SEND_SLOTS];
    uint8_t data[SEND_SLOTS][SEND_SLOT];
};

struct send_queue *send_create(int gso) {
    struct send_queue *q = calloc(1, sizeof *q);
    if (q != NULL) {
        q->gso = gso;
    }
    return q;
}

void send_destroy(struct send_queue *q) { free(q); }

void send_add_socket(struct send_queue *q, int index, int fd) {
    q->sockets[index] = (struct out_socket){.fd = fd, .gso = q->gso};
}

void destination_init(struct destination *d) {
    *d = (struct destination){.socket = -1, .head = -1, .tail = -1};
}

uint8_t *send_slot(struct send_queue *q, struct send_counters *counters) {
    if (q->used == SEND_SLOTS) {
        send_flush(q, counters);
    }
    return q->data[q->used];
}

void send_push(struct send_queue *q, struct destination *d, size_t length) {
    int32_t slot = q->used++;
    q->slots[slot] = (struct slot){.length = (uint16_t)length, .next = -1};
    if (d->head < 0) {
        d->head = slot;
        d->next = q->first;
        q->first = d;
        q->used_sockets |= 1u << d->socket;
    } else {
        q->slots[d->tail].next = slot;
    }
    d->tail = slot;
}

static void set_segment_size(struct msghdr *message, union segment_control *control,
                             uint16_t size) {
    message->msg_control = control;
    message->msg_controllen = sizeof control->space;
    struct cmsghdr *c = CMSG_FIRSTHDR(message);
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(c), &size, sizeof size);
}

/* One message per run of equal sizes; the last packet of a run may be shorter. */
static unsigned add_messages(struct send_queue *q, struct destination *d, int gso, unsigned count,
                             unsigned *vectors) {
    int32_t at = d->head;
    while (at >= 0) {
        struct msghdr *message = &q->messages[count].msg_hdr;
        struct iovec *first = &q->vectors[*vectors];
        uint16_t size = q->slots[at].length;
        uint16_t previous = size;
        size_t total = 0;
        unsigned segments = 0;
        do {
            previous = q->slots[at].length;
            q->vectors[(*vectors)++] = (struct iovec){q->data[at], previous};
            segments++;
            total += previous;
            at = q->slots[at].next;
        } while (gso && at >= 0 && previous == size && q->slots[at].length <= size &&
                 segments < MAX_SEGMENTS && total + size <= MAX_GSO_BYTES);
        *message = (struct msghdr){.msg_name = &d->address,
                                   .msg_namelen = address_size(&d->address),
                                   .msg_iov = first,
                                   .msg_iovlen = segments};
        if (segments > 1) {
            set_segment_size(message, &q->controls[count], size);
        }
        count++;
    }
    return count;
}

static void count_sent(struct send_counters *counters, const struct msghdr *message) {
    size_t bytes = 0;
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        bytes += message->msg_iov[i].iov_len;
    }
    counter_add(&counters->packets, message->msg_iovlen);
    counter_add(&counters->bytes, bytes);
    if (message->msg_iovlen > 1) {
        counter_add(&counters->gso_messages, 1);
    }
}

/* The kernel or the device refused to segment: send one by one, and stop asking if it repeats. */
static void send_segments(struct out_socket *socket, const struct msghdr *message,
                          struct send_counters *counters) {
    if (++socket->refusals >= REFUSALS_ALLOWED || errno == EIO) {
        socket->gso = 0;
    }
    for (size_t i = 0; i < message->msg_iovlen; i++) {
        struct msghdr single = *message;
        single.msg_iov = &message->msg_iov[i];
        single.msg_iovlen = 1;
        single.msg_control = NULL;
        single.msg_controllen = 0;
        counter_add(&counters->calls, 1);
        if (sendmsg(socket->fd, &single, MSG_DONTWAIT) < 0) {
            counter_add(&counters->errors, 1);
        } else {
            count_sent(counters, &single);
        }
    }
}

static void transmit(struct send_queue *q, struct out_socket *socket, unsigned count,
                     struct send_counters *counters) {
    unsigned sent = 0;
    while (sent < count) {
        unsigned some = count - sent < CALL_MESSAGES ? count - sent : CALL_MESSAGES;
        int result = sendmmsg(socket->fd, q->messages + sent, some, MSG_DONTWAIT);
        counter_add(&counters->calls, 1);
        if (result > 0) {
            for (int i = 0; i < result; i++) {
                count_sent(counters, &q->messages[sent + (unsigned)i].msg_hdr);
            }
            sent += (unsigned)result;
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        const struct msghdr *message = &q->messages[sent].msg_hdr;
        if (message->msg_controllen > 0 &&
            (errno == EIO || errno == EINVAL || errno == EMSGSIZE || errno == EOPNOTSUPP)) {
            send_segments(socket, message, counters);
        } else {
            counter_add(&counters->errors, message->msg_iovlen);
        }
        sent++;
    }
}

void send_flush(struct send_queue *q, struct send_counters *counters) {
    while (q->used_sockets != 0) {
        int index = __builtin_ctz(q->used_sockets);
        struct out_socket *socket = &q->sockets[index];
        unsigned count = 0;
        unsigned vectors = 0;
        for (struct destination *d = q->first; d != NULL; d = d->next) {
            if (d->socket == index) {
                count = add_messages(q, d, socket->gso, count, &vectors);
            }
        }
        transmit(q, socket, count, counters);
        q->used_sockets &= q->used_sockets - 1;
    }
    for (struct destination *d = q->first; d != NULL; d = d->next) {
        d->head = -1;
    }
    q->first = NULL;
    q->used = 0;
}
