// The logs in the journal of flash.c, for ctypes.

#include <string.h>

#include "log.h"
#include "tick.h"

#define AREA_SIZE 2048u

extern uint8_t _journal_start[];

static uint64_t now_us;

uint64_t tick_us(void) {
    return now_us;
}

void pass_seconds(uint32_t seconds) {
    now_us += 1000000ull * seconds;
}

void journal_load(const uint8_t *area) {
    memcpy(_journal_start, area, AREA_SIZE);
}

void journal_save(uint8_t *area) {
    memcpy(area, _journal_start, AREA_SIZE);
}

int journal_boot(void) {
    int result = store_init(&store_journal);
    log_init();
    return result;
}

int event_put(uint8_t number, const uint8_t *value, size_t size) {
    uint8_t key[4] = {0, 0, 0, number};
    return store_put(&store_journal, key, 4, value, size);
}

int event_begin(uint8_t number) {
    uint8_t key[4] = {0, 0, 0, number};
    return store_begin(&store_journal, key, 4, 100);
}

int event_end(void) {
    return store_end(&store_journal);
}

int event_size(uint8_t number) {
    uint8_t key[4] = {0, 0, 0, number};
    store_item_t item;
    return store_get(&store_journal, key, 4, &item) == 0 ? (int)item.value_size : -1;
}

int journal_tidy(void) {
    int result = log_tidy();
    return result ? result : store_tidy(&store_journal);
}

// The first line behind `after`: its number, or -1; time and text go to the buffers.
long line_after(uint8_t kind, uint32_t after, int32_t *time, uint8_t *text, size_t *size) {
    log_line_t line;
    if (!log_next(kind, after, &line)) {
        return -1;
    }
    *time = line.time;
    *size = line.size;
    memcpy(text, line.text, line.size);
    return line.number;
}
