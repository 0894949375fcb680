#include "store.h"

#include <stdbool.h>
#include <string.h>

#include "chip.h"
#if FEATURE_DIAGNOSTICS
#include "log.h"
#endif

#include "py/mperrno.h"

#define BANK_MAGIC 0x31534C4Fu
#define BANK_HEADER_SIZE 16u
#define RECORD_HEADER_SIZE 8u
#define MARK_VALUE 0xA5u
#define MARK_DELETED 0xA4u
#define ERASED 0xFFFFFFFFu
#define NOWHERE SIZE_MAX

extern uint8_t _store_start[], _store_end[], _journal_start[], _journal_end[];

store_t store_settings = {.start = _store_start, .stop = _store_end};
store_t store_journal = {.start = _journal_start, .stop = _journal_end};

static size_t bank_size(const store_t *store) {
    return (size_t)(store->stop - store->start) / 2;
}

static uintptr_t other_bank(const store_t *store) {
    uintptr_t first = (uintptr_t)store->start;
    return store->live == first ? first + bank_size(store) : first;
}

static uint32_t word_at(uintptr_t address) {
    return *(const volatile uint32_t *)address;
}

// Four bits at a time: a bank of 128 KB is checked at every boot.
static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t size) {
    static const uint32_t table[16] = {
        0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
        0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
    };
    crc = ~crc;
    while (size--) {
        crc ^= *data++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static bool is_blank(uintptr_t from, uintptr_t to) {
    for (; from < to; from += 4) {
        if (word_at(from) != ERASED) {
            return false;
        }
    }
    return true;
}

static size_t round_up(size_t size) {
    return (size + 3u) & ~(size_t)3u;
}

// Bytes that the record at `offset` of the live bank takes; 0 where there is none that could be one.
static size_t record_size(const store_t *store, size_t offset, store_item_t *out) {
    uintptr_t bank = store->live;
    if (offset + RECORD_HEADER_SIZE > bank_size(store)) {
        return 0;
    }
    uint32_t header = word_at(bank + offset);
    size_t key_size = header & 0xFFu;
    size_t value_size = header >> 8 & 0xFFFFu;
    uint32_t mark = header >> 24;
    if (key_size == 0 || key_size > STORE_KEY_MAX || value_size > STORE_VALUE_MAX
        || (mark != MARK_VALUE && !(mark == MARK_DELETED && value_size == 0))) {
        return 0;
    }
    size_t size = RECORD_HEADER_SIZE + round_up(key_size + value_size);
    if (size > bank_size(store) - offset) {
        return 0;
    }
    out->key = (const uint8_t *)(bank + offset + RECORD_HEADER_SIZE);
    out->key_size = key_size;
    out->value = mark == MARK_VALUE ? out->key + key_size : NULL;
    out->value_size = value_size;
    return size;
}

static bool record_is_whole(const store_t *store, size_t offset, const store_item_t *item) {
    uintptr_t record = store->live + offset;
    uint32_t crc = crc32(0, (const uint8_t *)record, 4);
    crc = crc32(crc, item->key, item->key_size + item->value_size);
    return crc == word_at(record + 4);
}

static bool same_key(const store_item_t *a, const uint8_t *key, size_t key_size) {
    return a->key_size == key_size && memcmp(a->key, key, key_size) == 0;
}

// Offset of the first whole record of the key from `offset` on, or NOWHERE. Records with a wrong checksum
// (aged flash) are stepped over.
static size_t find_next(const store_t *store, size_t offset, const uint8_t *key, size_t key_size,
    store_item_t *out) {
    size_t size;
    while ((size = record_size(store, offset, out)) != 0) {
        if (same_key(out, key, key_size) && record_is_whole(store, offset, out)) {
            return offset;
        }
        offset += size;
    }
    return NOWHERE;
}

// Does the record at `offset` hold a value, is it whole, and the last of its key?
static bool is_live(const store_t *store, size_t offset, size_t size, const store_item_t *item) {
    #if FEATURE_DIAGNOSTICS
    if (log_is_line(item)) {
        return record_is_whole(store, offset, item);
    }
    #endif
    store_item_t later;
    return item->value && record_is_whole(store, offset, item)
        && find_next(store, offset + size, item->key, item->key_size, &later) == NOWHERE;
}

static bool bank_is_valid(uintptr_t bank, uint32_t *out_sequence) {
    *out_sequence = word_at(bank + 4);
    return word_at(bank) == BANK_MAGIC && crc32(0, (const uint8_t *)bank, 8) == word_at(bank + 8);
}

static bool program(uintptr_t address, const uint32_t *words, size_t count) {
    return chip_flash_program(address, words, count) && memcmp((const void *)address, words, 4 * count) == 0;
}

static bool program_bank_header(uintptr_t bank, uint32_t new_sequence) {
    uint32_t header[3] = {BANK_MAGIC, new_sequence};
    header[2] = crc32(0, (const uint8_t *)header, 8);
    return program(bank + 4, header + 1, 2) && program(bank, header, 1);
}

static bool erase(uintptr_t bank, size_t size) {
    return is_blank(bank, bank + size) || (chip_flash_erase(bank, size) && is_blank(bank, bank + size));
}

static void start_record(store_writer_t *writer, uintptr_t record) {
    *writer = (store_writer_t) {.record = record, .word = ERASED};
}

// The payload, key first, in pieces of any size; a word goes into flash when it is full.
static bool write_payload(store_writer_t *writer, const uint8_t *data, size_t size) {
    while (size--) {
        ((uint8_t *)&writer->word)[writer->size++ % 4] = *data++;
        if (writer->size % 4 == 0) {
            if (!program(writer->record + RECORD_HEADER_SIZE + writer->size - 4, &writer->word, 1)) {
                return false;
            }
            writer->word = ERASED;
        }
    }
    return true;
}

static bool finish_record(const store_writer_t *writer, size_t key_size, uint32_t mark) {
    uintptr_t payload = writer->record + RECORD_HEADER_SIZE;
    if (writer->size % 4 != 0 && !program(payload + writer->size / 4 * 4, &writer->word, 1)) {
        return false;
    }
    uint32_t header = key_size | (writer->size - key_size) << 8 | mark << 24;
    uint32_t crc = crc32(0, (const uint8_t *)&header, 4);
    crc = crc32(crc, (const uint8_t *)payload, writer->size);
    return program(writer->record + 4, &crc, 1) && program(writer->record, &header, 1);
}

static size_t record_room(size_t payload_size) {
    return RECORD_HEADER_SIZE + round_up(payload_size);
}

static bool program_record(uintptr_t bank, size_t *at, const store_item_t *item) {
    store_writer_t writer;
    start_record(&writer, bank + *at);
    *at += record_room(item->key_size + item->value_size);
    return write_payload(&writer, item->key, item->key_size)
        && write_payload(&writer, item->value, item->value_size)
        && finish_record(&writer, item->key_size, item->value ? MARK_VALUE : MARK_DELETED);
}

// Into the other bank, without the item of the key `without`.
static int compact(store_t *store, const store_item_t *without) {
    uintptr_t to = other_bank(store);
    if (!erase(to, bank_size(store))) {
        return -MP_EIO;
    }
    size_t written = BANK_HEADER_SIZE;
    store_item_t item;
    #if FEATURE_DIAGNOSTICS
    log_quota_t quota;
    log_quota(store, &quota);
    #endif
    for (size_t cursor = 0; store_next(store, &cursor, &item) == 0;) {
        #if FEATURE_DIAGNOSTICS
        if (log_is_line(&item) && !log_keeps(&quota, &item)) {
            continue;
        }
        #endif
        if (!(without && same_key(&item, without->key, without->key_size))
            && !program_record(to, &written, &item)) {
            return -MP_EIO;
        }
    }
    if (!program_bank_header(to, store->sequence + 1)) {
        return -MP_EIO;
    }
    store->live = to;
    store->sequence++;
    store->end = written;
    store->torn = false;
    return 0;
}

int store_init(store_t *store) {
    uintptr_t first = (uintptr_t)store->start;
    uintptr_t second = first + bank_size(store);
    uint32_t first_sequence, second_sequence;
    bool first_valid = bank_is_valid(first, &first_sequence);
    bool second_valid = bank_is_valid(second, &second_sequence);
    store->live = 0;
    if (!first_valid && !second_valid) {
        if (!erase(first, bank_size(store)) || !program_bank_header(first, 1)) {
            return -MP_EIO;
        }
        first_valid = true;
        first_sequence = 1;
    }
    bool use_second = second_valid && (!first_valid || second_sequence > first_sequence);
    store->live = use_second ? second : first;
    store->sequence = use_second ? second_sequence : first_sequence;
    store->torn = false;
    store->writer.record = 0;

    bool damaged = false;
    store_item_t item;
    size_t size, end = BANK_HEADER_SIZE;
    while ((size = record_size(store, end, &item)) != 0) {
        damaged |= !record_is_whole(store, end, &item);
        end += size;
    }
    store->end = end;
    if (damaged || !is_blank(store->live + end, store->live + bank_size(store))) {
        return compact(store, NULL);
    }
    return 0;
}

int store_tidy(store_t *store) {
    return store->live && erase(other_bank(store), bank_size(store)) ? 0 : -MP_EIO;
}

size_t store_room(const store_t *store) {
    return store->live && !store->torn && !store->writer.record ? bank_size(store) - store->end : 0;
}

int store_compact(store_t *store) {
    store->writer.record = 0;
    return store->live ? compact(store, NULL) : -MP_EIO;
}

int store_walk(const store_t *store, size_t *cursor, store_item_t *out) {
    size_t offset = *cursor ? *cursor : BANK_HEADER_SIZE;
    size_t size = store->live ? record_size(store, offset, out) : 0;
    *cursor = offset + size;
    return size ? 0 : -MP_ENOENT;
}

int store_next(const store_t *store, size_t *cursor, store_item_t *out) {
    size_t offset = *cursor ? *cursor : BANK_HEADER_SIZE;
    size_t size;
    while (store->live && (size = record_size(store, offset, out)) != 0) {
        bool found = is_live(store, offset, size, out);
        offset += size;
        if (found) {
            *cursor = offset;
            return 0;
        }
    }
    return -MP_ENOENT;
}

int store_after(const store_t *store, const uint8_t *key, size_t key_size, store_item_t *out) {
    bool found = false;
    size_t offset = BANK_HEADER_SIZE;
    size_t size;
    store_item_t item;
    while (store->live && (size = record_size(store, offset, &item)) != 0) {
        if (item.key_size == key_size && memcmp(item.key, key, key_size) > 0
            && !(found && memcmp(item.key, out->key, key_size) > 0) && is_live(store, offset, size, &item)) {
            *out = item;
            found = true;
        }
        offset += size;
    }
    return found ? 0 : -MP_ENOENT;
}

int store_get(const store_t *store, const uint8_t *key, size_t key_size, store_item_t *out) {
    size_t offset = store->live ? BANK_HEADER_SIZE : NOWHERE;
    bool found = false;
    store_item_t item;
    while (offset != NOWHERE && (offset = find_next(store, offset, key, key_size, &item)) != NOWHERE) {
        *out = item;
        found = item.value != NULL;
        offset += record_size(store, offset, &item);
    }
    return found ? 0 : -MP_ENOENT;
}

// Room for a record, if need be by a compaction without the item of the key `without`. A record that was
// begun and not ended is lost.
static int make_room(store_t *store, size_t size, const store_item_t *without) {
    if (!store->live) {
        return -MP_EIO;
    }
    store->torn |= store->writer.record != 0;
    store->writer.record = 0;
    if (!store->torn && size <= bank_size(store) - store->end) {
        return 0;
    }
    int error = compact(store, without);
    return error || size <= bank_size(store) - store->end ? error : -MP_ENOSPC;
}

int store_begin(store_t *store, const uint8_t *key, size_t key_size, size_t value_max) {
    if (key_size == 0 || key_size > STORE_KEY_MAX || value_max > STORE_VALUE_MAX) {
        return -MP_EINVAL;
    }
    int error = make_room(store, record_room(key_size + value_max), NULL);
    if (error) {
        return error;
    }
    start_record(&store->writer, store->live + store->end);
    store->key_size = key_size;
    store->payload_max = key_size + value_max;
    return store_append(store, key, key_size);
}

int store_append(store_t *store, const uint8_t *data, size_t size) {
    store_writer_t *writer = &store->writer;
    if (!writer->record || size > store->payload_max - writer->size) {
        return -MP_EINVAL;
    }
    return write_payload(writer, data, size) ? 0 : -MP_EIO;
}

int store_end(store_t *store) {
    store_writer_t *writer = &store->writer;
    if (!writer->record) {
        return -MP_EINVAL;
    }
    if (!finish_record(writer, store->key_size, MARK_VALUE)) {
        return -MP_EIO;
    }
    store->end += record_room(writer->size);
    writer->record = 0;
    return 0;
}

int store_put(store_t *store, const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size) {
    store_item_t now;
    if (store_get(store, key, key_size, &now) == 0 && now.value_size == value_size
        && memcmp(now.value, value, value_size) == 0) {
        return 0;
    }
    int error = store_begin(store, key, key_size, value_size);
    if (!error) {
        error = store_append(store, value, value_size);
    }
    return error ? error : store_end(store);
}

int store_delete(store_t *store, const uint8_t *key, size_t key_size) {
    store_item_t item;
    if (store_get(store, key, key_size, &item) != 0) {
        return -MP_ENOENT;
    }
    // In a full bank there is no room for a record that says so: the compaction leaves the item out.
    uint32_t before = store->sequence;
    item = (store_item_t) {.key = key, .key_size = key_size};
    int error = make_room(store, record_room(key_size), &item);
    if (error || store->sequence != before) {
        return error;
    }
    store->torn = !program_record(store->live, &store->end, &item);
    return store->torn ? -MP_EIO : 0;
}
