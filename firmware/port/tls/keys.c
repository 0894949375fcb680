// Keys of mbedTLS: RSA with public keys only (rsa.c), and P-256 by p256-m, which takes 3 kB instead of 9. Stands in
// for library/pk_wrap.c, and for the operations that mbedtls_config.h says are ours (_ALT).

#include "chip.h"

#include "common.h"
#include "mbedtls/ecdh.h"
#include "mbedtls/ecdsa.h"
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

static int point_bytes(const mbedtls_ecp_group *group, const mbedtls_ecp_point *point, uint8_t *out) {
    size_t size;
    return mbedtls_ecp_point_write_binary(group, point, MBEDTLS_ECP_PF_UNCOMPRESSED, &size, out, POINT_SIZE);
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

int mbedtls_ecdsa_verify(mbedtls_ecp_group *group, const unsigned char *hash, size_t hash_size,
    const mbedtls_ecp_point *q, const mbedtls_mpi *r, const mbedtls_mpi *s) {
    uint8_t signature[2 * SCALAR_SIZE], point[POINT_SIZE];
    int result = point_bytes(group, q, point);
    if (result == 0) {
        result = mbedtls_mpi_write_binary(r, signature, SCALAR_SIZE);
    }
    if (result == 0) {
        result = mbedtls_mpi_write_binary(s, signature + SCALAR_SIZE, SCALAR_SIZE);
    }
    if (result == 0 && p256_ecdsa_verify(signature, point + 1, hash, hash_size) != P256_SUCCESS) {
        result = MBEDTLS_ERR_ECP_VERIFY_FAILED;
    }
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

static int ec_verify(mbedtls_pk_context *key, mbedtls_md_type_t md, const unsigned char *hash, size_t hash_size,
    const unsigned char *signature, size_t size) {
    int result = mbedtls_ecdsa_read_signature(key->pk_ctx, hash, hash_size, signature, size);
    return result == MBEDTLS_ERR_ECP_SIG_LEN_MISMATCH ? MBEDTLS_ERR_PK_SIG_LEN_MISMATCH : result;
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
