// Log in a RAM ring that a debugger, or an emulator, reads while the firmware runs (SEGGER RTT layout).
#ifndef PORT_RTT_H
#define PORT_RTT_H

#include <stdbool.h>
#include <stddef.h>

// `keep`: what the ring still holds from before the reset stays readable.
void rtt_init(bool keep);

// Writes all of it or, where the ring has no room, nothing; what was lost is said once there is room.
void rtt_write(const char *text, size_t size);

#if FEATURE_REPL
// Takes what was typed, at most `size` bytes. Returns how many there were.
size_t rtt_read(char *text, size_t size);
#endif

#endif
