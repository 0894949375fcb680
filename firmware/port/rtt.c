#include "rtt.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "chip.h"
#include "cortex_m4.h"

#define RING_SIZE 1024u
#define MODE_NO_BLOCK_SKIP 0u

typedef struct {
    const char *name;
    char *data;
    uint32_t size;
    volatile uint32_t write;
    volatile uint32_t read;
    uint32_t flags;
} rtt_ring_t;

// The names and the order are what RTT readers look for.
struct {
    char id[16];
    int32_t up_count;
    int32_t down_count;
    rtt_ring_t up[1];
    #if FEATURE_REPL
    rtt_ring_t down[1];
    #endif
} _SEGGER_RTT __attribute__((section(".noinit")));

static char ring_data[RING_SIZE] __attribute__((section(".noinit")));
static uint32_t lost;

#if FEATURE_REPL
#define TYPED_SIZE 128u
static char typed_data[TYPED_SIZE] __attribute__((section(".noinit")));
#endif

void rtt_init(bool keep) {
    // Spelt backwards, so that the only copy of the mark in the memory map is the control block itself.
    static const char mark[] = "TTR REGGES";
    char id[16] = "";
    for (size_t i = 0; i < sizeof(mark) - 1; i++) {
        id[i] = mark[sizeof(mark) - 2 - i];
    }
    rtt_ring_t *up = &_SEGGER_RTT.up[0];
    bool whole = memcmp(_SEGGER_RTT.id, id, sizeof(id)) == 0 && up->write < RING_SIZE && up->read < RING_SIZE;
    if (!keep || !whole) {
        up->write = 0;
        up->read = 0;
    }
    up->name = "Terminal";
    up->data = ring_data;
    up->size = RING_SIZE;
    up->flags = MODE_NO_BLOCK_SKIP;
    _SEGGER_RTT.up_count = 1;
    _SEGGER_RTT.down_count = FEATURE_REPL;
    #if FEATURE_REPL
    _SEGGER_RTT.down[0] = (rtt_ring_t) {.name = up->name, .data = typed_data, .size = TYPED_SIZE};
    #endif
    dsb();
    memcpy(_SEGGER_RTT.id, id, sizeof(id));
}

static bool put(const char *text, size_t size) {
    rtt_ring_t *up = &_SEGGER_RTT.up[0];
    uint32_t write = up->write;
    if (size > (up->read - write - 1) % RING_SIZE) {
        return false;
    }
    size_t first = size < RING_SIZE - write ? size : RING_SIZE - write;
    memcpy(ring_data + write, text, first);
    memcpy(ring_data, text + first, size - first);
    dsb();
    up->write = (write + size) % RING_SIZE;
    return true;
}

void rtt_write(const char *text, size_t size) {
    if (lost) {
        char note[] = "\n[0000000000 bytes of log lost]\n";
        uint32_t rest = lost;
        for (size_t i = 11; i > 1; i--, rest /= 10) {
            note[i] = '0' + rest % 10;
        }
        if (put(note, sizeof(note) - 1)) {
            lost = 0;
        }
    }
    if (lost || !put(text, size)) {
        lost += size;
    }
}

#if FEATURE_REPL
size_t rtt_read(char *text, size_t size) {
    rtt_ring_t *down = &_SEGGER_RTT.down[0];
    uint32_t read = down->read;
    size_t count = 0;
    while (count < size && read != down->write) {
        text[count++] = typed_data[read];
        read = (read + 1) % TYPED_SIZE;
    }
    dsb();
    down->read = read;
    return count;
}
#endif
