/* What the thread works on: transports with their streams and consumers, buses, taps.

   Python allocates an object and hands it over by command; from then on only the thread touches
   it (counters excepted, which are atomic). A closing command makes the thread unlink it and put
   it on the retired list; Python frees it from there. */
#ifndef PLENARY_MODEL_H
#define PLENARY_MODEL_H

#include <pthread.h>
#include <stddef.h>

#include "address.h"
#include "clock.h"
#include "codec.h"
#include "counter.h"
#include "history.h"
#include "munge.h"
#include "receive.h"
#include "ring.h"
#include "send.h"
#include "srtp.h"
#include "tap.h"

#define MAX_UFRAG 64
#define MAX_PWD 128
#define MAX_MID 32
#define MAX_CNAME 63
#define MAX_SOCKETS SEND_SOCKETS
#define VALIDATED 4   /* addresses of one transport that passed a check */
#define STREAM_TAPS 4
#define BUS_TAPS 4
#define RESENT 256
#define UFRAG_BUCKETS 1024
#define ADDRESS_BUCKETS 4096
#define NEVER INT64_MAX
#define LONG_AGO (INT64_MIN / 2)

enum object_kind { TRANSPORT = 1, STREAM, BUS, CONSUMER, TAP };

struct object {
    uint32_t kind;
    uint64_t handle;
    struct object *next_retired;
};

struct list {
    void **items;
    uint32_t count;
    uint32_t capacity;
};

struct credentials {
    uint8_t ufrag_length;
    uint8_t pwd_length;
    uint8_t ufrag[MAX_UFRAG];
    uint8_t pwd[MAX_PWD];
};

struct transport;

struct validated {
    union address address;
    int socket; /* -1: empty */
    struct transport *transport;
    struct validated *next; /* of the bucket */
};

struct transport {
    struct object object;
    struct destination destination; /* the selected address; socket -1: none */
    void *rtp_in, *rtcp_in, *rtp_out, *rtcp_out;
    struct credentials credentials;
    uint64_t owner;
    int64_t last_check_ns;
    uint8_t restarted; /* new credentials: the next good check is adopted */
    uint8_t next_validated;
    struct validated validated[VALIDATED];
    uint32_t feedback_ssrc; /* ours, in reports and requests */
    int64_t report_due_ns;
    int64_t sender_report_due_ns;
    int64_t clock_offset_ns; /* our monotonic clock minus the sender's NTP clock */
    int64_t clock_offset_at_ns;
    uint8_t has_clock_offset;
    uint8_t clock_disagreements;
    struct stream *streams;
    struct consumer *consumers;
    struct transport *next, *previous;
    struct transport *next_ufrag;
};

struct stream_counters {
    counter packets, bytes, expected, recovered, duplicates, jitter, nacks_sent, plis_sent,
        key_frames, frames, width, height, audio_level, last_packet_ns;
};

struct stream {
    struct object object;
    struct transport *transport;
    struct stream *next;
    uint32_t ssrc; /* 0: to be learned */
    uint32_t tag;
    uint32_t clock_rate;
    uint8_t payload_type;
    uint8_t codec;
    uint8_t video;
    uint8_t mid_length;
    uint8_t mid_extension, abs_send_time_extension, audio_level_extension;
    uint8_t mid[MAX_MID];
    uint8_t urgent; /* already listed for a NACK at the end of the batch */
    uint16_t picture; /* the last one, unwrapped */
    uint32_t last_timestamp;
    struct list current; /* consumers that are fed */
    struct list waiting; /* consumers that join at the next switch point */
    uint32_t waiting_buses;
    uint32_t tap_count;
    struct tap *taps[STREAM_TAPS];
    struct history history;
    struct receive receive;
    int64_t key_frame_asked_ns;
    int64_t key_frame_due_ns; /* a merged request that waits for the throttle */
    int64_t key_frame_ns;
    uint64_t sr_ntp; /* 0: no sender report yet */
    uint32_t sr_timestamp;
    int64_t sr_arrival_ns;
    struct stream_counters counters;
};

struct bus_tap {
    struct tap *tap;
    uint8_t slot;
    uint8_t video;
};

struct bus {
    struct object object;
    struct bus *next;
    uint8_t video;
    uint32_t tag;
    uint32_t tap_count;
    struct bus_tap taps[BUS_TAPS];
    struct stream *source;  /* what it is told to show */
    struct stream *alternate;
    struct stream *current; /* what it shows */
    struct consumer *consumers;
};

struct consumer_counters {
    counter packets, bytes, retransmitted, fraction_lost, lost, jitter, round_trip_us,
        nacks_received, plis_received, switches, current_stream;
};

struct consumer {
    struct object object;
    struct transport *transport;
    struct consumer *next; /* of the transport */
    struct bus *bus;
    struct consumer *next_of_bus;
    struct stream *current, *wanted;
    uint32_t current_at, waiting_at; /* positions in the streams' lists */
    uint32_t ssrc;
    uint8_t video;
    uint8_t header_length;
    uint8_t time_at;  /* of abs-send-time in the header; 0: none */
    uint8_t level_at; /* of the audio level element, with its id; 0: none */
    uint8_t level_size;
    uint8_t cname_length;
    uint8_t header[RTP_HEADER + 4 + MAX_MID + 16];
    char cname[MAX_CNAME];
    uint32_t sent_packets, sent_octets;
    int64_t report_due_ns;
    struct munge munge;
    struct {
        uint16_t seq;
        int64_t at_ns;
    } resent[RESENT];
    struct consumer_counters counters;
};

struct tap {
    struct object object;
    struct tap *next;
    uint8_t blocked; /* waits for the socket */
    uint8_t reported;
    struct tap_buffer buffer;
};

struct engine_counters {
    counter packets_in, bytes_in, receive_calls, invalid_datagrams, srtp_failures;
};

#define URGENT 64
#define BATCH 64
#define DATAGRAM 2112 /* receive stride; larger datagrams are refused */
#define MAX_PACKET 1500

struct engine {
    /* configuration */
    int64_t consent_ns;
    int64_t hold_ns;
    uint64_t remb_bps;
    struct srtp_functions srtp;
    int64_t wall_offset_ns; /* Unix time minus our monotonic clock */
    /* tables */
    int sockets[MAX_SOCKETS];
    struct transport *transports;
    struct bus *buses;
    struct tap *taps;
    struct transport *by_ufrag[UFRAG_BUCKETS];
    struct validated *by_address[ADDRESS_BUCKETS];
    /* the thread */
    pthread_t thread;
    int running; /* Python's view */
    _Atomic int stop;
    int epoll_fd;
    int64_t now_ns;
    int64_t next_tick_ns;
    int64_t flush_due_ns;
    unsigned urgent_count;
    struct stream *urgent[URGENT];
    struct send_queue *send;
    struct send_counters sent;
    struct engine_counters counters;
    counter cpu_ns; /* set when the thread has ended */
    _Atomic(struct object *) retired;
    struct event_ring events;
    struct command_ring commands;
    uint8_t buffers[BATCH][DATAGRAM];
};

static inline int transport_sends(const struct transport *t) {
    return t->destination.socket >= 0 && t->rtp_out != NULL;
}

#endif
