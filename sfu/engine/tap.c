#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define HEADER 24
#define GAP_PAYLOAD 8
#define CONTROL_RESERVE 65536

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tap records are little-endian");

int tap_buffer_init(struct tap_buffer *t, int fd, size_t capacity) {
    size_t least = 4 * CONTROL_RESERVE;
    *t = (struct tap_buffer){.fd = fd, .capacity = capacity < least ? least : capacity};
    t->data = malloc(t->capacity);
    return t->data == NULL ? -1 : 0;
}

void tap_buffer_free(struct tap_buffer *t) {
    free(t->data);
    t->data = NULL;
}

static void put(struct tap_buffer *t, const void *data, size_t length) {
    size_t at = t->tail % t->capacity;
    size_t first = t->capacity - at < length ? t->capacity - at : length;
    memcpy(t->data + at, data, first);
    if (length > first) {
        memcpy(t->data, (const uint8_t *)data + first, length - first);
    }
    t->tail += length;
}

static void put_record(struct tap_buffer *t, uint8_t type, uint32_t tag, int64_t now_ns,
                       const void *payload, size_t length) {
    uint8_t header[HEADER] = {0};
    uint32_t size = (uint32_t)length;
    memcpy(header, &size, 4);
    header[4] = type;
    memcpy(header + 8, &tag, 4);
    memcpy(header + 16, &now_ns, 8);
    put(t, header, HEADER);
    put(t, payload, length);
}

static void put_gap(struct tap_buffer *t, int64_t now_ns) {
    if (t->dropped) {
        put_record(t, TAP_GAP, 0, now_ns, &t->dropped, GAP_PAYLOAD);
        t->dropped = 0;
    }
}

void tap_put(struct tap_buffer *t, uint8_t type, uint32_t tag, int64_t now_ns,
             const uint8_t *payload, size_t length, int control) {
    if (t->failed) {
        return;
    }
    size_t needed = HEADER + length + (t->dropped ? HEADER + GAP_PAYLOAD : 0) +
                    (control ? 0 : CONTROL_RESERVE);
    if (t->capacity - (size_t)(t->tail - t->head) < needed) {
        t->dropped++;
        return;
    }
    put_gap(t, now_ns);
    put_record(t, type, tag, now_ns, payload, length);
}

void tap_note_gap(struct tap_buffer *t, int64_t now_ns) {
    if (!t->failed &&
        t->capacity - (size_t)(t->tail - t->head) >= HEADER + GAP_PAYLOAD + CONTROL_RESERVE) {
        put_gap(t, now_ns);
    }
}

int tap_flush(struct tap_buffer *t) {
    while (t->head != t->tail && !t->failed) {
        size_t at = t->head % t->capacity;
        size_t waiting = (size_t)(t->tail - t->head);
        size_t first = t->capacity - at < waiting ? t->capacity - at : waiting;
        struct iovec parts[2] = {{t->data + at, first}, {t->data, waiting - first}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = waiting > first ? 2 : 1};
        ssize_t sent = sendmsg(t->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            t->head += (uint64_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return 0;
        } else if (errno != EINTR) {
            t->failed = 1;
        }
    }
    return t->failed ? -1 : 1;
}
