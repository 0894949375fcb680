// The slots of slot.c on the host: takes an update file in the pieces in which it is given.
//
// Standard input: pieces, each behind its size (32 bits). Standard output: what is wrong with the file, or
// nothing, and a line feed; "committed" or nothing, and a line feed; then all of the other slot.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chip.h"
#include "slot.h"

#define UNIT 1024u

__asm(
    ".pushsection .bss\n"
    ".balign 4096\n"
    ".globl _slot_first\n_slot_first: .space 8192\n"
    ".globl _slot_second\n_slot_second: .space 8192\n"
    ".globl _slot_size\n.set _slot_size, 8192\n"
    ".popsection\n");

static uint8_t *other;

static void check(bool good, const char *what) {
    if (!good) {
        fprintf(stderr, "flash: %s\n", what);
        abort();
    }
}

bool chip_flash_erase(uintptr_t bank, size_t size) {
    size_t at = bank - (uintptr_t)other;
    check(at < (size_t)_slot_size && at % UNIT == 0 && size == UNIT, "erase outside of the slot");
    memset(other + at, 0xFF, size);
    return true;
}

size_t chip_flash_unit(uintptr_t address) {
    (void)address;
    return UNIT;
}

bool chip_flash_program(uintptr_t address, const uint32_t *words, size_t count) {
    size_t at = address - (uintptr_t)other;
    check(at % 4 == 0 && at < (size_t)_slot_size && count <= ((size_t)_slot_size - at) / 4, "program outside");
    for (; count; count--, words++, at += 4) {
        check(*(uint32_t *)(other + at) == SLOT_BLANK, "a word programmed twice");
        memcpy(other + at, words, 4);
    }
    return true;
}

int main(void) {
    other = slot_running() == (uintptr_t)_slot_first ? _slot_second : _slot_first;
    memset(other, 0, (size_t)_slot_size);
    while (slot_erase() > 0) {
    }
    uint32_t size;
    while (fread(&size, sizeof(size), 1, stdin) == 1) {
        uint8_t *piece = malloc(size); // of its own: the sanitizer sees what is read behind it
        check(piece && fread(piece, 1, size, stdin) == size, "a piece is cut");
        check(slot_write(piece, size), "not written");
        free(piece);
    }
    uint8_t digest[32];
    slot_digest(digest);
    const char *fault = slot_fault();
    printf("%s\n", fault ? fault : "");
    printf("%s\n", slot_commit() ? "committed" : "");
    fwrite(other, 1, (size_t)_slot_size, stdout);
    return 0;
}
