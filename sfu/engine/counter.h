/* Counters that the thread writes and Python reads without stopping it. One writer each. */
#ifndef PLENARY_COUNTER_H
#define PLENARY_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

typedef _Atomic uint64_t counter;

static inline uint64_t counter_get(const counter *c) {
    return atomic_load_explicit(c, memory_order_relaxed);
}

static inline void counter_set(counter *c, uint64_t value) {
    atomic_store_explicit(c, value, memory_order_relaxed);
}

static inline void counter_add(counter *c, uint64_t n) { counter_set(c, counter_get(c) + n); }

#endif
