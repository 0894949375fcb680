// Keys of mbedTLS: RSA with public keys only (rsa.c), and P-256 by p256-m, which takes 3 kB instead of 9. Stands in
// for library/pk_wrap.c and ecdsa.c, and for the operations that mbedtls_config.h says are ours (_ALT).

#include <string.h>

#include "chip.h"

#include "common.h"
#include "mbedtls/asn1.h"
#include "mbedtls/ecdh.h"
#include "mbedtls/platform.h"
#include "mbedtls/rsa.h"
#include "p256-m.h"
#include "psa/crypto.h"
#include "pk_wrap.h"

#define SCALAR_SIZE 32
#define POINT_SIZE (1 + 2 * SCALAR_SIZE) // uncompressed (SEC 1, 2.3.3)

// What p256-m takes its random numbers from.
psa_status_t psa_generate_random(uint8_t *output, size_t size) {
    return chip_random(output, size) ? PSA_SUCCESS : PSA_ERROR_HARDWARE_FAILURE;
}

// The point at infinity has one byte only, and is no key.
static int point_bytes(const mbedtls_ecp_group *group, const mbedtls_ecp_point *point, uint8_t *out) {
    size_t size;
    int result = mbedtls_ecp_point_write_binary(group, point, MBEDTLS_ECP_PF_UNCOMPRESSED, &size, out, POINT_SIZE);
    return result == 0 && size != POINT_SIZE ? MBEDTLS_ERR_ECP_INVALID_KEY : result;
}

int mbedtls_ecdh_gen_public(mbedtls_ecp_group *group, mbedtls_mpi *d, mbedtls_ecp_point *q,
    int (*random)(void *, unsigned char *, size_t), void *context) {
    uint8_t secret[SCALAR_SIZE], point[POINT_SIZE] = {4};
    if (p256_gen_keypair(secret, point + 1) != P256_SUCCESS) {
        return MBEDTLS_ERR_ECP_RANDOM_FAILED;
    }
    int result = mbedtls_mpi_read_binary(d, secret, sizeof(secret));
    mbedtls_platform_zeroize(secret, sizeof(secret));
    return result ? result : mbedtls_ecp_point_read_binary(group, q, point, sizeof(point));
}

int mbedtls_ecdh_compute_shared(mbedtls_ecp_group *group, mbedtls_mpi *z, const mbedtls_ecp_point *q,
    const mbedtls_mpi *d, int (*random)(void *, unsigned char *, size_t), void *context) {
    uint8_t secret[SCALAR_SIZE], shared[SCALAR_SIZE], point[POINT_SIZE];
    int result = point_bytes(group, q, point);
    if (result == 0) {
        result = mbedtls_mpi_write_binary(d, secret, sizeof(secret));
    }
    if (result == 0 && p256_ecdh_shared_secret(shared, secret, point + 1) != P256_SUCCESS) {
        result = MBEDTLS_ERR_ECP_INVALID_KEY;
    }
    if (result == 0) {
        result = mbedtls_mpi_read_binary(z, shared, sizeof(shared));
    }
    mbedtls_platform_zeroize(secret, sizeof(secret));
    mbedtls_platform_zeroize(shared, sizeof(shared));
    return result;
}

// Stand in for mbedTLS's own by the linker's --wrap, which need its division and its powers: the check of a
// point, and the square root that a compressed point needs. Only uncompressed ones are taken (RFC 8422 5.1.1).
int __wrap_mbedtls_ecp_check_pubkey(const mbedtls_ecp_group *group, const mbedtls_ecp_point *q);
int __wrap_mbedtls_ecp_check_pubkey(const mbedtls_ecp_group *group, const mbedtls_ecp_point *q) {
    uint8_t point[POINT_SIZE];
    int result = point_bytes(group, q, point);
    if (result == 0 && p256_validate_pubkey(point + 1) != P256_SUCCESS) {
        result = MBEDTLS_ERR_ECP_INVALID_KEY;
    }
    return result;
}

int __wrap_mbedtls_mpi_mod_mpi(mbedtls_mpi *r, const mbedtls_mpi *a, const mbedtls_mpi *b);
int __wrap_mbedtls_mpi_mod_mpi(mbedtls_mpi *r, const mbedtls_mpi *a, const mbedtls_mpi *b) {
    return MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE;
}

int __wrap_mbedtls_mpi_exp_mod(
    mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *e, const mbedtls_mpi *n, mbedtls_mpi *rr);
int __wrap_mbedtls_mpi_exp_mod(
    mbedtls_mpi *x, const mbedtls_mpi *a, const mbedtls_mpi *e, const mbedtls_mpi *n, mbedtls_mpi *rr) {
    return MBEDTLS_ERR_ECP_FEATURE_UNAVAILABLE;
}

static void *ec_alloc(void) {
    mbedtls_ecp_keypair *key = mbedtls_calloc(1, sizeof(*key));
    if (key) {
        mbedtls_ecp_keypair_init(key);
    }
    return key;
}

static void ec_free(void *key) {
    mbedtls_ecp_keypair_free(key);
    mbedtls_free(key);
}

static size_t ec_bits(mbedtls_pk_context *key) {
    return ((mbedtls_ecp_keypair *)key->pk_ctx)->grp.pbits;
}

static int ec_can(mbedtls_pk_type_t type) {
    return type == MBEDTLS_PK_ECKEY || type == MBEDTLS_PK_ECDSA;
}

// The next INTEGER at *at, 0 to 2^256 - 1, as so many bytes: in DER, of which mbedTLS takes a good deal more.
static bool take_scalar(const uint8_t **at, const uint8_t *end, uint8_t *out) {
    const uint8_t *number = *at + 2;
    if (end - *at < 3 || number[-2] != MBEDTLS_ASN1_INTEGER || number[-1] == 0 || number[-1] > end - number) {
        return false;
    }
    size_t size = number[-1];
    *at = number + size;
    if (number[0] == 0 && size > 1) {
        number++;
        size--;
        if (!(number[0] & 0x80)) {
            return false;
        }
    } else if (number[0] & 0x80) {
        return false;
    }
    if (size > SCALAR_SIZE) {
        return false;
    }
    memset(out, 0, SCALAR_SIZE - size);
    memcpy(out + SCALAR_SIZE - size, number, size);
    return true;
}

// ECDSA-Sig-Value (RFC 3279 2.2.3). p256-m sees to it that both numbers are in the range of the group.
static int ec_verify(mbedtls_pk_context *context, mbedtls_md_type_t md, const unsigned char *hash, size_t hash_size,
    const unsigned char *signature, size_t size) {
    const mbedtls_ecp_keypair *key = context->pk_ctx;
    const uint8_t *at = signature + 2, *end = signature + size;
    uint8_t numbers[2 * SCALAR_SIZE], point[POINT_SIZE];
    bool good = size > 2 && signature[0] == (MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE)
        && signature[1] == size - 2 && take_scalar(&at, end, numbers) && take_scalar(&at, end, numbers + SCALAR_SIZE)
        && at == end && point_bytes(&key->grp, &key->Q, point) == 0
        && p256_ecdsa_verify(numbers, point + 1, hash, hash_size) == P256_SUCCESS;
    return good ? 0 : MBEDTLS_ERR_ECP_VERIFY_FAILED;
}

static void *rsa_alloc(void) {
    mbedtls_rsa_context *key = mbedtls_calloc(1, sizeof(*key));
    if (key) {
        mbedtls_rsa_init(key);
    }
    return key;
}

static void rsa_free(void *key) {
    mbedtls_rsa_free(key);
    mbedtls_free(key);
}

static size_t rsa_bits(mbedtls_pk_context *key) {
    return mbedtls_rsa_get_bitlen(key->pk_ctx);
}

static int rsa_can(mbedtls_pk_type_t type) {
    return type == MBEDTLS_PK_RSA;
}

static int rsa_check(mbedtls_pk_context *key, mbedtls_md_type_t md, const unsigned char *hash, size_t hash_size,
    const unsigned char *signature, size_t size) {
    if (size != mbedtls_rsa_get_len(key->pk_ctx)) {
        return MBEDTLS_ERR_RSA_VERIFY_FAILED;
    }
    return rsa_verify(key->pk_ctx, md, hash, hash_size, signature);
}

static int rsa_hide(mbedtls_pk_context *key, const unsigned char *input, size_t size, unsigned char *output,
    size_t *output_size, size_t room, int (*random)(void *, unsigned char *, size_t), void *context) {
    *output_size = mbedtls_rsa_get_len(key->pk_ctx);
    if (*output_size > room) {
        return MBEDTLS_ERR_RSA_OUTPUT_TOO_LARGE;
    }
    return rsa_encrypt(key->pk_ctx, input, size, output);
}

const mbedtls_pk_info_t mbedtls_rsa_info = {
    .type = MBEDTLS_PK_RSA,
    .get_bitlen = rsa_bits,
    .can_do = rsa_can,
    .verify_func = rsa_check,
    .encrypt_func = rsa_hide,
    .ctx_alloc_func = rsa_alloc,
    .ctx_free_func = rsa_free,
};

const mbedtls_pk_info_t mbedtls_eckey_info = {
    .type = MBEDTLS_PK_ECKEY,
    .get_bitlen = ec_bits,
    .can_do = ec_can,
    .verify_func = ec_verify,
    .ctx_alloc_func = ec_alloc,
    .ctx_free_func = ec_free,
};

const mbedtls_pk_info_t mbedtls_ecdsa_info = {
    .type = MBEDTLS_PK_ECDSA,
    .get_bitlen = ec_bits,
    .can_do = ec_can,
    .verify_func = ec_verify,
    .ctx_alloc_func = ec_alloc,
    .ctx_free_func = ec_free,
};

// A key for ECDH alone signs nothing.
const mbedtls_pk_info_t mbedtls_eckeydh_info = {
    .type = MBEDTLS_PK_ECKEY_DH,
    .get_bitlen = ec_bits,
    .can_do = ec_can,
    .ctx_alloc_func = ec_alloc,
    .ctx_free_func = ec_free,
};
