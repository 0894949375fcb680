// nRF52840 interrupt vectors: the number of a peripheral's interrupt is that of its address (PS, "Peripheral
// interface").

#include <stdint.h>

#include "fault.h"
#include "nrf52.h"
#include "nrf52840.h"

#define VECTOR_COUNT 48

#pragma GCC diagnostic ignored "-Woverride-init"

__attribute__((section(".vectors.irq"), used))
const uintptr_t irq_vectors[VECTOR_COUNT] = {
    [0 ... VECTOR_COUNT - 1] = (uintptr_t)fault_handler,
    [UARTE0_IRQ] = (uintptr_t)uarte0_handler,
    [TIMER0_IRQ] = (uintptr_t)timer0_handler,
    [RNG_IRQ] = (uintptr_t)rng_handler,
    [UARTE1_IRQ] = (uintptr_t)uarte1_handler,
};
