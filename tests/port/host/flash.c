// A flash whose supply can be cut: stands in for the chip under store.c on the host.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "store.h"

#define AREA_SIZE 2048u

// The areas of both stores, as the linker script of a board gives them; the tests use the first.
__asm(
    ".pushsection .bss\n"
    ".balign 4096\n"
    ".globl _store_start\n_store_start: .space 2048\n"
    ".globl _store_end\n_store_end:\n"
    ".globl _journal_start\n_journal_start: .space 2048\n"
    ".globl _journal_end\n_journal_end:\n"
    ".popsection\n");

extern uint8_t _store_start[];

static long words_left; // the supply fails in the operation on the word after these; negative: never
static uint32_t noise;
long operations;
long faults; // writes that real flash cannot do: bits from 0 to 1

static bool powered(void) {
    return words_left != -1000000;
}

static bool spend(void) {
    operations++;
    if (words_left == 0) {
        words_left = -1000000;
        return false;
    }
    words_left -= words_left > 0;
    return true;
}

static uint32_t random_word(void) {
    noise = noise * 1664525u + 1013904223u;
    return noise ^ noise >> 16;
}

void flash_load(const uint8_t *area) {
    memcpy(_store_start, area, AREA_SIZE);
}

void flash_save(uint8_t *area) {
    memcpy(area, _store_start, AREA_SIZE);
}

void flash_cut_after(long words, uint32_t seed) {
    words_left = words;
    noise = seed;
}

bool chip_flash_erase(uintptr_t bank, size_t size) {
    for (size_t i = 0; i < size && powered(); i += 4) {
        uint32_t *word = (uint32_t *)(bank + i);
        // A torn erase leaves any mixture of old and erased bits, here and in what is not reached.
        *word = spend() ? 0xFFFFFFFFu : *word | random_word();
    }
    return powered();
}

bool chip_flash_program(uintptr_t address, const uint32_t *words, size_t count) {
    for (; count && powered(); count--, words++, address += 4) {
        uint32_t *word = (uint32_t *)address;
        faults += (*word & *words) != *words;
        *word &= spend() ? *words : *words | random_word();
    }
    return powered();
}

// A value as one buffer, for ctypes.
int get(const uint8_t *key, size_t key_size, uint8_t *out) {
    store_item_t item;
    int result = store_get(&store_settings, key, key_size, &item);
    if (result == 0) {
        memcpy(out, item.value, item.value_size);
        return (int)item.value_size;
    }
    return result;
}

int next_key(size_t *cursor, uint8_t *out) {
    store_item_t item;
    int result = store_next(&store_settings, cursor, &item);
    if (result == 0) {
        memcpy(out, item.key, item.key_size);
        return (int)item.key_size;
    }
    return result;
}

int init(void) {
    return store_init(&store_settings);
}

int tidy(void) {
    return store_tidy(&store_settings);
}

int put(const uint8_t *key, size_t key_size, const uint8_t *value, size_t value_size) {
    return store_put(&store_settings, key, key_size, value, value_size);
}

int delete(const uint8_t *key, size_t key_size) {
    return store_delete(&store_settings, key, key_size);
}

int after(const uint8_t *key, size_t key_size, uint8_t *out) {
    store_item_t item;
    int result = store_after(&store_settings, key, key_size, &item);
    if (result == 0) {
        memcpy(out, item.key, item.key_size);
    }
    return result;
}
