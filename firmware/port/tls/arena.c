#include "arena.h"

#include <stdint.h>
#include <string.h>

// The area is cut into blocks, each with its size in the word before it; bit 0: in use. The first hole that is
// large enough is taken, and holes side by side become one on the way there. Sizes are multiples of 8, and
// the first word is left out, so that what is handed out is aligned to 8.
#define USED 1u
#define HEAD sizeof(uint32_t)

uint8_t tls_arena[TLS_ARENA_SIZE] __attribute__((aligned(8)));
uint32_t tls_arena_peak;
bool arena_refused;

#define BOTTOM (tls_arena + HEAD)
#define TOP (tls_arena + TLS_ARENA_SIZE - HEAD)

static uint32_t *head_at(uint8_t *block) {
    return (uint32_t *)block;
}

void *arena_calloc(size_t count, size_t size) {
    if (size && count > TLS_ARENA_SIZE / size) {
        arena_refused = true;
        return NULL;
    }
    uint32_t need = (count * size + HEAD + 7) & ~7u;
    if (*head_at(BOTTOM) == 0) {
        *head_at(BOTTOM) = TOP - BOTTOM;
    }
    for (uint8_t *block = BOTTOM; block < TOP; block += *head_at(block) & ~USED) {
        uint32_t *head = head_at(block);
        if (*head & USED) {
            continue;
        }
        for (uint8_t *next; (next = block + *head) < TOP && !(*head_at(next) & USED);) {
            *head += *head_at(next);
        }
        if (*head < need) {
            continue;
        }
        if (*head > need) {
            *head_at(block + need) = *head - need;
        }
        *head = need | USED;
        if (block + need - tls_arena > (ptrdiff_t)tls_arena_peak) {
            tls_arena_peak = block + need - tls_arena;
        }
        return memset(block + HEAD, 0, need - HEAD);
    }
    arena_refused = true;
    return NULL;
}

void arena_free(void *memory) {
    if (memory) {
        *head_at((uint8_t *)memory - HEAD) &= ~USED;
    }
}

size_t arena_peak(void) {
    return tls_arena_peak;
}
