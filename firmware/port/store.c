#include "store.h"

#include <stdbool.h>
#include <string.h>

#include "chip.h"

#include "py/mperrno.h"

#define BANK_MAGIC 0x31534C4Fu
#define BANK_HEADER_SIZE 16u
#define RECORD_HEADER_SIZE 8u
#define MARK_VALUE 0xA5u
#define MARK_DELETED 0xA4u
#define ERASED 0xFFFFFFFFu
#define NOWHERE SIZE_MAX

extern uint8_t _store_start[], _store_end[];

static uintptr_t live;    // address of the live bank, 0 before store_init()
static uint32_t sequence; // of the live bank
static size_t end;        // offset of the first free byte in it
static bool torn;         // a write failed half way: nothing can follow it in this bank

static size_t bank_size(void) {
    return (size_t)(_store_end - _store_start) / 2;
}

static uintptr_t other_bank(void) {
    uintptr_t first = (uintptr_t)_store_start;
    return live == first ? first + bank_size() : first;
}

static uint32_t word_at(uintptr_t address) {
    return *(const volatile uint32_t *)address;
}

static uint32_t crc32(uint32_t crc, const uint8_t *data, size_t size) {
    crc = ~crc;
    while (size--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
        }
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

// Bytes that the record at `offset` takes; 0 where there is none that could be one.
static size_t record_size(uintptr_t bank, size_t offset, store_item_t *out) {
    if (offset + RECORD_HEADER_SIZE > bank_size()) {
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
    if (size > bank_size() - offset) {
        return 0;
    }
    out->key = (const uint8_t *)(bank + offset + RECORD_HEADER_SIZE);
    out->key_size = key_size;
    out->value = mark == MARK_VALUE ? out->key + key_size : NULL;
    out->value_size = value_size;
    return size;
}

static bool record_is_whole(uintptr_t bank, size_t offset, const store_item_t *item) {
    uint32_t crc = crc32(0, (const uint8_t *)(bank + offset), 4);
    crc = crc32(crc, item->key, item->key_size + item->value_size);
    return crc == word_at(bank + offset + 4);
}

// Walks the log: the size of the item at *offset, or 0 at the end of it. Records with a wrong checksum
// (aged flash) are stepped over.
static size_t next_whole(uintptr_t bank, size_t *offset, store_item_t *item) {
    size_t size;
    while ((size = record_size(bank, *offset, item)) != 0 && !record_is_whole(bank, *offset, item)) {
        *offset += size;
    }
    return size;
}

static bool same_key(const store_item_t *a, const uint8_t *key, size_t key_size) {
    return a->key_size == key_size && memcmp(a->key, key, key_size) == 0;
}

// Offset of the last record of the key from `offset` on, or NOWHERE.
static size_t find_last(uintptr_t bank, size_t offset, const uint8_t *key, size_t key_size,
    store_item_t *out) {
    size_t found = NOWHERE;
    store_item_t item;
    size_t size;
    while ((size = record_size(bank, offset, &item)) != 0) {
        if (same_key(&item, key, key_size) && record_is_whole(bank, offset, &item)) {
            *out = item;
            found = offset;
        }
        offset += size;
    }
    return found;
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

static bool erase(uintptr_t bank) {
    return is_blank(bank, bank + bank_size())
        || (chip_flash_erase(bank, bank_size()) && is_blank(bank, bank + bank_size()));
}

// Key and value as one row of words, without a buffer for the whole of it.
static bool program_payload(uintptr_t address, const store_item_t *item) {
    size_t size = item->key_size + item->value_size;
    for (size_t done = 0; done < size; done += 4) {
        uint32_t word = ERASED;
        uint8_t *bytes = (uint8_t *)&word;
        for (size_t i = done; i < size && i < done + 4; i++) {
            *bytes++ = i < item->key_size ? item->key[i] : item->value[i - item->key_size];
        }
        if (!program(address + done, &word, 1)) {
            return false;
        }
    }
    return true;
}

static bool program_record(uintptr_t bank, size_t *at, const store_item_t *item) {
    uint32_t mark = item->value ? MARK_VALUE : MARK_DELETED;
    uint32_t header = item->key_size | item->value_size << 8 | mark << 24;
    uint32_t crc = crc32(0, (const uint8_t *)&header, 4);
    crc = crc32(crc, item->key, item->key_size);
    crc = crc32(crc, item->value, item->value_size);
    uintptr_t address = bank + *at;
    *at += RECORD_HEADER_SIZE + round_up(item->key_size + item->value_size);
    return program_payload(address + RECORD_HEADER_SIZE, item)
        && program(address + 4, &crc, 1)
        && program(address, &header, 1);
}

static int compact(void) {
    uintptr_t to = other_bank();
    if (!erase(to)) {
        return -MP_EIO;
    }
    size_t written = BANK_HEADER_SIZE;
    store_item_t item;
    for (size_t cursor = 0; store_next(&cursor, &item) == 0;) {
        if (!program_record(to, &written, &item)) {
            return -MP_EIO;
        }
    }
    if (!program_bank_header(to, sequence + 1)) {
        return -MP_EIO;
    }
    live = to;
    sequence++;
    end = written;
    torn = false;
    return 0;
}

int store_init(void) {
    uintptr_t first = (uintptr_t)_store_start;
    uintptr_t second = first + bank_size();
    uint32_t first_sequence, second_sequence;
    bool first_valid = bank_is_valid(first, &first_sequence);
    bool second_valid = bank_is_valid(second, &second_sequence);
    if (!first_valid && !second_valid) {
        if (!erase(first) || !program_bank_header(first, 1)) {
            return -MP_EIO;
        }
        first_valid = true;
        first_sequence = 1;
    }
    bool use_second = second_valid && (!first_valid || second_sequence > first_sequence);
    live = use_second ? second : first;
    sequence = use_second ? second_sequence : first_sequence;
    torn = false;

    bool damaged = false;
    store_item_t item;
    size_t size;
    end = BANK_HEADER_SIZE;
    while ((size = record_size(live, end, &item)) != 0) {
        damaged |= !record_is_whole(live, end, &item);
        end += size;
    }
    if (damaged || !is_blank(live + end, live + bank_size())) {
        return compact();
    }
    // An erase keeps the processor from its interrupts for up to half a second: better now than in service.
    return erase(other_bank()) ? 0 : -MP_EIO;
}

int store_next(size_t *cursor, store_item_t *out) {
    size_t offset = *cursor ? *cursor : BANK_HEADER_SIZE;
    size_t size;
    while (live && (size = next_whole(live, &offset, out)) != 0) {
        store_item_t later;
        size_t here = offset;
        offset += size;
        if (out->value && find_last(live, here, out->key, out->key_size, &later) == here) {
            *cursor = offset;
            return 0;
        }
    }
    return -MP_ENOENT;
}

int store_get(const uint8_t *key, size_t key_size, store_item_t *out) {
    if (!live || find_last(live, BANK_HEADER_SIZE, key, key_size, out) == NOWHERE || !out->value) {
        return -MP_ENOENT;
    }
    return 0;
}

static int append(const store_item_t *item) {
    size_t size = RECORD_HEADER_SIZE + round_up(item->key_size + item->value_size);
    if (!live) {
        return -MP_EIO;
    }
    if (torn || size > bank_size() - end) {
        int error = compact();
        if (error) {
            return error;
        }
        if (size > bank_size() - end) {
            return -MP_ENOSPC;
        }
    }
    torn = !program_record(live, &end, item);
    return torn ? -MP_EIO : 0;
}

int store_put(const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size) {
    if (key_size == 0 || key_size > STORE_KEY_MAX || value_size > STORE_VALUE_MAX) {
        return -MP_EINVAL;
    }
    store_item_t now;
    if (store_get(key, key_size, &now) == 0 && now.value_size == value_size
        && memcmp(now.value, value, value_size) == 0) {
        return 0;
    }
    store_item_t item = {.key = key, .value = value, .key_size = key_size, .value_size = value_size};
    return append(&item);
}

int store_delete(const uint8_t *key, size_t key_size) {
    store_item_t item;
    if (store_get(key, key_size, &item) != 0) {
        return -MP_ENOENT;
    }
    item = (store_item_t) {.key = key, .key_size = key_size};
    return append(&item);
}
