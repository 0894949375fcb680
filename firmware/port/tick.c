#include "tick.h"

#include "chip.h"
#include "cortex_m4.h"
#include "uart.h"

#include "py/mphal.h"

// The compare match is always armed, never further ahead than this: so the counter is read at least once
// in every quarter of its range, and its wraps (every 71.6 min) are never missed.
#define HORIZON_US (1u << 30)
#define FOREVER_MS UINT32_MAX

static uint64_t elapsed; // us since reset, when last asked
static volatile uint32_t armed;
static volatile bool woken;
static volatile bool recheck;

uint64_t tick_us(void) {
    uint32_t state = irq_save();
    int32_t since = (int32_t)(chip_tick_now() - (uint32_t)elapsed);
    if (since > 0) {
        elapsed += since;
    }
    uint64_t us = elapsed;
    irq_restore(state);
    return us;
}

static void arm(uint32_t at) {
    armed = at;
    chip_tick_compare(at);
    if ((int32_t)(chip_tick_now() - at) >= 0) {
        chip_tick_pend(); // the counter may have passed `at` before the compare register held it
    }
}

void tick_init(void) {
    chip_tick_init();
    arm(chip_tick_now() + HORIZON_US);
}

void tick_interrupt(void) {
    arm((uint32_t)tick_us() + HORIZON_US);
    recheck = true;
}

void tick_wake(void) {
    woken = true;
    recheck = true;
}

void tick_recheck(void) {
    recheck = true;
}

// Sleeps from `now` to `until` (later), or to the next call of tick_wake() or tick_recheck(). The caller
// clears `recheck` before it looks at what it waits for. WFE cannot miss a wake-up: the return from an
// interrupt handler sets the event register (B1.5.18), so an interrupt between the check of `recheck` and
// the instruction makes the instruction fall through.
static void sleep_until(uint64_t now, uint64_t until) {
    uint64_t left = until - now;
    uint32_t at = (uint32_t)now + (left < HORIZON_US ? (uint32_t)left : HORIZON_US);
    if (armed != at) {
        arm(at);
    }
    while (!recheck) {
        wfe();
    }
}

bool tick_wait_flag(const volatile bool *flag, uint32_t timeout_us) {
    uint64_t until = tick_us() + timeout_us;
    for (;;) {
        recheck = false;
        uint64_t now = tick_us();
        if (*flag || now >= until) {
            return *flag;
        }
        sleep_until(now, until);
    }
}

void mp_hal_wait_ms(uint32_t timeout_ms) {
    uint64_t deadline = timeout_ms == FOREVER_MS ? UINT64_MAX : tick_us() + (uint64_t)timeout_ms * 1000;
    for (;;) {
        recheck = false;
        uint64_t now = tick_us();
        uint64_t until = uart_line_idle_at(now);
        if (until > deadline) {
            until = deadline;
        }
        if (woken || now >= until) {
            break;
        }
        sleep_until(now, until);
    }
    uart_waits_over();
    woken = false;
}

void mp_hal_delay_us(mp_uint_t us) {
    static const volatile bool never = false;
    tick_wait_flag(&never, us);
}

void mp_hal_delay_ms(mp_uint_t ms) {
    const mp_uint_t most = HORIZON_US / 1000;
    for (; ms > most; ms -= most) {
        mp_hal_delay_us(most * 1000);
    }
    mp_hal_delay_us(ms * 1000);
}

mp_uint_t mp_hal_ticks_ms(void) {
    return (mp_uint_t)(tick_us() / 1000);
}

mp_uint_t mp_hal_ticks_us(void) {
    return (mp_uint_t)tick_us();
}

mp_uint_t mp_hal_ticks_cpu(void) {
    return (mp_uint_t)tick_us();
}
