#include "log.h"

#include <string.h>

#include "tick.h"

#define KEY_SIZE 5u
#define TIME_SIZE 4u
#define RECORD_SIZE 20u // of a line besides its text: header, key, time, and padding at its longest

static uint32_t last_number;
static uint32_t last_before; // of an earlier boot
static uint32_t lost; // lines for which there was no room, since the last one that was kept
static uint32_t clock_offset;
static bool clock_known;

static uint8_t line[LOG_LINE_MAX];
static size_t line_size;

// Where the line that was found last ends, so that reading them all takes one pass.
static struct {
    uint32_t sequence, number;
    size_t cursor;
} found;

// Of a bank (the journal has two): what the lines of each kind may take of it after a compaction, what is
// left for the events that come before the next one, and below what a compaction is due.
static int32_t bank_part(uint32_t divisor) {
    return (int32_t)((uintptr_t)(store_journal.stop - store_journal.start) / 2 / divisor);
}

#define QUOTA_DIAGNOSTICS bank_part(4)
#define QUOTA_SECURITY bank_part(8)
#define RESERVE bank_part(8)
#define RESERVE_SECURITY bank_part(16)
#define SHORT bank_part(4)

static uint32_t number_in(const store_item_t *item) {
    const uint8_t *key = item->key;
    return (uint32_t)key[1] << 24 | (uint32_t)key[2] << 16 | (uint32_t)key[3] << 8 | key[4];
}

bool log_is_line(const store_item_t *item) {
    return item->key_size == KEY_SIZE && item->value_size >= TIME_SIZE
        && (item->key[0] == LOG_DIAGNOSTICS || item->key[0] == LOG_SECURITY);
}

static int32_t *excess_of(log_quota_t *quota, const store_item_t *item) {
    return &quota->excess[item->key[0] == LOG_SECURITY];
}

void log_quota(const store_t *store, log_quota_t *quota) {
    *quota = (log_quota_t) {{-QUOTA_DIAGNOSTICS, -QUOTA_SECURITY}};
    store_item_t item;
    for (size_t cursor = 0; store_walk(store, &cursor, &item) == 0;) {
        if (log_is_line(&item)) {
            *excess_of(quota, &item) += RECORD_SIZE + item.value_size;
        }
    }
}

bool log_keeps(log_quota_t *quota, const store_item_t *item) {
    int32_t *excess = excess_of(quota, item);
    if (*excess <= 0) {
        return true;
    }
    *excess -= RECORD_SIZE + item->value_size;
    return false;
}

void log_init(void) {
    store_item_t item;
    for (size_t cursor = 0; store_walk(&store_journal, &cursor, &item) == 0;) {
        if (log_is_line(&item) && number_in(&item) > last_number) {
            last_number = number_in(&item);
        }
    }
    last_before = last_number;
}

static uint32_t uptime(void) {
    return tick_us() / 1000000u;
}

void log_clock(uint32_t seconds) {
    clock_offset = seconds - uptime();
    clock_known = true;
}

static uint32_t add(uint8_t kind, const uint8_t *text, size_t size) {
    uint32_t number = last_number + 1;
    uint8_t key[KEY_SIZE] = {kind, number >> 24, number >> 16, number >> 8, number};
    int32_t time = clock_known ? (int32_t)(uptime() + clock_offset) : -1 - (int32_t)uptime();
    int32_t reserve = kind == LOG_SECURITY ? RESERVE_SECURITY : RESERVE;
    if ((int32_t)store_room(&store_journal) < reserve
        || store_begin(&store_journal, key, KEY_SIZE, TIME_SIZE + size) != 0
        || store_append(&store_journal, (const uint8_t *)&time, TIME_SIZE) != 0
        || store_append(&store_journal, text, size) != 0
        || store_end(&store_journal) != 0) {
        return 0;
    }
    return last_number = number;
}

// As the station's own lines look: level, seconds since reset, text.
static bool tell_of_lost(void) {
    char text[40] = "W ";
    size_t size = 2;
    const uint32_t numbers[] = {uptime(), lost};
    for (size_t i = 0; i < 2; i++) {
        char digits[10];
        size_t at = sizeof(digits);
        uint32_t rest = numbers[i];
        do {
            digits[--at] = '0' + rest % 10;
        } while ((rest /= 10) != 0);
        memcpy(text + size, digits + at, sizeof(digits) - at);
        size += sizeof(digits) - at;
        text[size++] = ' ';
    }
    memcpy(text + size, "lines lost", 10);
    return add(LOG_DIAGNOSTICS, (const uint8_t *)text, size + 10) != 0;
}

uint32_t log_add(uint8_t kind, const uint8_t *text, size_t size) {
    if (lost && tell_of_lost()) {
        lost = 0;
    }
    uint32_t number = 0;
    if (!lost || kind == LOG_SECURITY) {
        number = add(kind, text, size < LOG_LINE_MAX ? size : LOG_LINE_MAX);
    }
    lost += number == 0;
    return number;
}

void log_print(const char *text, size_t size) {
    for (; size--; text++) {
        if (*text == '\n') {
            if (line_size) {
                log_add(LOG_DIAGNOSTICS, line, line_size);
            }
            line_size = 0;
        } else if (line_size < LOG_LINE_MAX && *text != '\r') {
            line[line_size++] = *text;
        }
    }
}

bool log_next(uint8_t kind, uint32_t after, log_line_t *out) {
    bool goes_on = found.cursor && found.number == after && found.sequence == store_journal.sequence;
    size_t cursor = goes_on ? found.cursor : 0;
    store_item_t item;
    while (store_walk(&store_journal, &cursor, &item) == 0) {
        if (log_is_line(&item) && item.key[0] == kind && number_in(&item) > after) {
            out->number = number_in(&item);
            memcpy(&out->time, item.value, TIME_SIZE);
            if (out->time < 0 && out->number > last_before && clock_known) {
                out->time = (int32_t)(clock_offset - 1u - (uint32_t)out->time);
            }
            out->text = item.value + TIME_SIZE;
            out->size = item.value_size - TIME_SIZE;
            found.sequence = store_journal.sequence;
            found.number = out->number;
            found.cursor = cursor;
            return true;
        }
    }
    return false;
}

int log_tidy(void) {
    return (int32_t)store_room(&store_journal) < SHORT ? store_compact(&store_journal) : 0;
}
