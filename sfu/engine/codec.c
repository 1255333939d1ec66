#include "codec.h"

#include <string.h>

#define H264_SPS 7
#define H264_STAP_A 24
#define H264_FU_A 28

static int read_vp8(struct packet *p) {
    size_t length = p->rtp.payload_length;
    if (vp8_parse(p->payload, length, &p->vp8) < 0) {
        return -1;
    }
    p->starts_frame = (uint8_t)vp8_starts_frame(&p->vp8);
    p->switch_point = (uint8_t)vp8_starts_key_frame(p->payload, length, &p->vp8);
    if (p->switch_point) {
        vp8_size(p->payload, length, &p->vp8, &p->width, &p->height);
    }
    if (p->vp8.picture_bits) {
        p->numbers.has |= MUNGE_PICTURE;
        p->numbers.picture = p->vp8.picture;
    }
    if (vp8_has_tl0(&p->vp8)) {
        p->numbers.has |= MUNGE_TL0;
        p->numbers.tl0 = p->vp8.tl0;
    }
    return 0;
}

/* RFC 6184: a receiver begins at an SPS, alone or first in an aggregate; a bare IDR is no start. */
static int read_h264(struct packet *p) {
    const uint8_t *nal = p->payload;
    size_t length = p->rtp.payload_length;
    uint8_t type = nal[0] & 0x1F;
    if (type == H264_STAP_A && length > 3) {
        type = nal[3] & 0x1F;
    } else if (type == H264_FU_A && length > 1 && (nal[1] & 0x80)) {
        type = nal[1] & 0x1F;
    }
    p->switch_point = type == H264_SPS;
    p->starts_frame = p->switch_point;
    return 0;
}

int codec_read(int codec, struct packet *p) {
    if (p->rtp.payload_length == 0) { /* padding only: counts and is passed on, says nothing */
        return 0;
    }
    switch (codec) {
    case CODEC_VP8:
        return read_vp8(p);
    case CODEC_H264:
        return read_h264(p);
    default:
        p->switch_point = 1;
        return 0;
    }
}

size_t codec_write(int codec, const struct packet *p, const struct munge_output *numbers,
                   uint8_t *out) {
    size_t skip = 0;
    size_t at = 0;
    if (codec == CODEC_VP8 && p->rtp.payload_length > 0) {
        skip = p->vp8.length;
        at = vp8_write(&p->vp8, numbers->picture, numbers->tl0, out);
    }
    memcpy(out + at, p->payload + skip, p->rtp.payload_length - skip);
    return at + p->rtp.payload_length - skip;
}

uint16_t codec_unwrap_picture(const struct vp8_descriptor *d, uint16_t previous) {
    if (d->picture_bits != 7) {
        return d->picture;
    }
    int distance = (d->picture - previous) & 0x7F;
    return (uint16_t)((previous + (distance < 64 ? distance : distance - 128)) & 0x7FFF);
}
