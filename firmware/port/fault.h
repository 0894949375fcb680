// A record of what stopped the firmware, kept over the reset that follows.
#ifndef PORT_FAULT_H
#define PORT_FAULT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint32_t pc, lr, psr, cfsr, hfsr, mmfar, bfar;
} fault_registers_t;

// Reasons without an exception: psr, cfsr and hfsr are 0 and mmfar holds one of these.
enum { PANIC_ASSERT = 1, PANIC_NLR = 2 };

// Vector of every fault and of every interrupt that nobody serves. Records and resets.
void fault_handler(void);

// Records the caller's address and the reason, and resets.
__attribute__((noreturn)) void panic(uint32_t reason);

// Copies the record of the last fault, once. False where there is none.
bool fault_take(fault_registers_t *out);

#endif
