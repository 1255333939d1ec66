/* The packet engine as Python sees it: one thread that receives, forwards and answers.

   All functions are for one Python thread. Those that take or return an object pass it to the
   engine thread by command; they return -1 (or NULL) with errno when memory or the command ring
   is exhausted (ENOMEM, EAGAIN), or an argument is out of range (EINVAL). Before `engine_start`
   and after `engine_stop` commands are applied at once. */
#ifndef PLENARY_ENGINE_H
#define PLENARY_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "ring.h"
#include "srtp.h"

struct engine;
struct object;
struct transport;
struct stream;
struct bus;
struct consumer;
struct tap;

struct engine_options {
    int gso;
    int64_t consent_ms;
    int64_t hold_us;
    uint64_t remb_bps;
    uint32_t event_capacity;
    struct srtp_functions srtp;
};

struct blob {
    const void *data;
    size_t length;
};

struct stream_options {
    uint32_t ssrc, clock_rate, tag, max_packets;
    int payload_type, codec;
    int mid_extension, abs_send_time_extension, audio_level_extension;
    struct blob mid;
};

struct consumer_options {
    uint32_t ssrc, clock_rate;
    int payload_type;
    int mid_extension, abs_send_time_extension, audio_level_extension;
    uint16_t first_seq;
    uint32_t first_timestamp;
    struct blob mid, cname;
};

struct engine *engine_create(const struct engine_options *options);
/* Stops the thread, frees every object. */
void engine_destroy(struct engine *e);
int engine_event_fd(const struct engine *e);
int engine_start(struct engine *e);
void engine_stop(struct engine *e);

int engine_add_socket(struct engine *e, int index, int fd);

struct transport *engine_open_transport(struct engine *e, uint64_t handle, struct blob ufrag,
                                        struct blob pwd, uint64_t owner, uint32_t feedback_ssrc);
int engine_set_ice(struct engine *e, struct transport *t, struct blob ufrag, struct blob pwd);
int engine_set_srtp(struct engine *e, struct transport *t, void *rtp_in, void *rtcp_in,
                    void *rtp_out, void *rtcp_out);
int engine_send_datagram(struct engine *e, struct transport *t, struct blob data);
int engine_close_transport(struct engine *e, struct transport *t);

struct stream *engine_add_stream(struct engine *e, uint64_t handle, struct transport *t,
                                 const struct stream_options *options);
int engine_remove_stream(struct engine *e, struct stream *s);
int engine_request_key_frame(struct engine *e, struct stream *s);

struct bus *engine_add_bus(struct engine *e, uint64_t handle, int video, uint32_t tag);
int engine_set_bus_source(struct engine *e, struct bus *bus, struct stream *source,
                          struct stream *alternate);
int engine_remove_bus(struct engine *e, struct bus *bus);

struct consumer *engine_add_consumer(struct engine *e, uint64_t handle, struct transport *t,
                                     struct bus *bus, const struct consumer_options *options);
int engine_remove_consumer(struct engine *e, struct consumer *c);

struct tap *engine_open_tap(struct engine *e, uint64_t handle, int fd, size_t capacity);
int engine_tap_write(struct engine *e, struct tap *tap, int type, uint32_t tag,
                     struct blob payload);
int engine_tap_stream(struct engine *e, struct tap *tap, struct stream *s);
int engine_untap_stream(struct engine *e, struct tap *tap, struct stream *s);
int engine_tap_bus(struct engine *e, struct tap *tap, struct bus *bus, int slot, int video);
int engine_close_tap(struct engine *e, struct tap *tap);

/* Events and retired objects: clear, then take both until there are none. */
void engine_clear_events(struct engine *e);
int engine_peek_event(struct engine *e, struct event *event, const uint8_t **data);
void engine_release_event(struct engine *e, const struct event *event);
/* The address of a SELECTED event; a mapped IPv4 address as IPv4. Returns 4 or 16. */
int event_address(const struct event *event, uint8_t ip[16], uint16_t *port);
/* A chain of objects that the thread will never touch again; the caller frees each. */
struct object *engine_take_retired(struct engine *e);
struct object *object_next(const struct object *object);
uint64_t object_handle(const struct object *object);
int object_is_transport(const struct object *object);
int object_is_tap(const struct object *object);
void object_free(struct object *object);

/* Counters, in the order of the named tuples in native.pyi. */
#define STREAM_COUNTERS 15
#define CONSUMER_COUNTERS 11
#define ENGINE_COUNTERS 12
void engine_stream_counters(const struct stream *s, uint64_t out[STREAM_COUNTERS]);
void engine_consumer_counters(const struct consumer *c, uint64_t out[CONSUMER_COUNTERS]);
void engine_counters(struct engine *e, uint64_t out[ENGINE_COUNTERS]);

#endif
