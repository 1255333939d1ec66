#include "history.h"

#include <stdlib.h>
#include <string.h>

int history_init(struct history *h, uint32_t packets, uint32_t slot) {
    uint32_t size = 16;
    while (size < packets && size < 1u << 15) {
        size *= 2;
    }
    h->mask = size - 1;
    h->slot = slot;
    h->entries = malloc(size * sizeof *h->entries);
    h->data = malloc((size_t)size * slot); /* untouched pages cost nothing until used */
    if (h->entries == NULL || h->data == NULL) {
        history_free(h);
        return -1;
    }
    for (uint32_t i = 0; i < size; i++) {
        h->entries[i] = (struct history_entry){.seq = -1};
    }
    return 0;
}

void history_free(struct history *h) {
    free(h->entries);
    free(h->data);
    h->entries = NULL;
    h->data = NULL;
}

void history_put(struct history *h, int64_t seq, const uint8_t *data, size_t length,
                 uint16_t picture, int64_t arrival_ns) {
    uint32_t index = (uint32_t)seq & h->mask;
    struct history_entry *entry = &h->entries[index];
    if (length > h->slot || entry->seq > seq) { /* never let a late packet evict a newer one */
        return;
    }
    entry->seq = seq;
    entry->length = (uint16_t)length;
    entry->picture = picture;
    entry->arrival_ns = arrival_ns;
    memcpy(h->data + (size_t)index * h->slot, data, length);
}

const struct history_entry *history_get(const struct history *h, int64_t seq,
                                        const uint8_t **data) {
    uint32_t index = (uint32_t)seq & h->mask;
    if (h->entries[index].seq != seq) {
        return NULL;
    }
    *data = h->data + (size_t)index * h->slot;
    return &h->entries[index];
}
