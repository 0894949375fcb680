// Time since reset, and sleep. There is no periodic interrupt.
#ifndef PORT_TICK_H
#define PORT_TICK_H

#include <stdbool.h>
#include <stdint.h>

void tick_init(void);

// Microseconds since reset.
uint64_t tick_us(void);

// Any interrupt handler: what the main thread sleeps for has happened.
void tick_wake(void);

// Any interrupt handler: the main thread is to look again at how long it may sleep.
void tick_recheck(void);

// Sleeps until *flag is set by an interrupt handler that calls tick_wake(). False: `timeout_us` have passed.
bool tick_wait_flag(const volatile bool *flag, uint32_t timeout_us);

#endif
