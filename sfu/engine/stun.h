/* STUN Binding for an ICE-lite server (RFC 8489, RFC 8445): parse, verify, answer. */
#ifndef PLENARY_STUN_H
#define PLENARY_STUN_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#define STUN_HEADER 20
#define STUN_MAX_REPLY 96

struct stun_request {
    const uint8_t *data;
    const uint8_t *local_ufrag; /* the part of USERNAME before the colon */
    size_t local_ufrag_length;
    size_t integrity_offset; /* of the MESSAGE-INTEGRITY attribute */
    int use_candidate;
};

/* 0, or -1 for anything but a well-formed Binding request with USERNAME and MESSAGE-INTEGRITY,
   and a right FINGERPRINT where there is one. Integrity is not checked here. */
int stun_parse_request(const uint8_t *data, size_t length, struct stun_request *request);

/* 1 when MESSAGE-INTEGRITY was made with this password. */
int stun_check_integrity(const struct stun_request *request, const void *pwd, size_t pwd_length);

/* A success response with XOR-MAPPED-ADDRESS, MESSAGE-INTEGRITY and FINGERPRINT; returns its
   length, or 0 for an address family that STUN does not know. */
size_t stun_write_reply(const struct stun_request *request, const struct sockaddr *from,
                        const void *pwd, size_t pwd_length, uint8_t out[STUN_MAX_REPLY]);

#endif
