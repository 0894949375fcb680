// The boot stage: the first code after reset. Starts the newest image that is whole, and that has been
// confirmed or has attempts left. Has no variables, so that all RAM is as the reset left it.

#include "chip.h"
#include "cortex_m4.h"
#include "slot.h"

#define WATCHDOG_MS 32000u // as station/main.py asks for: a watchdog that runs takes no other period

extern uint8_t _stage_stack[], _ram_start[], _ram_end[];

static bool can_start(uintptr_t slot) {
    uint32_t stack = ((const uint32_t *)slot)[0], entry = ((const uint32_t *)slot)[1];
    return stack > (uintptr_t)_ram_start && stack <= (uintptr_t)_ram_end && (entry & 1)
        && entry > slot && entry < slot + (size_t)_slot_size;
}

static bool is_blank(uintptr_t slot) {
    return slot_tail(slot)->magic == SLOT_BLANK;
}

static bool is_confirmed(uintptr_t slot) {
    return is_blank(slot) || slot_tail(slot)->confirmed != SLOT_BLANK;
}

// Where the next attempt is noted; NULL where there is none left.
static const uint32_t *next_attempt(uintptr_t slot) {
    const uint32_t *attempts = slot_tail(slot)->attempts;
    for (unsigned i = 0; i < SLOT_ATTEMPTS; i++) {
        if (attempts[i] == SLOT_BLANK) {
            return attempts + i;
        }
    }
    return NULL;
}

static uint32_t sequence(uintptr_t slot) {
    return is_blank(slot) ? 0 : slot_tail(slot)->sequence;
}

static bool is_good(uintptr_t slot) {
    if (!can_start(slot)) {
        return false;
    }
    if (is_blank(slot)) {
        return slot == (uintptr_t)_slot_first;
    }
    return slot_is_whole(slot) && (is_confirmed(slot) || next_attempt(slot));
}

static __attribute__((noreturn)) void start(uintptr_t slot) {
    if (!is_confirmed(slot)) {
        const uint32_t *attempt = next_attempt(slot);
        const uint32_t made = 0;
        if (attempt) {
            chip_flash_program((uintptr_t)attempt, &made, 1);
        }
        // an image that hangs at once
        chip_watchdog_start(WATCHDOG_MS);
    }
    SCB_VTOR = slot;
    dsb();
    __asm volatile (
        "msr msp, %0\n"
        "bx %1\n" : : "r" (((const uint32_t *)slot)[0]), "r" (((const uint32_t *)slot)[1]));
    __builtin_unreachable();
}

static __attribute__((noreturn, used)) void stage(void) {
    uintptr_t newer = (uintptr_t)_slot_first, older = (uintptr_t)_slot_second;
    if (sequence(older) > sequence(newer)) {
        newer = (uintptr_t)_slot_second;
        older = (uintptr_t)_slot_first;
    }
    if (is_good(newer)) {
        start(newer);
    }
    // what is left of two bad ones is better than nothing
    start(is_good(older) || !can_start(newer) ? older : newer);
}

static __attribute__((noreturn)) void halt(void) {
    system_reset();
}

__attribute__((section(".vectors"), used)) static const uintptr_t vectors[] = {
    (uintptr_t)_stage_stack,
    (uintptr_t)stage,
    (uintptr_t)halt,
    (uintptr_t)halt,
    (uintptr_t)halt,
    (uintptr_t)halt,
    (uintptr_t)halt,
};
