// Two slots of flash, one of which the boot stage (boot/stage.c) starts. An image is linked for the first, and
// carries what changes when it is put into the second; nothing is ever copied from one to the other.
//
// A slot begins with the image, its vectors first. In its last bytes is what the boot stage has to know of it,
// written when the image is whole. A first slot without that, as a programmer leaves it, counts as confirmed.
#ifndef PORT_SLOT_H
#define PORT_SLOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SLOT_MAGIC 0x49424C4Fu // "OLBI"
#define SLOT_ATTEMPTS 3u
#define SLOT_BLANK 0xFFFFFFFFu

// Words are written once each, and hold their meaning when they are no longer blank.
typedef struct {
    uint32_t magic; // the last one when an image is put in
    uint32_t sequence; // the image with the highest one is started
    uint32_t size;
    uint32_t crc; // of the image
    uint32_t head_crc; // of sequence, size and crc
    uint32_t attempts[SLOT_ATTEMPTS]; // each one a start that was not confirmed
    uint32_t confirmed; // the image has shown that it works
    uint32_t rest[7];
} slot_tail_t;

// Of the linker script.
extern uint8_t _slot_first[], _slot_second[], _slot_size[];

// CRC-32 of IEEE 802.3.
static inline uint32_t slot_crc(uint32_t crc, const uint8_t *data, size_t size) {
    crc = ~crc;
    while (size--) {
        crc ^= *data++;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (0xEDB88320u & -(crc & 1u));
        }
    }
    return ~crc;
}

static inline const slot_tail_t *slot_tail(uintptr_t slot) {
    return (const slot_tail_t *)(slot + (size_t)_slot_size - sizeof(slot_tail_t));
}

// Is there an image that was put in whole?
static inline bool slot_is_whole(uintptr_t slot) {
    const slot_tail_t *tail = slot_tail(slot);
    return tail->magic == SLOT_MAGIC && slot_crc(0, (const uint8_t *)&tail->sequence, 12) == tail->head_crc
        && tail->size <= (size_t)_slot_size - sizeof(slot_tail_t)
        && slot_crc(0, (const uint8_t *)slot, tail->size) == tail->crc;
}

// The slot that this code runs from; its sequence number, 0 for one that a programmer wrote; is it to be
// confirmed yet?
uintptr_t slot_running(void);
uint32_t slot_sequence(void);
bool slot_on_trial(void);
bool slot_confirm(void);

// Putting an image into the other slot: erase it bit by bit, write the update file as it comes, check, commit.
// Until then it lacks its first word: nothing starts what nobody has signed.
// The processor stands still while a unit is erased. 1: there is more to erase, 0: done, negative: an error.
int slot_erase(void);
bool slot_write(const uint8_t *data, size_t size); // false: the flash failed
size_t slot_received(void);
void slot_digest(uint8_t out[32]); // SHA-256 of all that was written; ends the writing
const char *slot_fault(void); // what is wrong with the file, NULL: nothing
bool slot_commit(void); // from now on the boot stage starts it

#endif
