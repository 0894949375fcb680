// Reset, and the part of the vector table that every Cortex-M4 has.

#include <stdint.h>

#include "cortex_m4.h"
#include "fault.h"

extern uint32_t _data_load, _data_start, _data_end, _bss_start, _bss_end, _stack_end;
extern const uintptr_t core_vectors[16];

int main(void);
void reset_handler(void);

static __attribute__((noreturn, used)) void start(void) {
    SCB_VTOR = (uint32_t)core_vectors;
    dsb();
    const uint32_t *from = &_data_load;
    for (uint32_t *to = &_data_start; to < &_data_end;) {
        *to++ = *from++;
    }
    for (uint32_t *to = &_bss_start; to < &_bss_end;) {
        *to++ = 0;
    }
    main();
    system_reset();
}

// A bootloader or a debugger may jump here with a stack of its own.
__attribute__((naked, noreturn)) void reset_handler(void) {
    __asm volatile (
        "ldr r0, =_stack_end\n"
        "msr msp, r0\n"
        "b start\n");
}

__attribute__((section(".vectors.core"), used))
const uintptr_t core_vectors[16] = {
    (uintptr_t)&_stack_end,
    (uintptr_t)reset_handler,
    (uintptr_t)fault_handler, // NMI
    (uintptr_t)fault_handler, // HardFault
    (uintptr_t)fault_handler, // MemManage
    (uintptr_t)fault_handler, // BusFault
    (uintptr_t)fault_handler, // UsageFault
    0, 0, 0, 0,
    (uintptr_t)fault_handler, // SVCall
    (uintptr_t)fault_handler, // DebugMonitor
    0,
    (uintptr_t)fault_handler, // PendSV
    (uintptr_t)fault_handler, // SysTick
};
