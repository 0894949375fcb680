#ifndef PORT_SHA1_H
#define PORT_SHA1_H

#include <stddef.h>
#include <stdint.h>

#define SHA1_SIZE 20

// FIPS 180-4, of data that is there in one piece. For the WebSocket handshake (RFC 6455 4.2.2), not for
// secrets.
void sha1(const uint8_t *data, size_t size, uint8_t out[SHA1_SIZE]);

#endif
