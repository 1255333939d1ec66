/* What the engine must know of a codec: where a frame starts, where a stream may be joined, and
   what has to be rewritten so that a switch of source stays invisible. One row per codec. */
#ifndef PLENARY_CODEC_H
#define PLENARY_CODEC_H

#include "munge.h"
#include "rtp.h"
#include "vp8.h"

enum codec { CODEC_VP8 = 1, CODEC_H264 = 2, CODEC_OPUS = 3 };

/* An accepted packet, decrypted, with all that was read from it. */
struct packet {
    const uint8_t *data;
    size_t length;
    const uint8_t *payload;
    struct rtp_packet rtp;
    struct vp8_descriptor vp8;
    struct munge_input numbers;
    uint8_t audio_level; /* RFC 6464: V bit and level */
    uint8_t has_audio_level;
    uint8_t starts_frame;
    uint8_t switch_point; /* a receiver may begin here: video, a key frame */
    int width;            /* of a key frame; 0: not known */
    int height;
};

static inline int codec_is_video(int codec) { return codec == CODEC_VP8 || codec == CODEC_H264; }

/* Fill in the fields that depend on the codec. -1 for a payload that is none. */
int codec_read(int codec, struct packet *packet);

/* Write the payload with the outgoing numbers; returns its length. At most two bytes longer than
   the incoming one. */
size_t codec_write(int codec, const struct packet *packet, const struct munge_output *numbers,
                   uint8_t *out);

/* A 7-bit picture id continues the stream's 15-bit one, so that every consumer can add a constant. */
uint16_t codec_unwrap_picture(const struct vp8_descriptor *d, uint16_t previous);

#endif
