// RSA with public keys only. mbedTLS's own carries the private ones along, and takes 4 kB more of the arena.

#include <string.h>

#include "chip.h"

#include "common.h"
#include "mbedtls/asn1.h"
#include "mbedtls/md.h"
#include "mbedtls/platform.h"
#include "mbedtls/rsa.h"
#include "mbedtls/sha256.h"
#include "rsa_internal.h"

#define WORD sizeof(uint32_t)
#define WORDS_MIN 32u  // 1024 bits: weak, but said to be so, and not unreadable
#define WORDS_MAX 128u // 4096 bits
#define SHA256_SIZE 32u
#define PSS_TRAILER 0xBC

void mbedtls_rsa_init(mbedtls_rsa_context *key) {
    memset(key, 0, sizeof(*key));
}

void mbedtls_rsa_free(mbedtls_rsa_context *key) {
    mbedtls_free(key->modulus);
    key->modulus = NULL;
}

size_t mbedtls_rsa_get_len(const mbedtls_rsa_context *key) {
    return key->words * WORD;
}

size_t mbedtls_rsa_get_bitlen(const mbedtls_rsa_context *key) {
    return key->words * WORD * 8;
}

static void to_words(uint32_t *words, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        words[i] = MBEDTLS_GET_UINT32_BE(bytes, (count - 1 - i) * WORD);
    }
}

// RSAPublicKey (RFC 8017 A.1.1). The modulus fills its words, as it does in keys of any usual size.
int mbedtls_rsa_parse_pubkey(mbedtls_rsa_context *key, const unsigned char *der, size_t der_size) {
    unsigned char *at = (unsigned char *)der, *end = at + der_size;
    size_t size;
    int result = mbedtls_asn1_get_tag(&at, end, &size, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    if (result != 0) {
        return result;
    }
    if (at + size != end) {
        return MBEDTLS_ERR_ASN1_LENGTH_MISMATCH;
    }
    if ((result = mbedtls_asn1_get_tag(&at, end, &size, MBEDTLS_ASN1_INTEGER)) != 0) {
        return result;
    }
    const uint8_t *modulus = at + 1;
    at += size;
    int exponent;
    if (size < 1 || modulus[-1] != 0 || (size - 1) % WORD || size - 1 < WORDS_MIN * WORD
        || size - 1 > WORDS_MAX * WORD || !(modulus[0] & 0x80) || !(at[-1] & 1)
        || mbedtls_asn1_get_int(&at, end, &exponent) != 0 || at != end || exponent < 3 || !(exponent & 1)) {
        return MBEDTLS_ERR_RSA_BAD_INPUT_DATA;
    }
    key->words = (size - 1) / WORD;
    key->exponent = exponent;
    key->modulus = mbedtls_calloc(key->words, WORD);
    if (!key->modulus) {
        return MBEDTLS_ERR_ASN1_ALLOC_FAILED;
    }
    to_words(key->modulus, modulus, key->words);
    return 0;
}

// a -= b, of `count` words; the borrow.
static uint32_t subtract(uint32_t *a, const uint32_t *b, size_t count) {
    uint32_t borrow = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t difference = (uint64_t)a[i] - b[i] - borrow;
        a[i] = (uint32_t)difference;
        borrow = (uint32_t)(difference >> 63);
    }
    return borrow;
}

static bool below(const uint32_t *a, const uint32_t *b, size_t count) {
    while (count-- && a[count] == b[count]) {
    }
    return count != SIZE_MAX && a[count] < b[count];
}

// out = a * b / 2^(32 words) mod n (Montgomery; Koc, Acar, Kaliski: coarsely integrated operand scanning).
// `out` may be `a` or `b`; `t` has words + 2.
static void multiply(const mbedtls_rsa_context *key, uint32_t inverse, uint32_t *out, const uint32_t *a,
    const uint32_t *b, uint32_t *t) {
    size_t count = key->words;
    const uint32_t *n = key->modulus;
    memset(t, 0, (count + 2) * WORD);
    for (size_t i = 0; i < count; i++) {
        uint64_t sum = 0;
        for (size_t j = 0; j < count; j++) {
            sum = (uint64_t)a[j] * b[i] + t[j] + (sum >> 32);
            t[j] = (uint32_t)sum;
        }
        sum = (uint64_t)t[count] + (sum >> 32);
        t[count] = (uint32_t)sum;
        t[count + 1] = (uint32_t)(sum >> 32);
        uint32_t m = t[0] * inverse;
        sum = (uint64_t)m * n[0] + t[0];
        for (size_t j = 1; j < count; j++) {
            sum = (uint64_t)m * n[j] + t[j] + (sum >> 32);
            t[j - 1] = (uint32_t)sum;
        }
        sum = (uint64_t)t[count] + (sum >> 32);
        t[count - 1] = (uint32_t)sum;
        t[count] = t[count + 1] + (uint32_t)(sum >> 32);
    }
    if (t[count] || !below(t, n, count)) {
        subtract(t, n, count);
    }
    memcpy(out, t, count * WORD);
}

// output = input ^ exponent mod modulus (RSAEP, RSAVP1), both as long as the modulus.
static int public_operation(const mbedtls_rsa_context *key, const uint8_t *input, uint8_t *output) {
    size_t count = key->words;
    uint32_t *x = mbedtls_calloc(3 * count + 2, WORD);
    if (!x) {
        return MBEDTLS_ERR_MPI_ALLOC_FAILED;
    }
    uint32_t *power = x + count, *t = power + count;
    const uint32_t *n = key->modulus;
    int result = MBEDTLS_ERR_RSA_PUBLIC_FAILED;
    to_words(x, input, count);
    if (below(x, n, count)) {
        // -1 / n[0] mod 2^32, by Newton: each step doubles the number of right bits
        uint32_t inverse = n[0];
        for (int i = 0; i < 4; i++) {
            inverse *= 2 - n[0] * inverse;
        }
        inverse = -inverse;
        // R mod n = R - n, as the top bit of n is set; doubled 32 words times it is R^2 mod n
        subtract(power, n, count);
        for (size_t i = 0; i < count * 32; i++) {
            uint32_t carry = 0;
            for (size_t j = 0; j < count; j++) {
                uint32_t top = power[j] >> 31;
                power[j] = power[j] << 1 | carry;
                carry = top;
            }
            if (carry || !below(power, n, count)) {
                subtract(power, n, count);
            }
        }
        multiply(key, inverse, x, x, power, t);
        memcpy(power, x, count * WORD);
        for (uint32_t bit = 1u << (30 - __builtin_clz(key->exponent)); bit; bit >>= 1) {
            multiply(key, inverse, power, power, power, t);
            if (key->exponent & bit) {
                multiply(key, inverse, power, power, x, t);
            }
        }
        memset(x, 0, count * WORD);
        x[0] = 1;
        multiply(key, inverse, power, power, x, t);
        for (size_t i = 0; i < count; i++) {
            MBEDTLS_PUT_UINT32_BE(power[count - 1 - i], output, i * WORD);
        }
        result = 0;
    }
    mbedtls_platform_zeroize(x, (3 * count + 2) * WORD);
    mbedtls_free(x);
    return result;
}

// RFC 8017 7.2.1
int rsa_encrypt(const mbedtls_rsa_context *key, const uint8_t *message, size_t size, uint8_t *output) {
    size_t length = mbedtls_rsa_get_len(key);
    if (size + 11 > length) {
        return MBEDTLS_ERR_RSA_BAD_INPUT_DATA;
    }
    size_t separator = length - size - 1;
    output[0] = 0;
    output[1] = 2;
    for (size_t i = 2; i < separator; i++) {
        do {
            if (!chip_random(output + i, 1)) {
                return MBEDTLS_ERR_RSA_RNG_FAILED;
            }
        } while (output[i] == 0);
    }
    output[separator] = 0;
    memcpy(output + separator + 1, message, size);
    return public_operation(key, output, output);
}

// The encoded message of a signature; to be freed. NULL: no memory, or no signature of this key.
static uint8_t *opened(const mbedtls_rsa_context *key, const uint8_t *signature) {
    uint8_t *message = mbedtls_calloc(1, mbedtls_rsa_get_len(key));
    if (message && public_operation(key, signature, message) != 0) {
        mbedtls_free(message);
        message = NULL;
    }
    return message;
}

// RFC 8017 8.2.2 and 9.2: the whole encoded message is compared with the only right one.
int rsa_verify(
    const mbedtls_rsa_context *key, int md, const uint8_t *hash, size_t size, const uint8_t *signature) {
    // DigestInfo; SHA-256, SHA-384 and SHA-512 are 1, 2 and 3 of the arc hashAlgs
    uint8_t info[] = {0x30, 0x11, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0, 0x05,
        0x00, 0x04, 0};
    info[1] += size;
    info[14] = md == MBEDTLS_MD_SHA256 ? 1 : md == MBEDTLS_MD_SHA384 ? 2 : 0;
    info[18] = size;
    size_t length = mbedtls_rsa_get_len(key);
    if (!info[14] || size != mbedtls_md_get_size(mbedtls_md_info_from_type(md))) {
        return MBEDTLS_ERR_RSA_BAD_INPUT_DATA;
    }
    uint8_t *message = opened(key, signature);
    if (!message) {
        return MBEDTLS_ERR_RSA_VERIFY_FAILED;
    }
    size_t at = length - size - sizeof(info) - 1;
    bool good = message[0] == 0 && message[1] == 1 && message[at] == 0
        && memcmp(message + at + 1, info, sizeof(info)) == 0 && memcmp(message + length - size, hash, size) == 0;
    for (size_t i = 2; i < at; i++) {
        good = good && message[i] == 0xFF;
    }
    mbedtls_free(message);
    return good ? 0 : MBEDTLS_ERR_RSA_VERIFY_FAILED;
}

// RFC 8017 9.1.2, with the length of the salt as it is found
int rsa_verify_pss(const mbedtls_rsa_context *key, const uint8_t *hash, const uint8_t *signature) {
    size_t length = mbedtls_rsa_get_len(key);
    uint8_t *message = opened(key, signature);
    if (!message) {
        return MBEDTLS_ERR_RSA_VERIFY_FAILED;
    }
    size_t size = length - SHA256_SIZE - 1; // of the masked block
    const uint8_t *tag = message + size;
    bool good = message[length - 1] == PSS_TRAILER && !(message[0] & 0x80);
    uint8_t block[SHA256_SIZE + WORD], mask[SHA256_SIZE];
    memcpy(block, tag, SHA256_SIZE);
    for (size_t i = 0; i < size; i++) {
        if (i % SHA256_SIZE == 0) {
            MBEDTLS_PUT_UINT32_BE(i / SHA256_SIZE, block, SHA256_SIZE);
            mbedtls_sha256(block, sizeof(block), mask, 0);
        }
        message[i] ^= mask[i % SHA256_SIZE];
    }
    message[0] &= 0x7F;
    size_t at = 0;
    while (at < size && message[at] == 0) {
        at++;
    }
    good = good && at < size && message[at] == 1;
    static const uint8_t zeros[8];
    mbedtls_sha256_context sha;
    mbedtls_sha256_init(&sha);
    mbedtls_sha256_starts(&sha, 0);
    mbedtls_sha256_update(&sha, zeros, sizeof(zeros));
    mbedtls_sha256_update(&sha, hash, SHA256_SIZE);
    if (good) {
        mbedtls_sha256_update(&sha, message + at + 1, size - at - 1);
    }
    mbedtls_sha256_finish(&sha, mask);
    good = good && memcmp(mask, tag, SHA256_SIZE) == 0;
    mbedtls_sha256_free(&sha);
    mbedtls_free(message);
    return good ? 0 : MBEDTLS_ERR_RSA_VERIFY_FAILED;
}
