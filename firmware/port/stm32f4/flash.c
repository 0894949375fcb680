// STM32F407: the stores' sectors. Code runs from the same flash, so the core stands still while an operation
// is under way [3.6]: 16 us a word, up to 0.5 s the erase of a sector of 16 KB and 2 s of one of 128 KB.

#include "chip.h"

#include "stm32f407.h"

#define FLASH_ORIGIN 0x08000000u

// An erase of 128 KB takes at most 2 s (x32, DS8626 table 39); the bound is in turns of 4 cycles at 168 MHz.
#define BUSY_TURNS 168000000u

static bool finish(void) {
    dsb();
    uint32_t turns = BUSY_TURNS;
    while ((FLASH_SR & FLASH_SR_BSY) && turns) {
        turns--;
    }
    uint32_t status = FLASH_SR;
    FLASH_SR = status & (FLASH_SR_ERRORS | FLASH_SR_EOP); // rc_w1
    return !(status & (FLASH_SR_BSY | FLASH_SR_ERRORS));
}

static void unlock(void) {
    FLASH_KEYR = FLASH_KEY1;
    FLASH_KEYR = FLASH_KEY2;
}

// The data cache may hold what was erased [3.6.3]; it may be reset only while it is off [3.9.1].
static void data_cache_flush(void) {
    FLASH_ACR &= ~FLASH_ACR_DCEN;
    FLASH_ACR |= FLASH_ACR_DCRST;
    FLASH_ACR &= ~FLASH_ACR_DCRST;
    FLASH_ACR |= FLASH_ACR_DCEN;
}

// Sectors 0 to 3 have 16 KB, sector 4 has 64, the others have 128 [table 5].
static uint32_t sector_number(uintptr_t offset) {
    return offset < 0x10000u ? offset / 0x4000u : 4u + offset / 0x20000u;
}

static size_t sector_size(uint32_t number) {
    return number < 4 ? 0x4000u : number == 4 ? 0x10000u : 0x20000u;
}

size_t chip_flash_unit(uintptr_t address) {
    return sector_size(sector_number(address - FLASH_ORIGIN));
}

bool chip_flash_erase(uintptr_t bank, size_t size) {
    unlock();
    bool good = finish();
    uint32_t number;
    for (uintptr_t sector = bank; good && sector < bank + size; sector += sector_size(number)) {
        number = sector_number(sector - FLASH_ORIGIN);
        FLASH_CR = FLASH_CR_PSIZE_X32 | FLASH_CR_SER | FLASH_CR_SNB(number);
        FLASH_CR |= FLASH_CR_STRT;
        good = finish();
    }
    FLASH_CR = FLASH_CR_LOCK;
    data_cache_flush();
    return good;
}

bool chip_flash_program(uintptr_t address, const uint32_t *words, size_t count) {
    unlock();
    bool good = finish();
    FLASH_CR = FLASH_CR_PSIZE_X32 | FLASH_CR_PG;
    for (; good && count; count--, address += 4) {
        REG32(address) = *words++;
        good = finish();
    }
    FLASH_CR = FLASH_CR_LOCK;
    return good;
}
