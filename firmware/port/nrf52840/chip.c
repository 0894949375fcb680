// nRF52840: clocks, time base, random numbers, watchdog, reset cause, modem pin.

#include "chip.h"

#include "board.h"
#include "nrf52.h"
#include "nrf52840.h"
#include "tick.h"

#define HFXO_START_TURNS 100000u // turns of at least 4 cycles at 64 MHz: 6 ms; the crystal needs 0.4 ms

#define CC_DEADLINE 0
#define CC_NOW 1

const uint8_t *const chip_unique_id = (const uint8_t *)FICR_DEVICEID_ADDRESS;
const size_t chip_unique_id_size = FICR_DEVICEID_SIZE;

// The CPU runs at 64 MHz from the internal oscillator at once; the crystal makes the same clock exact.
const char *chip_init(void) {
    NVMC_ICACHECNF = NVMC_ICACHECNF_CACHEEN;
    CLOCK_EVENTS_HFCLKSTARTED = 0;
    CLOCK_TASKS_HFCLKSTART = 1;
    uint32_t turns = HFXO_START_TURNS;
    while (!CLOCK_EVENTS_HFCLKSTARTED && turns) {
        turns--;
    }
    chip_modem_enable(false);
    GPIO_PIN_CNF(BOARD_MODEM_ENABLE_PORT, BOARD_MODEM_ENABLE_PIN) =
        GPIO_PIN_CNF_OUTPUT | GPIO_PIN_CNF_INPUT_DISCONNECT;
    return turns ? NULL : "clock: no HFXO, internal oscillator\n";
}

void chip_modem_enable(bool on) {
    if (on) {
        GPIO_OUTSET(BOARD_MODEM_ENABLE_PORT) = 1u << BOARD_MODEM_ENABLE_PIN;
    } else {
        GPIO_OUTCLR(BOARD_MODEM_ENABLE_PORT) = 1u << BOARD_MODEM_ENABLE_PIN;
    }
}

// Anomaly 136: a pin reset may set other bits too. A power-on and a brown-out both leave no bit.
reset_cause_t chip_reset_cause(void) {
    uint32_t reasons = POWER_RESETREAS;
    POWER_RESETREAS = reasons; // ones clear
    if (reasons & POWER_RESETREAS_RESETPIN) {
        return RESET_PIN;
    }
    if (reasons & POWER_RESETREAS_DOG) {
        return RESET_WATCHDOG;
    }
    if (reasons & POWER_RESETREAS_LOCKUP) {
        return RESET_LOCKUP;
    }
    return reasons & POWER_RESETREAS_SREQ ? RESET_SOFTWARE : RESET_POWER_ON;
}

void chip_tick_init(void) {
    TIMER0_MODE = TIMER_MODE_TIMER;
    TIMER0_BITMODE = TIMER_BITMODE_32;
    TIMER0_PRESCALER = TIMER_PRESCALER_1MHZ;
    nrf_clear_event(&TIMER0_EVENTS_COMPARE(CC_DEADLINE));
    TIMER0_INTENSET = TIMER_INT_COMPARE(CC_DEADLINE);
    TIMER0_TASKS_START = 1;
    nvic_enable(TIMER0_IRQ);
}

// An interrupt handler may capture between the two lines: then the later of the two times is returned,
// which is as true.
uint32_t chip_tick_now(void) {
    TIMER0_TASKS_CAPTURE(CC_NOW) = 1;
    return TIMER0_CC(CC_NOW);
}

void chip_tick_compare(uint32_t at) {
    TIMER0_CC(CC_DEADLINE) = at;
}

void chip_tick_pend(void) {
    nvic_pend(TIMER0_IRQ);
}

void timer0_handler(void) {
    nrf_clear_event(&TIMER0_EVENTS_COMPARE(CC_DEADLINE));
    tick_interrupt();
}

// With bias correction a byte takes 120 us on average, and no bound is given: the wait allows for tenfold.
#define RNG_BYTE_US 1200u

// A generator that repeats a byte so often is taken for stuck (repetition count test of SP 800-90B 4.4.1, at 2^-32).
#define RNG_REPEATS 5u

static struct {
    uint8_t *volatile out;
    volatile size_t left;
    volatile bool done;
    uint8_t last, repeats;
} draw;

void rng_handler(void) {
    nrf_clear_event(&RNG_EVENTS_VALRDY);
    uint8_t value = RNG_VALUE;
    draw.repeats = value == draw.last ? draw.repeats + 1 : 1;
    draw.last = value;
    if (draw.left > 0) {
        *draw.out = value;
        draw.out++;
        draw.left--;
    }
    if (draw.left == 0 || draw.repeats >= RNG_REPEATS) {
        RNG_TASKS_STOP = 1;
        draw.done = true;
        tick_recheck();
    }
}

bool chip_random(uint8_t *out, size_t size) {
    if (size == 0) {
        return true;
    }
    draw.out = out;
    draw.left = size;
    draw.done = false;
    RNG_CONFIG = RNG_CONFIG_DERCEN;
    nrf_clear_event(&RNG_EVENTS_VALRDY);
    RNG_INTENSET = RNG_INT_VALRDY;
    nvic_enable(RNG_IRQ);
    RNG_TASKS_START = 1;
    bool done = tick_wait_flag(&draw.done, size * RNG_BYTE_US + 1000u);
    RNG_TASKS_STOP = 1;
    bool stuck = draw.repeats >= RNG_REPEATS || draw.left > 0;
    draw.left = 0;
    return done && !stuck;
}

// A running watchdog takes no other period; its configuration is locked until the reset.
bool chip_watchdog_start(uint32_t period_ms) {
    #if FEATURE_FIRMWARE_UPDATE
    // the boot stage has started it for an image on trial
    if (WDT_RUNSTATUS & WDT_RUNSTATUS_RUNNING) {
        chip_watchdog_feed();
        return true;
    }
    #endif
    uint64_t count = (uint64_t)period_ms * WDT_HZ / 1000u;
    if (count <= WDT_CRV_MIN || count > UINT32_MAX) {
        return false;
    }
    WDT_CRV = (uint32_t)count - 1;
    WDT_CONFIG = WDT_CONFIG_SLEEP_RUN;
    WDT_RREN = WDT_RREN_RR0;
    WDT_TASKS_START = 1;
    return true;
}

void chip_watchdog_feed(void) {
    WDT_RR0 = WDT_RR_RELOAD;
}
