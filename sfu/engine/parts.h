/* The thread's parts, as they call each other. All run on the engine thread only. */
#ifndef PLENARY_PARTS_H
#define PLENARY_PARTS_H

#include "model.h"

/* apply.c: commands change the tables. */
void apply_command(struct engine *e, const struct command *command);
void retire(struct engine *e, struct object *object);

/* ice.c: which transport an address belongs to. */
void ice_add(struct engine *e, struct transport *t);
void ice_remove(struct engine *e, struct transport *t);
void ice_restart(struct engine *e, struct transport *t, const struct credentials *credentials);
struct transport *ice_lookup(struct engine *e, const union address *from);
/* 1 when it was a valid check and has been answered. */
int ice_on_stun(struct engine *e, int socket, const union address *from, const uint8_t *data,
                size_t length);
void ice_expire(struct engine *e, struct transport *t);

/* route.c: who is fed by what. */
void route_bus(struct engine *e, struct bus *bus, struct stream *source, struct stream *alternate);
void route_consumer(struct engine *e, struct consumer *c);
void route_detach(struct consumer *c);
void route_forget_stream(struct engine *e, struct stream *s);
/* Consumers and buses that waited for this packet take the stream from here on. */
void route_switch(struct engine *e, struct stream *s, const struct packet *packet);
void route_transport_ready(struct engine *e, struct transport *t);
void route_write_switch(struct engine *e, const struct bus *bus, const struct bus_tap *tap,
                        uint32_t timestamp);

/* forward.c: packets in, packets out. */
void forward_rtp(struct engine *e, struct transport *t, uint8_t *data, size_t length);
void forward_again(struct engine *e, struct consumer *c, uint16_t seq);

/* feedback.c: requests to publishers. */
void ask_key_frame(struct engine *e, struct stream *s, int64_t at_least_ns);
void ask_missing(struct engine *e, struct stream *s);
void ask_urgent(struct engine *e);
void send_rtcp(struct engine *e, struct transport *t, uint8_t *slot, size_t length);

#define KEY_FRAME_INTERVAL (500 * NS_PER_MS)
#define KEY_FRAME_BUS_INTERVAL (150 * NS_PER_MS)
#define KEY_FRAME_TAP_INTERVAL (3 * NS_PER_S)

/* report.c: reports in and out. */
void report_rtcp(struct engine *e, struct transport *t, uint8_t *data, size_t length);
void report_tick(struct engine *e, struct transport *t);

/* engine.c */
void engine_wake_by(struct engine *e, int64_t ns);

#endif
