// nRF52840 registers that the port uses. Source: nRF52840 Product Specification v1.8, chapters by block;
// anomalies by their numbers in the nRF52840 Errata.
#ifndef PORT_NRF52840_H
#define PORT_NRF52840_H

#include "cortex_m4.h"

// FICR
#define FICR_DEVICEID_ADDRESS 0x10000060u
#define FICR_DEVICEID_SIZE 8u

// POWER
#define POWER_RESETREAS REG32(0x40000400u)
#define POWER_RESETREAS_RESETPIN (1u << 0)
#define POWER_RESETREAS_DOG (1u << 1)
#define POWER_RESETREAS_SREQ (1u << 2)
#define POWER_RESETREAS_LOCKUP (1u << 3)

// CLOCK
#define CLOCK_TASKS_HFCLKSTART REG32(0x40000000u)
#define CLOCK_EVENTS_HFCLKSTARTED REG32(0x40000100u)

// GPIO
#define GPIO_BASE(port) (0x50000000u + 0x300u * (port))
#define GPIO_OUTSET(port) REG32(GPIO_BASE(port) + 0x508u)
#define GPIO_OUTCLR(port) REG32(GPIO_BASE(port) + 0x50Cu)
#define GPIO_DIRSET(port) REG32(GPIO_BASE(port) + 0x518u)
#define GPIO_PIN_CNF(port, pin) REG32(GPIO_BASE(port) + 0x700u + 4u * (pin))
#define GPIO_PIN_CNF_OUTPUT (1u << 0)
#define GPIO_PIN_CNF_INPUT_DISCONNECT (1u << 1)
#define GPIO_PIN_CNF_PULL_UP (3u << 2)

// UARTE
#define UARTE_TASKS_STARTRX(base) REG32((base) + 0x000u)
#define UARTE_TASKS_STARTTX(base) REG32((base) + 0x008u)
#define UARTE_EVENTS_ENDRX(base) REG32((base) + 0x110u)
#define UARTE_EVENTS_ENDTX(base) REG32((base) + 0x120u)
#define UARTE_EVENTS_ERROR(base) REG32((base) + 0x124u)
#define UARTE_INTENSET(base) REG32((base) + 0x304u)
#define UARTE_INT_ENDRX (1u << 4)
#define UARTE_INT_ENDTX (1u << 8)
#define UARTE_INT_ERROR (1u << 9)
#define UARTE_ERRORSRC(base) REG32((base) + 0x480u)
#define UARTE_ENABLE(base) REG32((base) + 0x500u)
#define UARTE_ENABLE_ENABLED 8u
#define UARTE_PSEL_TXD(base) REG32((base) + 0x50Cu)
#define UARTE_PSEL_RXD(base) REG32((base) + 0x514u)
#define UARTE_PSEL(port, pin) (((uint32_t)(port) << 5) | (pin))
#define UARTE_BAUDRATE(base) REG32((base) + 0x524u)
#define UARTE_BAUDRATE_115200 0x01D60000u
#define UARTE_RXD_PTR(base) REG32((base) + 0x534u)
#define UARTE_RXD_MAXCNT(base) REG32((base) + 0x538u)
#define UARTE_RXD_AMOUNT(base) REG32((base) + 0x53Cu)
#define UARTE_TXD_PTR(base) REG32((base) + 0x544u)
#define UARTE_TXD_MAXCNT(base) REG32((base) + 0x548u)
#define UARTE_TXD_AMOUNT(base) REG32((base) + 0x54Cu)
#define UARTE_CONFIG(base) REG32((base) + 0x56Cu)
#define UARTE_CONFIG_8N1 0u
#define UARTE0_BASE 0x40002000u
#define UARTE1_BASE 0x40028000u
#define UARTE0_IRQ 2u
#define UARTE1_IRQ 40u

// TIMER0
#define TIMER0_TASKS_START REG32(0x40008000u)
#define TIMER0_TASKS_CAPTURE(n) REG32(0x40008040u + 4u * (n))
#define TIMER0_EVENTS_COMPARE(n) REG32(0x40008140u + 4u * (n))
#define TIMER0_INTENSET REG32(0x40008304u)
#define TIMER_INT_COMPARE(n) (1u << (16u + (n)))
#define TIMER0_MODE REG32(0x40008504u)
#define TIMER_MODE_TIMER 0u
#define TIMER0_BITMODE REG32(0x40008508u)
#define TIMER_BITMODE_32 3u
#define TIMER0_PRESCALER REG32(0x40008510u)
#define TIMER_PRESCALER_1MHZ 4u
#define TIMER0_CC(n) REG32(0x40008540u + 4u * (n))
#define TIMER0_IRQ 8u

// RNG
#define RNG_TASKS_START REG32(0x4000D000u)
#define RNG_TASKS_STOP REG32(0x4000D004u)
#define RNG_EVENTS_VALRDY REG32(0x4000D100u)
#define RNG_INTENSET REG32(0x4000D304u)
#define RNG_INT_VALRDY (1u << 0)
#define RNG_CONFIG REG32(0x4000D504u)
#define RNG_CONFIG_DERCEN (1u << 0)
#define RNG_VALUE REG32(0x4000D508u)
#define RNG_IRQ 13u

// WDT
#define WDT_TASKS_START REG32(0x40010000u)
#define WDT_RUNSTATUS REG32(0x40010400u)
#define WDT_RUNSTATUS_RUNNING (1u << 0)
#define WDT_CRV REG32(0x40010504u)
#define WDT_RREN REG32(0x40010508u)
#define WDT_RREN_RR0 (1u << 0)
#define WDT_CONFIG REG32(0x4001050Cu)
#define WDT_CONFIG_SLEEP_RUN (1u << 0)
#define WDT_RR0 REG32(0x40010600u)
#define WDT_RR_RELOAD 0x6E524635u
#define WDT_HZ 32768u
#define WDT_CRV_MIN 15u

// NVMC
#define NVMC_READY REG32(0x4001E400u)
#define NVMC_READY_READY (1u << 0)
#define NVMC_CONFIG REG32(0x4001E504u)
#define NVMC_CONFIG_REN 0u
#define NVMC_CONFIG_WEN 1u
#define NVMC_CONFIG_EEN 2u
#define NVMC_ERASEPAGE REG32(0x4001E508u)
#define NVMC_ICACHECNF REG32(0x4001E540u)
#define NVMC_ICACHECNF_CACHEEN (1u << 0)
#define FLASH_PAGE_SIZE 4096u


#endif
