// What a chip folder provides to the shared layer. Nothing else of a chip is seen above it.
#ifndef PORT_CHIP_H
#define PORT_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { UART_MODEM, UART_EVSE, UART_COUNT };

typedef enum {
    RESET_POWER_ON,
    RESET_PIN,
    RESET_SOFTWARE,
    RESET_WATCHDOG,
    RESET_LOCKUP,
    RESET_BROWNOUT,
} reset_cause_t;

// Clocks, flash wait states, caches, pins. Called once, with interrupts off. Returns NULL, or a line for
// the log where it had to fall back to a slower or less exact clock.
const char *chip_init(void);

// The cause of the last reset; clears the chip's record of it, so it is to be called once.
reset_cause_t chip_reset_cause(void);

// Free-running 32-bit counter at 1 MHz, and one compare match that raises the tick interrupt.
void chip_tick_init(void);
uint32_t chip_tick_now(void);
void chip_tick_compare(uint32_t at);
void chip_tick_pend(void);
void tick_interrupt(void); // shared layer; called by the chip's handler, which has cleared the event

// 115200 8N1. Received bytes go to uart_received(), transmission asks uart_transmit_*() for bytes.
void chip_uart_init(unsigned uart);
void chip_uart_kick(unsigned uart); // there is something to send; any context

// Flash of the stores (store.h). Addresses are word aligned. False: the hardware said no.
bool chip_flash_erase(uintptr_t bank, size_t size);
size_t chip_flash_unit(uintptr_t address); // size of what is erased at once there
bool chip_flash_program(uintptr_t address, const uint32_t *words, size_t count);

// Hardware random numbers. False: the generator reports or shows a failure.
bool chip_random(uint8_t *out, size_t size);

// Starts the watchdog; false where the period is out of the hardware's range. It cannot be stopped.
bool chip_watchdog_start(uint32_t period_ms);
void chip_watchdog_feed(void);

extern const uint8_t *const chip_unique_id;
extern const size_t chip_unique_id_size;

void chip_modem_enable(bool on);

#endif
