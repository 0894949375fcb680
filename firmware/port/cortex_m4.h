// Cortex-M4 core registers that the port uses.
// Source: Armv7-M Architecture Reference Manual (DDI 0403), chapters B3.2 to B3.4.
#ifndef PORT_CORTEX_M4_H
#define PORT_CORTEX_M4_H

#include <stdbool.h>
#include <stdint.h>

#define REG32(address) (*(volatile uint32_t *)(address))

#define NVIC_ISER(n) REG32(0xE000E100u + 4u * (n))
#define NVIC_ISPR(n) REG32(0xE000E200u + 4u * (n))
#define NVIC_ICPR(n) REG32(0xE000E280u + 4u * (n))

#define SCB_VTOR REG32(0xE000ED08u)
#define SCB_AIRCR REG32(0xE000ED0Cu)
#define SCB_AIRCR_VECTKEY (0x05FAu << 16)
#define SCB_AIRCR_PRIGROUP (7u << 8)
#define SCB_AIRCR_SYSRESETREQ (1u << 2)
#define SCB_SCR REG32(0xE000ED10u)
#define SCB_SCR_SEVONPEND (1u << 4)
#define SCB_CCR REG32(0xE000ED14u)
#define SCB_CCR_DIV_0_TRP (1u << 4)
#define SCB_CCR_STKALIGN (1u << 9)
#define SCB_SHCSR REG32(0xE000ED24u)
#define SCB_SHCSR_MEMFAULTENA (1u << 16)
#define SCB_SHCSR_BUSFAULTENA (1u << 17)
#define SCB_SHCSR_USGFAULTENA (1u << 18)
#define SCB_CFSR REG32(0xE000ED28u)
#define SCB_HFSR REG32(0xE000ED2Cu)
#define SCB_MMFAR REG32(0xE000ED34u)
#define SCB_BFAR REG32(0xE000ED38u)

static inline void dsb(void) {
    __asm volatile ("dsb" ::: "memory");
}

static inline void isb(void) {
    __asm volatile ("isb" ::: "memory");
}

static inline void wfe(void) {
    __asm volatile ("wfe" ::: "memory");
}

static inline uint32_t irq_save(void) {
    uint32_t primask;
    __asm volatile ("mrs %0, primask\n cpsid i" : "=r" (primask) :: "memory");
    return primask;
}

static inline void irq_restore(uint32_t primask) {
    __asm volatile ("msr primask, %0" :: "r" (primask) : "memory");
}

static inline void nvic_enable(unsigned irq) {
    NVIC_ISER(irq / 32) = 1u << (irq % 32);
}

static inline void nvic_pend(unsigned irq) {
    NVIC_ISPR(irq / 32) = 1u << (irq % 32);
}

static inline __attribute__((noreturn)) void system_reset(void) {
    dsb();
    // PRIGROUP is part of the register, and is kept as it is (B3.2.6).
    SCB_AIRCR = SCB_AIRCR_VECTKEY | (SCB_AIRCR & SCB_AIRCR_PRIGROUP) | SCB_AIRCR_SYSRESETREQ;
    dsb();
    for (;;) {
    }
}

#endif
