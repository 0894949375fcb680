#include "sha1.h"

#include <string.h>

#define BLOCK_SIZE 64u

static inline uint32_t rotate(uint32_t word, unsigned by) {
    return word << by | word >> (32 - by);
}

// The message schedule of FIPS 180-4 6.1.2 in its form of 16 words (6.1.3).
static void add_block(uint32_t h[5], const uint8_t *block) {
    uint32_t w[16];
    for (unsigned i = 0; i < 16; i++) {
        uint32_t word;
        memcpy(&word, block + 4 * i, 4);
        w[i] = __builtin_bswap32(word);
    }
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (unsigned t = 0; t < 80; t++) {
        if (t >= 16) {
            w[t % 16] = rotate(w[(t + 13) % 16] ^ w[(t + 8) % 16] ^ w[(t + 2) % 16] ^ w[t % 16], 1);
        }
        uint32_t f, k;
        if (t < 20) {
            f = (b & c) ^ (~b & d);
            k = 0x5A827999u;
        } else if (t < 40) {
            f = b ^ c ^ d;
            k = 0x6ED9EBA1u;
        } else if (t < 60) {
            f = (b & c) ^ (b & d) ^ (c & d);
            k = 0x8F1BBCDCu;
        } else {
            f = b ^ c ^ d;
            k = 0xCA62C1D6u;
        }
        uint32_t next = rotate(a, 5) + f + e + k + w[t % 16];
        e = d;
        d = c;
        c = rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

void sha1(const uint8_t *data, size_t size, uint8_t out[SHA1_SIZE]) {
    uint32_t h[5] = {0x67452301u, 0xEFCDAB89u, 0x98BADCFEu, 0x10325476u, 0xC3D2E1F0u};
    uint64_t bits = (uint64_t)size * 8;
    for (; size >= BLOCK_SIZE; size -= BLOCK_SIZE, data += BLOCK_SIZE) {
        add_block(h, data);
    }
    uint8_t block[BLOCK_SIZE] = {0};
    memcpy(block, data, size);
    block[size] = 0x80;
    if (size >= BLOCK_SIZE - 8) {
        add_block(h, block);
        memset(block, 0, sizeof(block));
    }
    bits = __builtin_bswap64(bits);
    memcpy(block + BLOCK_SIZE - 8, &bits, 8);
    add_block(h, block);
    for (unsigned i = 0; i < 5; i++) {
        uint32_t word = __builtin_bswap32(h[i]);
        memcpy(out + 4 * i, &word, 4);
    }
}
