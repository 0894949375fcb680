// Key-value stores, each in two banks of flash, whole at every point a power cut may choose.
//
// Bank: header of 16 bytes (u32 magic "OLS1", u32 sequence, u32 crc32 of the first 8 bytes, u32 0xFFFFFFFF),
// then records, each at a multiple of 4: u32 header = key_len | val_len << 8 | marker << 24, u32 crc32 of
// header, key and value, key, value, 0xFF up to a multiple of 4. Markers: 0xA5 value, 0xA4 deleted
// (val_len 0). A record's header word is written last; 0xFFFFFFFF in its place ends the log. The later
// record of a key wins. The valid bank with the highest sequence is live. All little endian; crc32 is
// that of IEEE 802.3.
#ifndef PORT_STORE_H
#define PORT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_KEY_MAX 64
#define STORE_VALUE_MAX 4095

typedef struct {
    const uint8_t *key;
    const uint8_t *value;
    size_t key_size;
    size_t value_size;
} store_item_t;

typedef struct {
    uintptr_t record; // its address, 0 where none is being written
    size_t size;      // of key and value so far
    uint32_t word;    // the last bytes of them, where they do not fill a word
} store_writer_t;

typedef struct {
    uint8_t *start, *stop;
    uintptr_t live;    // address of the live bank, 0 before store_init()
    uint32_t sequence; // of the live bank
    size_t end;        // offset of the first free byte in it
    bool torn;         // a write failed half way: nothing can follow it in this bank
    uint8_t key_size;  // of the record being written
    uint16_t payload_max;
    store_writer_t writer;
} store_t;

extern store_t store_settings; // _store_start to _store_end
extern store_t store_journal;  // _journal_start to _journal_end

// Errors are negative: -ENOENT, -ENOSPC, -EIO (the flash hardware), -EINVAL (sizes out of range).
int store_init(store_t *store);
// Erases the spare bank, which a compaction would have to do else. The processor stands still meanwhile.
int store_tidy(store_t *store);
// `out` points into flash, and is good until the next put or delete.
int store_get(const store_t *store, const uint8_t *key, size_t key_size, store_item_t *out);
int store_put(store_t *store, const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size);
// A value in pieces, of `value_max` bytes at most: begin, append, ..., end. It is there once it has ended.
int store_begin(store_t *store, const uint8_t *key, size_t key_size, size_t value_max);
int store_append(store_t *store, const uint8_t *data, size_t size);
int store_end(store_t *store);
int store_delete(store_t *store, const uint8_t *key, size_t key_size);
// Bytes that are free in the live bank; 0 while nothing can be appended to it.
size_t store_room(const store_t *store);
int store_compact(store_t *store);
// Every record in order, replaced and damaged ones among them.
int store_walk(const store_t *store, size_t *cursor, store_item_t *out);
int store_next(const store_t *store, size_t *cursor, store_item_t *out); // live items; *cursor starts at 0
// The live item with the smallest key of this size that is greater (memcmp) than `key`.
int store_after(const store_t *store, const uint8_t *key, size_t key_size, store_item_t *out);

#endif
