// All of the memory that mbedTLS takes: one area of TLS_ARENA_SIZE bytes, `tls_arena`.
#ifndef PORT_TLS_ARENA_H
#define PORT_TLS_ARENA_H

#include <stdbool.h>
#include <stddef.h>

void *arena_calloc(size_t count, size_t size);
void arena_free(void *block);
size_t arena_peak(void); // bytes from its bottom that were ever in use at once, gaps included

// Has there been no room since this was last set to false? Much of mbedTLS takes that for a wrong signature.
extern bool arena_refused;

#endif
