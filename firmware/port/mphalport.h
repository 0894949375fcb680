// What the virtual machine asks of the hardware.
#ifndef PORT_MPHALPORT_H
#define PORT_MPHALPORT_H

#include <stddef.h>
#include <stdint.h>

#include "cortex_m4.h"

void mp_hal_wait_ms(uint32_t timeout_ms);

#define MICROPY_INTERNAL_WFE(TIMEOUT_MS) mp_hal_wait_ms((uint32_t)(TIMEOUT_MS))

#define MICROPY_BEGIN_ATOMIC_SECTION() irq_save()
#define MICROPY_END_ATOMIC_SECTION(state) irq_restore(state)

static inline void mp_hal_set_interrupt_char(int c) {
    (void)c;
}

#endif
