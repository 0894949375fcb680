// STM32F407: clocks, time base, random numbers, watchdog, reset cause, modem pin.

#include "chip.h"

#include "board.h"
#include "stm32f407.h"
#include "stm32f4.h"

#define HSI_HZ 16000000u
#define PLL_HZ 168000000u
#define PLL_N 336u // VCO 336 MHz: / P 2 = 168 MHz, / Q 7 = 48 MHz for the RNG [7.2.3]
#define PLL_Q 7u
#define FLASH_WAIT_STATES 5u // 2.7 V to 3.6 V, HCLK over 150 MHz [3.5.1]

// Bounds of waits, in turns of a loop of at least 4 cycles at 16 MHz.
#define HSE_START_TURNS 400000u // 100 ms
#define CLOCK_READY_TURNS 8000u // 2 ms

// Until the PLL runs, everything is on the HSI, undivided.
uint32_t stm32_apb1_hz = HSI_HZ;
uint32_t stm32_apb1_timer_hz = HSI_HZ;

const uint8_t *const chip_unique_id = (const uint8_t *)UNIQUE_ID_ADDRESS;
const size_t chip_unique_id_size = UNIQUE_ID_SIZE;

static bool wait_set(volatile uint32_t *reg, uint32_t mask, uint32_t value, uint32_t turns) {
    while ((*reg & mask) != value) {
        if (turns-- == 0) {
            return false;
        }
    }
    return true;
}

// A peripheral may be used two cycles after its clock is on; the read back takes as long (ES0182 2.2.7).
void stm32_clock_on(volatile uint32_t *enable, uint32_t mask) {
    *enable |= mask;
    (void)*enable;
}

static bool pll_start(uint32_t source, uint32_t source_hz) {
    RCC_PLLCFGR = (RCC_PLLCFGR & RCC_PLLCFGR_RESERVED) | source | RCC_PLLCFGR_M(source_hz / 1000000u)
        | RCC_PLLCFGR_N(PLL_N) | RCC_PLLCFGR_P2 | RCC_PLLCFGR_Q(PLL_Q);
    RCC_CR |= RCC_CR_PLLON;
    if (wait_set(&RCC_CR, RCC_CR_PLLRDY, RCC_CR_PLLRDY, CLOCK_READY_TURNS)) {
        return true;
    }
    RCC_CR &= ~RCC_CR_PLLON;
    return false;
}

const char *chip_init(void) {
    const char *fallback = NULL;
    RCC_CR |= RCC_CR_HSEON;
    bool running = wait_set(&RCC_CR, RCC_CR_HSERDY, RCC_CR_HSERDY, HSE_START_TURNS)
        && pll_start(RCC_PLLCFGR_SRC_HSE, BOARD_HSE_HZ);
    if (!running) {
        fallback = "clock: no HSE, PLL on HSI (1 %)\n";
        RCC_CR &= ~RCC_CR_HSEON;
        running = pll_start(0, HSI_HZ);
    }
    // Prefetch is broken in revision A (ES0182 2.1.1).
    uint32_t acr = FLASH_ACR_ICEN | FLASH_ACR_DCEN;
    if (DBGMCU_IDCODE >> 16 != DBGMCU_IDCODE_REV_A) {
        acr |= FLASH_ACR_PRFTEN;
    }
    if (running) {
        // Wait states first, and read back, then the faster clock [3.5.1].
        FLASH_ACR = acr | FLASH_ACR_LATENCY(FLASH_WAIT_STATES);
        uint32_t latency = FLASH_ACR_LATENCY(FLASH_WAIT_STATES);
        running = wait_set(&FLASH_ACR, FLASH_ACR_LATENCY_MASK, latency, CLOCK_READY_TURNS);
    } else {
        FLASH_ACR = acr;
    }
    if (running) {
        RCC_CFGR = RCC_CFGR_PPRE1_DIV4 | RCC_CFGR_PPRE2_DIV2;
        RCC_CFGR |= RCC_CFGR_SW_PLL;
        running = wait_set(&RCC_CFGR, RCC_CFGR_SWS_MASK, RCC_CFGR_SWS_PLL, CLOCK_READY_TURNS);
    }
    if (running) {
        stm32_apb1_hz = PLL_HZ / 4;
        stm32_apb1_timer_hz = PLL_HZ / 2; // twice the bus clock where the bus is divided [7.2]
    } else {
        RCC_CFGR = RCC_CFGR_SW_HSI;
        fallback = "clock: no PLL, 16 MHz HSI\n";
    }
    stm32_clock_on(&RCC_AHB1ENR, RCC_AHB1ENR_GPIO(BOARD_MODEM_ENABLE_PORT));
    chip_modem_enable(false);
    uint32_t modes = GPIO_MODER(BOARD_MODEM_ENABLE_PORT) & ~(3u << 2 * BOARD_MODEM_ENABLE_PIN);
    GPIO_MODER(BOARD_MODEM_ENABLE_PORT) = modes | GPIO_MODE_OUTPUT << 2 * BOARD_MODEM_ENABLE_PIN;
    return fallback;
}

void chip_modem_enable(bool on) {
    GPIO_BSRR(BOARD_MODEM_ENABLE_PORT) = 1u << (BOARD_MODEM_ENABLE_PIN + (on ? 0 : 16));
}

// Every reset but the one from the pin pulls the pin as well, and a power-on sets the brown-out flag too
// [7.3.21]: the flags are looked at from the most to the least telling.
reset_cause_t chip_reset_cause(void) {
    uint32_t flags = RCC_CSR;
    RCC_CSR = flags | RCC_CSR_RMVF;
    if (flags & (RCC_CSR_IWDGRSTF | RCC_CSR_WWDGRSTF)) {
        return RESET_WATCHDOG;
    }
    if (flags & RCC_CSR_SFTRSTF) {
        return RESET_SOFTWARE;
    }
    if (flags & RCC_CSR_PORRSTF) {
        return RESET_POWER_ON;
    }
    if (flags & RCC_CSR_BORRSTF) {
        return RESET_BROWNOUT;
    }
    return flags & RCC_CSR_PINRSTF ? RESET_PIN : RESET_POWER_ON;
}

void chip_tick_init(void) {
    stm32_clock_on(&RCC_APB1ENR, RCC_APB1ENR_TIM2EN);
    TIM2_PSC = stm32_apb1_timer_hz / 1000000u - 1;
    TIM2_ARR = UINT32_MAX;
    TIM2_EGR = TIM_EGR_UG; // loads the prescaler
    TIM2_SR = 0;
    TIM2_DIER = TIM_DIER_CC1IE;
    TIM2_CR1 = TIM_CR1_CEN;
    nvic_enable(TIM2_IRQ);
}

uint32_t chip_tick_now(void) {
    return TIM2_CNT;
}

void chip_tick_compare(uint32_t at) {
    TIM2_CCR1 = at;
}

void chip_tick_pend(void) {
    nvic_pend(TIM2_IRQ);
}

void tim2_handler(void) {
    TIM2_SR = ~TIM_SR_CC1IF; // rc_w0: ones leave the others alone
    (void)TIM2_SR;
    tick_interrupt();
}

// The first number after each start is only compared with, and equal neighbours are a failure [24.3.1].
// One is ready after 40 periods of the 48 MHz clock.
#define RNG_READY_TURNS 1000u
#define RNG_ATTEMPTS 4

static bool random_words(uint8_t *out, size_t size) {
    RNG_CR = RNG_CR_RNGEN;
    uint32_t previous = 0;
    bool first = true;
    for (size_t done = 0; first || done < size;) {
        uint32_t turns = RNG_READY_TURNS;
        while (!(RNG_SR & (RNG_SR_DRDY | RNG_SR_SEIS | RNG_SR_CEIS)) && turns) {
            turns--;
        }
        uint32_t status = RNG_SR;
        if (status & (RNG_SR_SEIS | RNG_SR_CEIS | RNG_SR_SECS | RNG_SR_CECS) || !(status & RNG_SR_DRDY)) {
            return false;
        }
        uint32_t word = RNG_DR;
        if (!first && word == previous) {
            return false;
        }
        for (int i = 0; !first && i < 4 && done < size; i++) {
            out[done++] = word >> 8 * i;
        }
        previous = word;
        first = false;
    }
    return true;
}

// After a seed error: clear SEIS, switch the generator off and on again [24.3.2]. After a clock error the
// numbers may be used once the clock is good: the same way back serves.
bool chip_random(uint8_t *out, size_t size) {
    stm32_clock_on(&RCC_AHB2ENR, RCC_AHB2ENR_RNGEN);
    bool good = false;
    for (int attempt = 0; !good && attempt < RNG_ATTEMPTS; attempt++) {
        good = random_words(out, size);
        RNG_SR = 0;
        RNG_CR = 0;
    }
    return good;
}

// PVU and RVU fall after at most 5 periods of the LSI [21.4.4]; the bound allows for tenfold.
#define IWDG_UPDATE_TURNS 70000u

bool chip_watchdog_start(uint32_t period_ms) {
    uint32_t reload = (uint64_t)period_ms * IWDG_LSI_HZ / 256u / 1000u;
    if (reload == 0 || reload > IWDG_RLR_MAX) {
        return false;
    }
    IWDG_KR = IWDG_KEY_START;
    IWDG_KR = IWDG_KEY_UNLOCK;
    IWDG_PR = IWDG_PR_DIV256;
    IWDG_RLR = reload;
    bool taken = wait_set(&IWDG_SR, UINT32_MAX, 0, IWDG_UPDATE_TURNS);
    chip_watchdog_feed();
    return taken;
}

void chip_watchdog_feed(void) {
    IWDG_KR = IWDG_KEY_RELOAD;
}
