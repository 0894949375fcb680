// STM32F407: the store's two sectors. Code runs from the same flash, so the core stands still while an
// operation is under way [3.6]: 16 us a word, up to 0.5 s an erase.

#include "chip.h"

#include "stm32f407.h"

#define FLASH_ORIGIN 0x08000000u
#define SMALL_SECTOR_SIZE 0x4000u // sectors 0 to 3

// An erase of 16 KB takes at most 0.5 s (x32, DS8626 table 39); the bound is in turns of 4 cycles at 168 MHz.
#define BUSY_TURNS 42000000u

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

bool chip_flash_erase(uintptr_t bank, size_t size) {
    unlock();
    bool good = finish();
    for (uintptr_t sector = bank; good && sector < bank + size; sector += SMALL_SECTOR_SIZE) {
        uint32_t number = (sector - FLASH_ORIGIN) / SMALL_SECTOR_SIZE;
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
