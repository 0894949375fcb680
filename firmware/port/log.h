// The diagnostics log and the security log: lines in the journal's flash, beside the transaction events.
//
// A line is a record whose key has 5 bytes: kind, number of the line (big endian, growing over both kinds);
// its value is the time (i32, little endian: seconds since 2020, or -1 - seconds since reset while the clock
// is not known) and the text. A compaction keeps the newest lines of each kind, a part of the bank, so that
// they never take more room than that from the events; lines are added only while room for events stays free,
// and never by an erase.
#ifndef PORT_LOG_H
#define PORT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store.h"

#define LOG_DIAGNOSTICS 'D'
#define LOG_SECURITY 'S'
#define LOG_LINE_MAX 200

typedef struct {
    int32_t excess[2]; // bytes of the oldest lines that are to go, by kind
} log_quota_t;

bool log_is_line(const store_item_t *item);
void log_quota(const store_t *store, log_quota_t *quota);
// To be asked for each line in order.
bool log_keeps(log_quota_t *quota, const store_item_t *item);

// The number of the last line; to be called once the journal is there.
void log_init(void);
// The clock shows `seconds` (since 2020) now.
void log_clock(uint32_t seconds);
// Its number, or 0 where there is no room.
uint32_t log_add(uint8_t kind, const uint8_t *text, size_t size);
// What is printed, in pieces: each line of it becomes one of the diagnostics log.
void log_print(const char *text, size_t size);
// The first line of a kind behind number `after`; false where there is none. `text` points into flash, and is
// good until the next line is added. `time` as in flash, but for this boot's lines once the clock is known.
typedef struct {
    uint32_t number;
    int32_t time;
    const uint8_t *text;
    size_t size;
} log_line_t;
bool log_next(uint8_t kind, uint32_t after, log_line_t *out);
// Make room by a compaction where little is left: the processor stands still meanwhile.
int log_tidy(void);

#endif
