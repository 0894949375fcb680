# mbedTLS, for the features that need it: compiled from MBEDTLS_DIR, its sources, as mbedtls_config.h says.

ifeq ($(wildcard $(MBEDTLS_DIR)/library/ssl_tls12_client.c),)
$(error MBEDTLS_DIR=$(MBEDTLS_DIR): no sources of mbedTLS 3 there (library/ssl_tls12_client.c is missing))
endif

# An established session, and another one in its handshake.
TLS_ARENA_SIZE ?= 17536

# keys.c stands in for pk_wrap.c and ecdsa.c, rsa.c for the one of the same name, arena.c for the allocator.
SRC_MBEDTLS = $(addprefix library/,aes.c asn1parse.c asn1write.c bignum.c bignum_core.c block_cipher.c cipher.c \
	cipher_wrap.c constant_time.c ecdh.c ecp.c ecp_curves.c gcm.c md.c oid.c pk.c pk_ecc.c pkparse.c \
	platform_util.c sha256.c sha512.c ssl_ciphersuites.c ssl_client.c \
	ssl_msg.c ssl_tls.c ssl_tls12_client.c x509.c x509_crt.c) 3rdparty/p256-m/p256-m/p256-m.c
OBJ_MBEDTLS = $(addprefix $(BUILD)/mbedtls/,$(SRC_MBEDTLS:.c=.o))
OBJ += $(OBJ_MBEDTLS)

LDFLAGS += -Wl,--wrap=mbedtls_ecp_check_pubkey -Wl,--wrap=mbedtls_mpi_exp_mod \
	-Wl,--wrap=mbedtls_mpi_mod_mpi
CFLAGS += -I$(MBEDTLS_DIR)/include -I$(MBEDTLS_DIR)/library -I$(MBEDTLS_DIR)/3rdparty/p256-m/p256-m \
	-DMBEDTLS_CONFIG_FILE='"port/tls/mbedtls_config.h"' \
	-DTLS_ARENA_SIZE=$(TLS_ARENA_SIZE) -Iport/tls \
	-ffile-prefix-map=$(abspath $(MBEDTLS_DIR))=mbedtls
$(OBJ_MBEDTLS): CFLAGS += -w
# Its own switch, which no other file is to see.
$(BUILD)/mbedtls/3rdparty/%.o: CFLAGS += -DMBEDTLS_PSA_P256M_DRIVER_ENABLED

$(BUILD)/mbedtls/%.o: $(MBEDTLS_DIR)/%.c
	$(ECHO) "CC $<"
	$(Q)mkdir -p $(dir $@)
	$(call compile_c)
