// nRF52840: the two lines on UARTE0 and UARTE1.
//
// Reception: DMA of one byte, started again by the interrupt handler. While the handler is late the
// peripheral's own FIFO keeps the next few bytes, in order, and the next start takes them out of it; with
// the ENDRX_STARTRX shortcut they would be written over each other instead.
// Transmission: DMA straight from the ring, as much as lies in one piece. The transmitter is not stopped in
// between: STOPTX only saves the current of a clock that the crystal keeps running anyway.

#include "chip.h"

#include "board.h"
#include "nrf52.h"
#include "nrf52840.h"
#include "uart.h"

static const struct {
    uint32_t base;
    uint32_t irq;
    uint8_t port, tx_pin, rx_pin;
} lines[UART_COUNT] = {
    [UART_MODEM] = {UARTE0_BASE, UARTE0_IRQ, BOARD_MODEM_UART_PORT, BOARD_MODEM_TX_PIN, BOARD_MODEM_RX_PIN},
    [UART_EVSE] = {UARTE1_BASE, UARTE1_IRQ, BOARD_EVSE_UART_PORT, BOARD_EVSE_TX_PIN, BOARD_EVSE_RX_PIN},
};

static volatile uint8_t received[UART_COUNT];
static volatile bool sending[UART_COUNT];

void chip_uart_init(unsigned uart) {
    uint32_t base = lines[uart].base;
    unsigned port = lines[uart].port;
    // The line is high before the pin is an output, so that the other side sees no glitch.
    GPIO_OUTSET(port) = 1u << lines[uart].tx_pin;
    GPIO_PIN_CNF(port, lines[uart].tx_pin) = GPIO_PIN_CNF_OUTPUT | GPIO_PIN_CNF_INPUT_DISCONNECT;
    GPIO_PIN_CNF(port, lines[uart].rx_pin) = GPIO_PIN_CNF_PULL_UP;
    UARTE_PSEL_TXD(base) = UARTE_PSEL(port, lines[uart].tx_pin);
    UARTE_PSEL_RXD(base) = UARTE_PSEL(port, lines[uart].rx_pin);
    UARTE_BAUDRATE(base) = UARTE_BAUDRATE_115200;
    UARTE_CONFIG(base) = UARTE_CONFIG_8N1;
    UARTE_ENABLE(base) = UARTE_ENABLE_ENABLED;
    nrf_clear_event(&UARTE_EVENTS_ENDRX(base));
    nrf_clear_event(&UARTE_EVENTS_ENDTX(base));
    nrf_clear_event(&UARTE_EVENTS_ERROR(base));
    UARTE_INTENSET(base) = UARTE_INT_ENDRX | UARTE_INT_ENDTX | UARTE_INT_ERROR;
    nvic_enable(lines[uart].irq);
    UARTE_RXD_PTR(base) = (uint32_t)&received[uart];
    UARTE_RXD_MAXCNT(base) = 1;
    UARTE_TASKS_STARTRX(base) = 1;
}

static void send_next(unsigned uart) {
    uint32_t base = lines[uart].base;
    const uint8_t *bytes;
    size_t count = uart_transmit_ready(uart, &bytes);
    sending[uart] = count > 0;
    if (count > 0) {
        UARTE_TXD_PTR(base) = (uint32_t)bytes;
        UARTE_TXD_MAXCNT(base) = count;
        dsb();
        UARTE_TASKS_STARTTX(base) = 1;
    }
}

void chip_uart_kick(unsigned uart) {
    uint32_t state = irq_save();
    if (!sending[uart]) {
        send_next(uart);
    }
    irq_restore(state);
}

static void uarte_interrupt(unsigned uart) {
    uint32_t base = lines[uart].base;
    if (UARTE_EVENTS_ENDRX(base)) {
        nrf_clear_event(&UARTE_EVENTS_ENDRX(base));
        uint8_t byte = received[uart];
        UARTE_TASKS_STARTRX(base) = 1;
        uart_received(uart, byte);
    }
    if (UARTE_EVENTS_ENDTX(base)) {
        nrf_clear_event(&UARTE_EVENTS_ENDTX(base));
        uart_transmitted(uart, UARTE_TXD_AMOUNT(base));
        send_next(uart);
    }
    if (UARTE_EVENTS_ERROR(base)) {
        nrf_clear_event(&UARTE_EVENTS_ERROR(base));
        UARTE_ERRORSRC(base) = UARTE_ERRORSRC(base); // ones clear
        uart_lost(uart);
    }
}

void uarte0_handler(void) {
    uarte_interrupt(UART_MODEM);
}

void uarte1_handler(void) {
    uarte_interrupt(UART_EVSE);
}
