// nRF52840: the stores' pages. The CPU stands still while it runs from flash and an operation is under
// way: 41 us a word, 85 ms a page erase.

#include "chip.h"

#include "nrf52840.h"

// A page erase takes 85 ms; the bound is in turns of 4 cycles at 64 MHz.
#define BUSY_TURNS 3200000u

static bool finish(void) {
    dsb();
    uint32_t turns = BUSY_TURNS;
    while (!(NVMC_READY & NVMC_READY_READY) && turns) {
        turns--;
    }
    return turns > 0;
}

static bool mode(uint32_t config) {
    bool ready = finish();
    NVMC_CONFIG = config;
    isb();
    return ready;
}

size_t chip_flash_unit(uintptr_t address) {
    (void)address;
    return FLASH_PAGE_SIZE;
}

bool chip_flash_erase(uintptr_t bank, size_t size) {
    bool good = mode(NVMC_CONFIG_EEN);
    for (uintptr_t page = bank; good && page < bank + size; page += FLASH_PAGE_SIZE) {
        NVMC_ERASEPAGE = page;
        good = finish();
    }
    return mode(NVMC_CONFIG_REN) && good;
}

bool chip_flash_program(uintptr_t address, const uint32_t *words, size_t count) {
    bool good = mode(NVMC_CONFIG_WEN);
    for (; good && count; count--, address += 4) {
        REG32(address) = *words++;
        good = finish();
    }
    return mode(NVMC_CONFIG_REN) && good;
}
