// Does to the chip what a test asks for in a mailbox in RAM, and leaves there what came of it.
// Registers by RM0090: RCC_CSR 7.3.21, USART2 30.6, FLASH 3.9, IWDG 21.4; AIRCR by DDI 0403E B3.2.6.

#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define CSR REG(0x40023874)
#define USART(offset) REG(0x40004400 + (offset))
#define FLASH(offset) REG(0x40023C00 + (offset))
#define IWDG_KEY REG(0x40003000)
#define AIRCR REG(0xE000ED0C)

enum { IDLE, SEND, RECEIVE, STORE, STORE_UNLOCKED, ERASE, RESET, HANG, SLEEP, LOSE };

extern uint32_t stack_top;

__attribute__((section(".mailbox"))) volatile struct {
    uint32_t command, argument[2], result[2], boot_flags;
} mailbox;

// In the first slot: it is the other one that the firmware may put an image into.
__attribute__((section(".slot"), noinline)) static void serve(void) {
    uint32_t command = mailbox.command;
    if (command == IDLE) {
        return; // the mailbox may be filled between any two accesses
    }
    uint32_t argument = mailbox.argument[0];
    switch (command) {
        case SEND:
            for (uint32_t i = 0; i < argument; i++) {
                while (!(USART(0) & 1 << 7)) {
                }
                USART(4) = 'a' + i % 26;
            }
            break;
        case RECEIVE:
            mailbox.result[0] = USART(0);
            mailbox.result[1] = USART(4);
            break;
        case STORE_UNLOCKED:
            FLASH(4) = 0x45670123;
            FLASH(4) = 0xCDEF89AB;
            FLASH(0x10) = 2 << 8 | 1;
            // fall through
        case STORE:
            REG(argument) = mailbox.argument[1];
            mailbox.result[0] = FLASH(0x0C);
            FLASH(0x0C) = 0xF3;
            FLASH(0x10) = 1u << 31;
            break;
        case ERASE:
            FLASH(4) = 0x45670123;
            FLASH(4) = 0xCDEF89AB;
            FLASH(0x10) = 2 << 8 | argument << 3 | 2;
            FLASH(0x10) |= 1 << 16;
            FLASH(0x10) = 1u << 31;
            break;
        case RESET:
            AIRCR = 0x05FA0004;
            for (;;) {
            }
        case HANG:
            IWDG_KEY = 0xCCCC;
            for (;;) {
            }
        case LOSE:
            IWDG_KEY = 0xCCCC;
            ((void (*)(void))0xF0000001)();
        case SLEEP:
            mailbox.command = IDLE;
            for (;;) {
                __asm volatile ("wfi");
            }
    }
    mailbox.command = IDLE;
}

void start(void) {
    mailbox.command = IDLE;
    mailbox.boot_flags = CSR;
    CSR = 1 << 24;
    USART(8) = 42000000 / 115200;
    USART(0x0C) = 1 << 13 | 1 << 3 | 1 << 2;
    for (;;) {
        serve();
    }
}

__attribute__((section(".vectors"), used)) const void *const vectors[] = {&stack_top, start};
