/* Sending in batches: packets are written into slots, grouped by destination, and go out with
   few system calls: sendmmsg over destinations, UDP_SEGMENT for equal sizes to one of them. */
#ifndef PLENARY_SEND_H
#define PLENARY_SEND_H

#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "counter.h"

#define SEND_SLOT 1664   /* 1,500 bytes, our header extensions and the SRTP tag; no power of two,
                            so that slots do not share cache sets */
#define SEND_SLOTS 1024
#define SEND_SOCKETS 16

struct destination {
    union address address;
    int socket; /* index; -1: none */
    int32_t head; /* first queued slot, -1: none */
    int32_t tail;
    struct destination *next;
};

struct send_counters {
    counter packets;
    counter bytes;
    counter calls;
    counter gso_messages;
    counter errors;
};

struct send_queue;

struct send_queue *send_create(int gso);
void send_destroy(struct send_queue *q);
void send_add_socket(struct send_queue *q, int index, int fd);

void destination_init(struct destination *d);

/* A slot of SEND_SLOT bytes to write into; flushes when all are taken. Either `send_push` it or
   ask again: an unpushed slot is given out once more. */
uint8_t *send_slot(struct send_queue *q, struct send_counters *counters);
void send_push(struct send_queue *q, struct destination *d, size_t length);

/* Send everything queued. What the kernel does not take is dropped and counted. */
void send_flush(struct send_queue *q, struct send_counters *counters);

#endif
