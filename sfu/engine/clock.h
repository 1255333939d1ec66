/* The two clocks of the engine. Media runs on the monotonic one; NTP stamps are the monotonic
   clock plus an offset taken once, so that a step of the wall clock never moves the media. */
#ifndef PLENARY_CLOCK_H
#define PLENARY_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_MS 1000000LL
#define NS_PER_S 1000000000LL
#define NTP_UNIX_S 2208988800LL /* 1970 in seconds of 1900 */

static inline int64_t clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static inline int64_t monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static inline uint64_t ntp_from_unix_ns(int64_t ns) {
    uint64_t seconds = (uint64_t)(ns / NS_PER_S + NTP_UNIX_S);
    uint64_t fraction = ((uint64_t)(ns % NS_PER_S) << 32) / NS_PER_S;
    return (seconds << 32) | fraction;
}

/* Nanoseconds since 1900 fit in 63 bits until 2192. */
static inline int64_t ntp_to_ns(uint64_t ntp) {
    return (int64_t)(ntp >> 32) * NS_PER_S + (int64_t)(((ntp & 0xFFFFFFFF) * NS_PER_S) >> 32);
}

#endif
