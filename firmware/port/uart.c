#include "uart.h"

#include "chip.h"
#include "tick.h"

#define LINE_IDLE_US 20000u

// Sizes are powers of two: indexes run freely and are cut down on use.
// Modem: half of the ring holds one WebSocket frame of the usual size; the module keeps the rest (passive
// receive), and 512 bytes to send are 44 ms of work for the line. EVSE controller: one report or command is
// under 64 bytes.
static uint8_t modem_rx[1024], modem_tx[512];
static uint8_t evse_rx[256], evse_tx[64];

typedef struct {
    uint8_t *data;
    uint16_t size;
    volatile uint16_t in;
    volatile uint16_t out;
} ring_t;

typedef struct {
    ring_t rx;
    ring_t tx;
    uint16_t wanted;               // bytes that make the line readable; 0: an end of a line does
    volatile uint16_t ends_in;     // ends of lines received, and read
    uint16_t ends_out;
    volatile uint32_t received_at; // us, low word
    volatile uint32_t overruns;
    volatile bool rx_awaited;
    volatile bool tx_awaited;
} uart_t;

static uart_t uarts[UART_COUNT] = {
    [UART_MODEM] = {
        .rx = {.data = modem_rx, .size = sizeof(modem_rx)},
        .tx = {.data = modem_tx, .size = sizeof(modem_tx)},
        .wanted = 1,
    },
    [UART_EVSE] = {
        .rx = {.data = evse_rx, .size = sizeof(evse_rx)},
        .tx = {.data = evse_tx, .size = sizeof(evse_tx)},
        .wanted = 1,
    },
};

static inline size_t used(const ring_t *ring) {
    return (uint16_t)(ring->in - ring->out);
}

static inline bool ends_line(unsigned uart, uint8_t byte) {
    return uart == UART_EVSE ? byte == '\r' : byte == '\n' || byte == '>' || byte == ':';
}

static inline bool complete(const uart_t *u) {
    size_t count = used(&u->rx);
    size_t half = u->rx.size / 2;
    if (u->wanted == 0) {
        return u->ends_in != u->ends_out || count >= half;
    }
    return count >= (u->wanted < half ? u->wanted : half);
}

static inline bool has_room(const uart_t *u) {
    return used(&u->tx) <= u->tx.size / 2;
}

void uart_received(unsigned uart, uint8_t byte) {
    uart_t *u = &uarts[uart];
    u->received_at = chip_tick_now();
    size_t before = used(&u->rx);
    if (before >= u->rx.size) {
        u->overruns++;
        return;
    }
    u->rx.data[u->rx.in % u->rx.size] = byte;
    u->rx.in++;
    if (ends_line(uart, byte)) {
        u->ends_in++;
    }
    if (u->rx_awaited) {
        if (complete(u)) {
            tick_wake();
        } else if (before == 0) {
            tick_recheck(); // the wait for an idle line begins
        }
    }
}

void uart_lost(unsigned uart) {
    uarts[uart].overruns++;
}

size_t uart_transmit_ready(unsigned uart, const uint8_t **bytes) {
    ring_t *tx = &uarts[uart].tx;
    size_t at = tx->out % tx->size;
    size_t count = used(tx);
    *bytes = tx->data + at;
    return count < tx->size - at ? count : tx->size - at;
}

void uart_transmitted(unsigned uart, size_t count) {
    uart_t *u = &uarts[uart];
    u->tx.out += count;
    if (u->tx_awaited && has_room(u)) {
        tick_wake();
    }
}

size_t uart_read(unsigned uart, uint8_t *out, size_t size) {
    uart_t *u = &uarts[uart];
    size_t count = used(&u->rx);
    if (count > size) {
        count = size;
    }
    uint16_t ends = u->ends_out;
    for (size_t i = 0; i < count; i++) {
        uint8_t byte = u->rx.data[(u->rx.out + i) % u->rx.size];
        ends += ends_line(uart, byte);
        out[i] = byte;
    }
    u->ends_out = ends;
    u->rx.out += count;
    return count;
}

size_t uart_write(unsigned uart, const uint8_t *in, size_t size) {
    ring_t *tx = &uarts[uart].tx;
    size_t room = tx->size - used(tx);
    if (size > room) {
        size = room;
    }
    for (size_t i = 0; i < size; i++) {
        tx->data[(tx->in + i) % tx->size] = in[i];
    }
    tx->in += size;
    if (size > 0) {
        chip_uart_kick(uart);
    }
    return size;
}

size_t uart_any(unsigned uart) {
    return used(&uarts[uart].rx);
}

uint32_t uart_overruns(unsigned uart) {
    return uarts[uart].overruns;
}

void uart_wait(unsigned uart, size_t count) {
    uarts[uart].wanted = count < UINT16_MAX ? count : UINT16_MAX;
}

// The flag is set before the look at the ring: a byte that comes in between wakes the next wait.
bool uart_readable(unsigned uart) {
    uart_t *u = &uarts[uart];
    u->rx_awaited = true;
    bool idle = used(&u->rx) > 0 && chip_tick_now() - u->received_at >= LINE_IDLE_US;
    bool readable = idle || complete(u);
    u->rx_awaited = !readable;
    return readable;
}

bool uart_writable(unsigned uart) {
    uart_t *u = &uarts[uart];
    u->tx_awaited = true;
    bool writable = has_room(u);
    u->tx_awaited = !writable;
    return writable;
}

uint64_t uart_line_idle_at(uint64_t now_us) {
    uint64_t soonest = UINT64_MAX;
    for (unsigned uart = 0; uart < UART_COUNT; uart++) {
        const uart_t *u = &uarts[uart];
        if (u->rx_awaited && used(&u->rx) > 0) {
            uint32_t silent = (uint32_t)now_us - u->received_at;
            // A byte that came after `now_us` was read counts as received now.
            if ((int32_t)silent < 0) {
                silent = 0;
            }
            uint64_t at = now_us + (silent < LINE_IDLE_US ? LINE_IDLE_US - silent : 0);
            soonest = at < soonest ? at : soonest;
        }
    }
    return soonest;
}

void uart_waits_over(void) {
    for (unsigned uart = 0; uart < UART_COUNT; uart++) {
        uarts[uart].rx_awaited = false;
        uarts[uart].tx_awaited = false;
    }
}
