// Shared between the files of this folder.
#ifndef PORT_NRF52_H
#define PORT_NRF52_H

#include <stdint.h>

// An event register is cleared a few cycles after the write; the read back makes sure that the interrupt
// line has fallen before the handler returns.
static inline void nrf_clear_event(volatile uint32_t *event) {
    *event = 0;
    (void)*event;
}

void timer0_handler(void);
void uarte0_handler(void);
void uarte1_handler(void);
void rng_handler(void);

#endif
