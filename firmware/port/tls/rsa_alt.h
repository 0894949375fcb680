// RSA with public keys only (rsa.c): what mbedTLS keeps of a key.
#ifndef PORT_TLS_RSA_ALT_H
#define PORT_TLS_RSA_ALT_H

#include <stddef.h>
#include <stdint.h>

typedef struct mbedtls_rsa_context {
    uint32_t *modulus; // little-endian words; NULL: no key
    size_t words;
    uint32_t exponent;
} mbedtls_rsa_context;

// PKCS #1 (RFC 8017): RSAES-PKCS1-v1_5, RSASSA-PKCS1-v1_5, and RSASSA-PSS with SHA-256, MGF1 of it and a salt of
// any length. `input` and `signature` are as long as the modulus; errors are mbedTLS's.
int rsa_encrypt(const mbedtls_rsa_context *key, const uint8_t *message, size_t size, uint8_t *output);
int rsa_verify(const mbedtls_rsa_context *key, int md, const uint8_t *hash, size_t size, const uint8_t *signature);
int rsa_verify_pss(const mbedtls_rsa_context *key, const uint8_t *hash, const uint8_t *signature);

#endif
