// STM32F407: the two lines on USART2 and USART3, one interrupt a byte each way.

#include "chip.h"

#include "board.h"
#include "stm32f407.h"
#include "stm32f4.h"
#include "uart.h"

#define BAUD 115200u

static const struct {
    uint32_t base;
    uint32_t irq;
    uint32_t clock;
    uint8_t port, tx_pin, rx_pin;
} lines[UART_COUNT] = {
    [UART_MODEM] = {
        USART2_BASE, USART2_IRQ, RCC_APB1ENR_USART2EN,
        BOARD_MODEM_UART_PORT, BOARD_MODEM_TX_PIN, BOARD_MODEM_RX_PIN,
    },
    [UART_EVSE] = {
        USART3_BASE, USART3_IRQ, RCC_APB1ENR_USART3EN,
        BOARD_EVSE_UART_PORT, BOARD_EVSE_TX_PIN, BOARD_EVSE_RX_PIN,
    },
};

static void pin_init(unsigned port, unsigned pin) {
    uint32_t functions = GPIO_AFR(port, pin) & ~(0xFu << 4 * (pin % 8));
    GPIO_AFR(port, pin) = functions | GPIO_AF_USART1_3 << 4 * (pin % 8);
    GPIO_PUPDR(port) = (GPIO_PUPDR(port) & ~(3u << 2 * pin)) | GPIO_PULL_UP << 2 * pin;
    GPIO_MODER(port) = (GPIO_MODER(port) & ~(3u << 2 * pin)) | GPIO_MODE_ALTERNATE << 2 * pin;
}

void chip_uart_init(unsigned uart) {
    uint32_t base = lines[uart].base;
    stm32_clock_on(&RCC_AHB1ENR, RCC_AHB1ENR_GPIO(lines[uart].port));
    stm32_clock_on(&RCC_APB1ENR, lines[uart].clock);
    // Oversampling by 16: the register is clock / baud [30.3.4].
    USART_BRR(base) = (stm32_apb1_hz + BAUD / 2) / BAUD;
    USART_CR1(base) = USART_CR1_UE | USART_CR1_TE | USART_CR1_RE | USART_CR1_RXNEIE;
    // The pins last: an enabled transmitter holds the line high, so the other side sees no glitch.
    pin_init(lines[uart].port, lines[uart].tx_pin);
    pin_init(lines[uart].port, lines[uart].rx_pin);
    nvic_enable(lines[uart].irq);
}

// Should the interrupt handler switch TXEIE off between this read and this write, it only runs once more.
void chip_uart_kick(unsigned uart) {
    USART_CR1(lines[uart].base) |= USART_CR1_TXEIE;
}

static void usart_interrupt(unsigned uart) {
    uint32_t base = lines[uart].base;
    uint32_t status = USART_SR(base);
    if (status & (USART_SR_RXNE | USART_SR_ORE)) {
        uint8_t byte = USART_DR(base); // after the read of SR: clears ORE, FE and NF too [30.6.1]
        if ((status & USART_SR_RXNE) && !(status & USART_SR_FE)) {
            uart_received(uart, byte);
        }
        if (status & (USART_SR_ORE | USART_SR_FE)) {
            uart_lost(uart);
        }
    }
    if ((status & USART_SR_TXE) && (USART_CR1(base) & USART_CR1_TXEIE)) {
        const uint8_t *bytes;
        if (uart_transmit_ready(uart, &bytes) > 0) {
            USART_DR(base) = *bytes;
            uart_transmitted(uart, 1);
        } else {
            USART_CR1(base) &= ~USART_CR1_TXEIE;
        }
    }
}

void usart2_handler(void) {
    usart_interrupt(UART_MODEM);
}

void usart3_handler(void) {
    usart_interrupt(UART_EVSE);
}
