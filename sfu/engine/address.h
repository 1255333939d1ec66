/* An IPv4 or IPv6 address with its port: small, unlike sockaddr_storage. */
#ifndef PLENARY_ADDRESS_H
#define PLENARY_ADDRESS_H

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static inline socklen_t address_size(const union address *a) {
    return a->any.sa_family == AF_INET6 ? sizeof a->v6 : sizeof a->v4;
}

static inline int address_equal(const union address *a, const union address *b) {
    if (a->any.sa_family != b->any.sa_family) {
        return 0;
    }
    if (a->any.sa_family == AF_INET) {
        return a->v4.sin_port == b->v4.sin_port && a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
    }
    return a->v6.sin6_port == b->v6.sin6_port &&
           memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, 16) == 0 &&
           a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

static inline uint32_t address_hash(const union address *a) {
    uint64_t key;
    if (a->any.sa_family == AF_INET) {
        key = ((uint64_t)a->v4.sin_addr.s_addr << 16) | a->v4.sin_port;
    } else {
        uint64_t half[2];
        memcpy(half, &a->v6.sin6_addr, 16);
        key = half[0] ^ (half[1] * 3) ^ a->v6.sin6_port;
    }
    return (uint32_t)((key * 0x9E3779B97F4A7C15u) >> 32);
}

#endif
