#include "slot.h"

#include <string.h>

#include "board.h"
#include "chip.h"

#include "mbedtls/sha256.h"

// The update file (made by boot/update.py), little endian: a head of 64 bytes, then for each 1024 bytes of the
// image 32 bytes, a bit a word, which say what words are addresses within the image, and the 1024 bytes, as
// they are in the first slot. The last block is cut at the image's end, its bits are not.
#define FILE_MAGIC 0x57464C4Fu // "OLFW"
#define BITS_SIZE 32u
#define BLOCK_SIZE 1024u
#define BLOCK_WORDS (BLOCK_SIZE / 4u)

typedef struct {
    uint32_t magic;
    uint32_t size; // of the image, whole words
    uint32_t first_crc, second_crc; // of the image as it is in each slot
    uint32_t distance; // of the slots
    char board[20];
    char version[20];
    uint32_t head_crc; // of what stands before it
} file_head_t;

extern const uintptr_t core_vectors[16];

static struct {
    mbedtls_sha256_context hash;
    size_t received;
    size_t erased;
    file_head_t head;
    uint32_t bits[BITS_SIZE / 4];
    uint32_t word;
    uint32_t first; // word of the image, without which the boot stage takes it for none: written to commit it
    const char *fault;
} update;

uintptr_t slot_running(void) {
    return (uintptr_t)core_vectors;
}

static uintptr_t other_slot(void) {
    uintptr_t first = (uintptr_t)_slot_first;
    return slot_running() == first ? (uintptr_t)_slot_second : first;
}

static bool has_tail(void) {
    return slot_tail(slot_running())->magic != SLOT_BLANK;
}

uint32_t slot_sequence(void) {
    return has_tail() ? slot_tail(slot_running())->sequence : 0;
}

bool slot_on_trial(void) {
    return has_tail() && slot_tail(slot_running())->confirmed == SLOT_BLANK;
}

bool slot_confirm(void) {
    const uint32_t yes = 0;
    return !slot_on_trial() || chip_flash_program((uintptr_t)&slot_tail(slot_running())->confirmed, &yes, 1);
}

static bool is_erased(uintptr_t from, size_t size) {
    const uint32_t *words = (const uint32_t *)from;
    for (size_t i = 0; i < size / 4; i++) {
        if (words[i] != SLOT_BLANK) {
            return false;
        }
    }
    return true;
}

int slot_erase(void) {
    while (update.erased < (size_t)_slot_size) {
        uintptr_t unit = other_slot() + update.erased;
        size_t size = chip_flash_unit(unit);
        update.erased += size;
        if (!is_erased(unit, size)) {
            return chip_flash_erase(unit, size) && is_erased(unit, size) ? 1 : -1;
        }
    }
    memset(&update, 0, sizeof(update));
    mbedtls_sha256_init(&update.hash);
    mbedtls_sha256_starts(&update.hash, 0);
    return 0;
}

static void check_head(void) {
    const file_head_t *head = &update.head;
    uint32_t crc = slot_crc(0, (const uint8_t *)head, offsetof(file_head_t, head_crc));
    if (head->magic != FILE_MAGIC || head->head_crc != crc) {
        update.fault = "no update file";
    } else if (strncmp(head->board, MICROPY_HW_BOARD_NAME, sizeof(head->board)) != 0) {
        update.fault = "for another board";
    } else if (head->size == 0 || head->size % 4 != 0 || head->size > (size_t)_slot_size - sizeof(slot_tail_t)
        || head->distance != (uintptr_t)_slot_second - (uintptr_t)_slot_first) {
        update.fault = "for another layout of flash";
    }
}

static size_t file_size(void) {
    size_t blocks = (update.head.size + BLOCK_SIZE - 1) / BLOCK_SIZE;
    return sizeof(file_head_t) + blocks * BITS_SIZE + update.head.size;
}

// A word of the image, made to fit the slot that it goes to.
static uint32_t placed(size_t index) {
    bool moves = update.bits[index / 32] >> index % 32 & 1;
    return update.word + (moves && other_slot() != (uintptr_t)_slot_first ? update.head.distance : 0);
}

bool slot_write(const uint8_t *data, size_t size) {
    uint32_t batch[BLOCK_WORDS / 8];
    size_t count = 0, batch_at = 0;
    mbedtls_sha256_update(&update.hash, data, size);
    for (; size--; data++) {
        size_t at = update.received++;
        if (at < sizeof(file_head_t)) {
            ((uint8_t *)&update.head)[at] = *data;
            if (at + 1 == sizeof(file_head_t)) {
                check_head();
            }
            continue;
        }
        if (update.fault || at >= file_size()) {
            continue; // the signature is over all of it
        }
        at -= sizeof(file_head_t);
        size_t block = at / (BITS_SIZE + BLOCK_SIZE);
        at %= BITS_SIZE + BLOCK_SIZE;
        if (at < BITS_SIZE) {
            ((uint8_t *)update.bits)[at] = *data;
            continue;
        }
        at -= BITS_SIZE;
        ((uint8_t *)&update.word)[at % 4] = *data;
        if (at % 4 == 3) {
            if (block == 0 && at == 3) {
                update.first = placed(0);
                continue;
            }
            if (count == 0) {
                batch_at = other_slot() + block * BLOCK_SIZE + at - 3;
            }
            batch[count++] = placed(at / 4);
            if (count == BLOCK_WORDS / 8 || at + 1 == BLOCK_SIZE) {
                if (!chip_flash_program(batch_at, batch, count)) {
                    return false;
                }
                count = 0;
            }
        }
    }
    return count == 0 || chip_flash_program(batch_at, batch, count);
}

size_t slot_received(void) {
    return update.received;
}

void slot_digest(uint8_t out[32]) {
    mbedtls_sha256_finish(&update.hash, out);
    mbedtls_sha256_free(&update.hash);
}

static uint32_t found_crc(void) {
    uint32_t crc = slot_crc(0, (const uint8_t *)&update.first, 4);
    return slot_crc(crc, (const uint8_t *)other_slot() + 4, update.head.size - 4);
}

static uint32_t wanted_crc(void) {
    return other_slot() == (uintptr_t)_slot_first ? update.head.first_crc : update.head.second_crc;
}

const char *slot_fault(void) {
    if (!update.fault) {
        if (update.received < sizeof(file_head_t) || update.received != file_size()) {
            update.fault = "of another length than it says";
        } else if (found_crc() != wanted_crc()) {
            update.fault = "not whole in flash";
        }
    }
    return update.fault;
}

bool slot_commit(void) {
    slot_tail_t tail = {
        .magic = SLOT_MAGIC, .sequence = slot_sequence() + 1, .size = update.head.size, .crc = wanted_crc(),
    };
    tail.head_crc = slot_crc(0, (const uint8_t *)&tail.sequence, 12);
    uintptr_t at = (uintptr_t)slot_tail(other_slot());
    update.erased = 0;
    return !slot_fault() && chip_flash_program(other_slot(), &update.first, 1)
        && chip_flash_program(at + 4, &tail.sequence, 4)
        && chip_flash_program(at, &tail.magic, 1) && slot_is_whole(other_slot());
}
