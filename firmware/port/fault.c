#include "fault.h"

#include <stddef.h>

#include "cortex_m4.h"

#define MAGIC 0x544C5546u // "FULT"
#define CFSR_STACKING_FAILED ((1u << 4) | (1u << 12)) // MSTKERR, STKERR

extern uint32_t _stack_start, _stack_end;

#if FEATURE_FAULT_RECORD

static struct {
    uint32_t magic;
    fault_registers_t registers;
    uint32_t check;
} record __attribute__((section(".noinit")));

static uint32_t checksum(void) {
    const uint32_t *word = (const uint32_t *)&record.registers;
    uint32_t sum = record.magic;
    for (size_t i = 0; i < sizeof(record.registers) / sizeof(uint32_t); i++) {
        sum = (sum << 5 | sum >> 27) ^ word[i];
    }
    return ~sum;
}

static __attribute__((noreturn)) void keep_and_reset(void) {
    record.magic = MAGIC;
    record.check = checksum();
    system_reset();
}

// `frame`: r0-r3, r12, lr, pc, psr as the exception entry stacked them (B1.5.6), where it could.
static __attribute__((noreturn, used)) void fault_record(const uint32_t *frame) {
    fault_registers_t *registers = &record.registers;
    registers->cfsr = SCB_CFSR;
    registers->hfsr = SCB_HFSR;
    registers->mmfar = SCB_MMFAR;
    registers->bfar = SCB_BFAR;
    bool stacked = frame >= &_stack_start && frame + 8 <= &_stack_end
        && !(registers->cfsr & CFSR_STACKING_FAILED);
    registers->lr = stacked ? frame[5] : 0;
    registers->pc = stacked ? frame[6] : 0;
    registers->psr = stacked ? frame[7] : 0;
    keep_and_reset();
}

// The stack may be what is broken: the handler runs on the end of the heap, which the reset discards.
__attribute__((naked)) void fault_handler(void) {
    __asm volatile (
        "cpsid i\n"
        "mrs r0, msp\n"
        "ldr r1, =_heap_end\n"
        "msr msp, r1\n"
        "b fault_record\n");
}

void panic(uint32_t reason) {
    irq_save();
    record.registers = (fault_registers_t) {
        .pc = (uint32_t)__builtin_return_address(0),
        .mmfar = reason,
    };
    keep_and_reset();
}

bool fault_take(fault_registers_t *out) {
    bool valid = record.magic == MAGIC && record.check == checksum();
    record.magic = 0;
    if (valid) {
        *out = record.registers;
    }
    return valid;
}

#else

__attribute__((naked)) void fault_handler(void) {
    __asm volatile (
        "cpsid i\n"
        "b system_reset_now\n");
}

__attribute__((noreturn, used)) void system_reset_now(void) {
    system_reset();
}

void panic(uint32_t reason) {
    (void)reason;
    system_reset();
}

#endif
