// The two serial lines: interrupt-fed rings, and when a line is worth waking for.
#ifndef PORT_UART_H
#define PORT_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Interrupt handlers of the chip.
void uart_received(unsigned uart, uint8_t byte);
void uart_lost(unsigned uart);
size_t uart_transmit_ready(unsigned uart, const uint8_t **bytes); // what lies in one piece in the ring
void uart_transmitted(unsigned uart, size_t count);

// Main thread. None of these block.
size_t uart_read(unsigned uart, uint8_t *out, size_t size);
size_t uart_write(unsigned uart, const uint8_t *in, size_t size); // accepted into the ring
size_t uart_any(unsigned uart);
uint32_t uart_overruns(unsigned uart);

// The line counts as readable once `count` bytes are there (at most half the ring), or with 0 once the end
// of a line is there: '\n', '>' or ':' from the modem, '\r' from the EVSE controller. And in any case once
// the line has been idle for 20 ms with bytes in the ring.
void uart_wait(unsigned uart, size_t count);

// Where these say false, the next mp_hal_wait_ms() ends when it has become true.
bool uart_readable(unsigned uart);
bool uart_writable(unsigned uart); // half of the ring is free

// For mp_hal_wait_ms(): when a line that is waited for will have been idle for long enough.
uint64_t uart_line_idle_at(uint64_t now_us);
void uart_waits_over(void);

#endif
