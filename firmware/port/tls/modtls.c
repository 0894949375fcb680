// The `tls` module: a TLS 1.2 client without I/O, and certificates. Times are seconds since 2020, as the
// station's clock counts them.

#include <string.h>

#include "arena.h"
#include "chip.h"
#include "store.h"

#include "common.h"
#include "mbedtls/platform.h"
#include "mbedtls/rsa.h"
#include "mbedtls/sha256.h"
#include "mbedtls/ssl.h"
#include "mbedtls/x509_crt.h"
#include "ssl_misc.h"

#include "py/mperrno.h"
#include "py/objstr.h"
#include "py/runtime.h"

#define SHA256_SIZE 32
#define TIME_MAX 0x3FFFFFFF // the largest integer that needs no heap: the year 2054
#define PREFIX_MAX 8

typedef struct {
    mp_int_t now;
    bool exact; // the clock is set; else it is at least `now`
    mp_int_t not_before, not_after; // the times between which all of the chain is valid
    size_t prefix_size;
    uint8_t prefix[PREFIX_MAX]; // of the keys in the store under which the trusted roots are
} trust_t;

typedef struct {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    trust_t trust;
    const uint8_t *in, *out; // received and not yet taken; a record that waits to be sent
    size_t in_size, out_size;
    char *address; // the host until the ClientHello is made, where it is an address; see session_init
} session_t;

typedef struct {
    mp_obj_base_t base;
    session_t *session; // NULL once freed
    mp_obj_t in;        // what session->in points into
} client_t;

static mp_buffer_info_t bytes_of(mp_obj_t object, mp_uint_t flags) {
    mp_buffer_info_t info;
    mp_get_buffer_raise(object, &info, flags);
    return info;
}

// OSError(error, detail): mbedTLS's error as a positive number; detail is the alert or the flags of the chain.
static NORETURN void raise_tls(int result, uint32_t detail) {
    if (arena_refused) {
        arena_refused = false;
        result = MBEDTLS_ERR_SSL_ALLOC_FAILED;
        detail = 0;
    }
    mp_obj_t args[] = {MP_OBJ_NEW_SMALL_INT(-result), MP_OBJ_NEW_SMALL_INT(detail & TIME_MAX)};
    nlr_raise(mp_obj_new_exception_args(&mp_type_OSError, MP_ARRAY_SIZE(args), args));
}

static int random_bytes(void *context, unsigned char *out, size_t size) {
    return chip_random(out, size) ? 0 : MBEDTLS_ERR_ERROR_GENERIC_ERROR;
}

// Days since 2020-01-01 of a date of the Gregorian calendar.
static mp_int_t days_of(int year, int month, int day) {
    if (month < 3) {
        year--;
        month += 12;
    }
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month - 457) / 5 + day - 306 - 737425;
}

static mp_int_t seconds_of(const mbedtls_x509_time *time) {
    int64_t days = days_of(time->year, time->mon, time->day);
    int64_t seconds = days * 86400 + time->hour * 3600 + time->min * 60 + time->sec;
    return MAX(0, MIN(seconds, TIME_MAX));
}

static bool has_wildcard(const mbedtls_asn1_buf *name) {
    return memchr(name->p, '*', name->len) != NULL;
}

// Does the server name itself by a wildcard? It is not to (errata 2.62, AllowCSMSTLSWildcards).
static bool named_by_wildcard(const mbedtls_x509_crt *certificate) {
    for (const mbedtls_x509_sequence *name = &certificate->subject_alt_names; name; name = name->next) {
        bool is_dns = (name->buf.tag & MBEDTLS_ASN1_TAG_VALUE_MASK) == MBEDTLS_X509_SAN_DNS_NAME;
        if (is_dns && has_wildcard(&name->buf)) {
            return true;
        }
    }
    for (const mbedtls_x509_name *name = &certificate->subject; name; name = name->next) {
        if (name->val.p && has_wildcard(&name->val)) {
            return true;
        }
    }
    return false;
}

// Has a CA names that it may issue for, or may not? One that says so as it should, critically, cannot be read;
// mbedTLS passes over the others (RFC 5280 4.2.1.10).
static bool constrains_names(const mbedtls_x509_buf *extensions) {
    static const uint8_t id[] = {MBEDTLS_ASN1_OID, 3, 0x55, 0x1D, 0x1E};
    for (size_t at = 0; at + sizeof(id) <= extensions->len; at++) {
        if (memcmp(extensions->p + at, id, sizeof(id)) == 0) {
            return true;
        }
    }
    return false;
}

// The verification's hook for each certificate of the chain. Once the clock is set, the times of a connection
// can be looked at again (Client.valid).
static int check(void *context, mbedtls_x509_crt *certificate, int depth, uint32_t *flags) {
    trust_t *trust = context;
    mp_int_t not_before = seconds_of(&certificate->valid_from);
    mp_int_t not_after = seconds_of(&certificate->valid_to);
    trust->not_before = MAX(trust->not_before, not_before);
    trust->not_after = MIN(trust->not_after, not_after);
    *flags |= trust->exact && trust->now < not_before ? MBEDTLS_X509_BADCERT_FUTURE : 0;
    *flags |= trust->now > not_after ? MBEDTLS_X509_BADCERT_EXPIRED : 0;
    *flags |= depth == 0 && named_by_wildcard(certificate) ? MBEDTLS_X509_BADCERT_CN_MISMATCH : 0;
    *flags |= depth > 0 && constrains_names(&certificate->v3_ext) ? MBEDTLS_X509_BADCERT_OTHER : 0;
    return 0;
}

static bool same_name(const mbedtls_x509_buf *a, const mbedtls_x509_buf *b) {
    return a->len == b->len && memcmp(a->p, b->p, a->len) == 0;
}

// The verification's hook for the roots that may have issued `child`. They stay in flash: the verification
// is one step, and nothing is written meanwhile.
static int find_roots(void *context, const mbedtls_x509_crt *child, mbedtls_x509_crt **out) {
    const trust_t *trust = context;
    mbedtls_x509_crt *list = NULL;
    store_item_t item;
    for (size_t cursor = 0; store_next(&store_settings, &cursor, &item) == 0;) {
        if (item.key_size <= trust->prefix_size || memcmp(item.key, trust->prefix, trust->prefix_size) != 0) {
            continue;
        }
        mbedtls_x509_crt *root = mbedtls_calloc(1, sizeof(*root));
        if (!root) {
            break;
        }
        mbedtls_x509_crt_init(root);
        if (mbedtls_x509_crt_parse_der_nocopy(root, item.value, item.value_size) != 0
            || !same_name(&root->subject_raw, &child->issuer_raw)) {
            mbedtls_x509_crt_free(root);
            mbedtls_free(root);
            continue;
        }
        root->next = list;
        list = root;
    }
    *out = list;
    return 0;
}

static void trust_init(trust_t *trust, mp_obj_t prefix_in, mp_obj_t now, mp_obj_t exact) {
    mp_buffer_info_t prefix = bytes_of(prefix_in, MP_BUFFER_READ);
    if (prefix.len > PREFIX_MAX) {
        mp_raise_ValueError(MP_ERROR_TEXT("prefix"));
    }
    memcpy(trust->prefix, prefix.buf, prefix.len);
    trust->prefix_size = prefix.len;
    trust->now = mp_obj_get_int(now);
    trust->exact = mp_obj_is_true(exact);
    trust->not_before = 0;
    trust->not_after = TIME_MAX;
    arena_refused = false;
}

// Client

static int take_in(void *context, unsigned char *buffer, size_t size) {
    session_t *session = context;
    size = MIN(size, session->in_size);
    if (size == 0) {
        return MBEDTLS_ERR_SSL_WANT_READ;
    }
    memcpy(buffer, session->in, size);
    session->in += size;
    session->in_size -= size;
    return size;
}

// The record stays where it is until it is said to be sent: mbedTLS writes there when it makes the next one,
// which it is not asked for before.
static int put_out(void *context, const unsigned char *record, size_t size) {
    session_t *session = context;
    if (session->out_size) {
        return MBEDTLS_ERR_SSL_WANT_WRITE;
    }
    session->out = record;
    session->out_size = size;
    return size;
}

static void restore_address(session_t *session) {
    if (session->address) {
        session->ssl.hostname = session->address;
        session->address = NULL;
    }
}

static void session_free(session_t *session) {
    restore_address(session);
    mbedtls_ssl_free(&session->ssl);
    mbedtls_ssl_config_free(&session->config);
    mbedtls_free(session);
}

static const uint16_t groups[] = {MBEDTLS_SSL_IANA_TLS_GROUP_SECP256R1, MBEDTLS_SSL_IANA_TLS_GROUP_NONE};

static int session_init(session_t *session, const char *host) {
    mbedtls_ssl_config *config = &session->config;
    mbedtls_ssl_init(&session->ssl);
    mbedtls_ssl_config_init(config);
    int result = mbedtls_ssl_config_defaults(
        config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
    if (result == 0) {
        mbedtls_ssl_conf_rng(config, random_bytes, NULL);
        mbedtls_ssl_conf_groups(config, groups);
        mbedtls_ssl_conf_ca_cb(config, find_roots, &session->trust);
        mbedtls_ssl_conf_verify(config, check, &session->trust);
        // Its setter wants room to send as much, which nobody has to.
        config->mfl_code = MBEDTLS_SSL_MAX_FRAG_LEN_4096;
        result = mbedtls_ssl_setup(&session->ssl, config);
    }
    if (result == 0) {
        mbedtls_ssl_set_bio(&session->ssl, session, put_out, take_in, NULL);
        result = mbedtls_ssl_set_hostname(&session->ssl, host);
    }
    uint8_t address[16];
    if (result == 0 && mbedtls_x509_crt_parse_cn_inet_pton(host, address)) {
        // It is checked against the certificate, but is no server_name (RFC 6066 3): servers abort at one.
        session->address = session->ssl.hostname;
        session->ssl.hostname = NULL;
    }
    return result;
}

// Client(host, prefix, now, exact): the time, or where the clock is not set (`exact` False) the latest known.
static mp_obj_t client_make_new(const mp_obj_type_t *type, size_t n_args, size_t n_kw, const mp_obj_t *args) {
    mp_arg_check_num(n_args, n_kw, 4, 4, false);
    const char *host = mp_obj_str_get_str(args[0]);
    trust_t trust;
    trust_init(&trust, args[1], args[2], args[3]);
    client_t *client = mp_obj_malloc(client_t, type);
    client->in = mp_const_none;
    session_t *session = mbedtls_calloc(1, sizeof(*session));
    if (!session) {
        mp_raise_OSError(MP_ENOMEM);
    }
    session->trust = trust;
    int result = session_init(session, host);
    if (result != 0) {
        session_free(session);
        raise_tls(result, 0);
    }
    client->session = session;
    return MP_OBJ_FROM_PTR(client);
}

static session_t *session_of(mp_obj_t self_in) {
    session_t *session = ((client_t *)MP_OBJ_TO_PTR(self_in))->session;
    if (!session) {
        mp_raise_OSError(MP_ENOTCONN);
    }
    return session;
}

static NORETURN void raise_session(session_t *session, int result) {
    uint32_t detail = 0;
    if (result == MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE) {
        detail = session->ssl.in_msg[1];
    } else if (result == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED && session->ssl.session_negotiate) {
        detail = session->ssl.session_negotiate->verify_result;
    }
    raise_tls(result, detail);
}

// feed(data): what has been received. All that was fed before has been taken when a method has asked for more.
static mp_obj_t client_feed(mp_obj_t self_in, mp_obj_t data_in) {
    session_t *session = session_of(self_in);
    mp_buffer_info_t data = bytes_of(data_in, MP_BUFFER_READ);
    ((client_t *)MP_OBJ_TO_PTR(self_in))->in = data_in;
    session->in = data.buf;
    session->in_size = data.len;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_2(client_feed_obj, client_feed);

// output(): the record that waits to be sent, or None. It is gone with sent().
static mp_obj_t client_output(mp_obj_t self_in) {
    session_t *session = session_of(self_in);
    if (!session->out_size) {
        return mp_const_none;
    }
    return mp_obj_new_memoryview('B', session->out_size, (void *)session->out);
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_output_obj, client_output);

static mp_obj_t client_sent(mp_obj_t self_in) {
    session_of(self_in)->out_size = 0;
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_sent_obj, client_sent);

// handshake(): one step of it. True: done; None: it wants input; False: there is more to do, or to send.
static mp_obj_t client_handshake(mp_obj_t self_in) {
    session_t *session = session_of(self_in);
    if (!session->out_size && !mbedtls_ssl_is_handshake_over(&session->ssl)) {
        int result = mbedtls_ssl_handshake_step(&session->ssl);
        if (session->ssl.state > MBEDTLS_SSL_CLIENT_HELLO) {
            restore_address(session);
        }
        if (result == MBEDTLS_ERR_SSL_WANT_READ) {
            return mp_const_none;
        }
        if (result != 0 && result != MBEDTLS_ERR_SSL_WANT_WRITE) {
            raise_session(session, result);
        }
    }
    return mp_obj_new_bool(!session->out_size && mbedtls_ssl_is_handshake_over(&session->ssl));
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_handshake_obj, client_handshake);

// valid(): the times from and until which all certificates of the server's chain are valid.
static mp_obj_t client_valid(mp_obj_t self_in) {
    const trust_t *trust = &session_of(self_in)->trust;
    mp_obj_t items[] = {MP_OBJ_NEW_SMALL_INT(trust->not_before), MP_OBJ_NEW_SMALL_INT(trust->not_after)};
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_valid_obj, client_valid);

// readinto(buffer): bytes put there; 0: the server has closed; None: it wants input.
static mp_obj_t client_readinto(mp_obj_t self_in, mp_obj_t buffer_in) {
    session_t *session = session_of(self_in);
    mp_buffer_info_t buffer = bytes_of(buffer_in, MP_BUFFER_WRITE);
    int result = mbedtls_ssl_read(&session->ssl, buffer.buf, buffer.len);
    if (result == MBEDTLS_ERR_SSL_WANT_READ) {
        return mp_const_none;
    }
    if (result == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY) {
        result = 0;
    }
    if (result < 0) {
        raise_session(session, result);
    }
    return MP_OBJ_NEW_SMALL_INT(result);
}
static MP_DEFINE_CONST_FUN_OBJ_2(client_readinto_obj, client_readinto);

// write(data): bytes of it that the next output() holds. Not before the last one is sent.
static mp_obj_t client_write(mp_obj_t self_in, mp_obj_t data_in) {
    session_t *session = session_of(self_in);
    mp_buffer_info_t data = bytes_of(data_in, MP_BUFFER_READ);
    int result = mbedtls_ssl_write(&session->ssl, data.buf, data.len);
    if (result < 0) {
        raise_session(session, result);
    }
    return MP_OBJ_NEW_SMALL_INT(result);
}
static MP_DEFINE_CONST_FUN_OBJ_2(client_write_obj, client_write);

// shut(): the next output() tells the server that nothing follows.
static mp_obj_t client_shut(mp_obj_t self_in) {
    mbedtls_ssl_close_notify(&session_of(self_in)->ssl);
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_shut_obj, client_shut);

static mp_obj_t client_free(mp_obj_t self_in) {
    client_t *client = MP_OBJ_TO_PTR(self_in);
    if (client->session) {
        session_free(client->session);
        client->session = NULL;
        client->in = mp_const_none;
    }
    return mp_const_none;
}
static MP_DEFINE_CONST_FUN_OBJ_1(client_free_obj, client_free);

static const mp_rom_map_elem_t client_locals_table[] = {
    {MP_ROM_QSTR(MP_QSTR_feed), MP_ROM_PTR(&client_feed_obj)},
    {MP_ROM_QSTR(MP_QSTR_output), MP_ROM_PTR(&client_output_obj)},
    {MP_ROM_QSTR(MP_QSTR_sent), MP_ROM_PTR(&client_sent_obj)},
    {MP_ROM_QSTR(MP_QSTR_handshake), MP_ROM_PTR(&client_handshake_obj)},
    {MP_ROM_QSTR(MP_QSTR_valid), MP_ROM_PTR(&client_valid_obj)},
    {MP_ROM_QSTR(MP_QSTR_readinto), MP_ROM_PTR(&client_readinto_obj)},
    {MP_ROM_QSTR(MP_QSTR_write), MP_ROM_PTR(&client_write_obj)},
    {MP_ROM_QSTR(MP_QSTR_shut), MP_ROM_PTR(&client_shut_obj)},
    {MP_ROM_QSTR(MP_QSTR_free), MP_ROM_PTR(&client_free_obj)},
};
static MP_DEFINE_CONST_DICT(client_locals, client_locals_table);

static MP_DEFINE_CONST_OBJ_TYPE(client_type, MP_QSTR_Client, MP_TYPE_FLAG_NONE, make_new, client_make_new,
    locals_dict, &client_locals);

// Certificates

static void parse(mbedtls_x509_crt *certificate, mp_obj_t der_in) {
    mp_buffer_info_t der = bytes_of(der_in, MP_BUFFER_READ);
    arena_refused = false;
    mbedtls_x509_crt_init(certificate);
    int result = mbedtls_x509_crt_parse_der_nocopy(certificate, der.buf, der.len);
    if (result != 0) {
        mbedtls_x509_crt_free(certificate);
        raise_tls(result, 0);
    }
}

static mp_obj_t verdict(bool good) {
    if (!good && arena_refused) {
        raise_tls(0, 0);
    }
    return mp_obj_new_bool(good);
}

static mp_obj_t digest_of(const uint8_t *data, size_t size) {
    uint8_t digest[SHA256_SIZE];
    mbedtls_sha256(data, size, digest, 0);
    return mp_obj_new_bytes(digest, sizeof(digest));
}

// The key without tag, length and count of unused bits (RFC 6960 4.1.1). `key` is a SubjectPublicKeyInfo,
// which has been parsed.
static mp_obj_t key_digest(const mbedtls_x509_buf *info) {
    unsigned char *at = info->p, *end = info->p + info->len;
    size_t size = 0;
    mbedtls_asn1_get_tag(&at, end, &size, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    mbedtls_asn1_get_tag(&at, end, &size, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
    at += size;
    mbedtls_asn1_get_bitstring_null(&at, end, &size);
    return digest_of(at, size);
}

static bool strong(const mbedtls_pk_context *key) {
    return mbedtls_pk_can_do(key, MBEDTLS_PK_RSA) ? mbedtls_pk_get_bitlen(key) >= 2048
                                                  : mbedtls_pk_can_do(key, MBEDTLS_PK_ECDSA);
}

// certificate(der) -> (SHA-256 of the issuer's name, of the subject's name, of the key; serial number;
// not before, not after, is it a CA with a key of the strength of A00.FR.501?). OSError: it is none.
static mp_obj_t tls_certificate(mp_obj_t der) {
    mbedtls_x509_crt certificate;
    parse(&certificate, der);
    bool good = certificate.ca_istrue && strong(&certificate.pk)
        && mbedtls_x509_crt_check_key_usage(&certificate, MBEDTLS_X509_KU_KEY_CERT_SIGN) == 0;
    mp_int_t not_before = seconds_of(&certificate.valid_from), not_after = seconds_of(&certificate.valid_to);
    // where they lie in `der`: there may be no room for an object, and then the arena is to be free again
    mbedtls_x509_buf issuer = certificate.issuer_raw, subject = certificate.subject_raw;
    mbedtls_x509_buf key = certificate.pk_raw, serial = certificate.serial;
    mbedtls_x509_crt_free(&certificate);
    mp_obj_t items[] = {
        digest_of(issuer.p, issuer.len),
        digest_of(subject.p, subject.len),
        key_digest(&key),
        mp_obj_new_bytes(serial.p, serial.len),
        MP_OBJ_NEW_SMALL_INT(not_before),
        MP_OBJ_NEW_SMALL_INT(not_after),
        mp_obj_new_bool(good),
    };
    return mp_obj_new_tuple(MP_ARRAY_SIZE(items), items);
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_certificate_obj, tls_certificate);

// issued(child, issuer): has the one's key signed the other? Both in DER.
static mp_obj_t tls_issued(mp_obj_t child_in, mp_obj_t issuer_in) {
    mbedtls_x509_crt child, issuer;
    uint8_t digest[MBEDTLS_MD_MAX_SIZE];
    parse(&issuer, issuer_in);
    nlr_buf_t nlr;
    if (nlr_push(&nlr) != 0) {
        mbedtls_x509_crt_free(&issuer);
        nlr_jump(nlr.ret_val);
    }
    parse(&child, child_in);
    nlr_pop();
    const mbedtls_md_info_t *md = mbedtls_md_info_from_type(child.sig_md);
    bool good = same_name(&child.issuer_raw, &issuer.subject_raw)
        && mbedtls_x509_crt_check_key_usage(&issuer, MBEDTLS_X509_KU_KEY_CERT_SIGN) == 0
        && mbedtls_md(md, child.tbs.p, child.tbs.len, digest) == 0
        && mbedtls_pk_verify_ext(child.sig_pk, child.sig_opts, &issuer.pk, child.sig_md, digest,
               mbedtls_md_get_size(md), child.sig.p, child.sig.len) == 0;
    mbedtls_x509_crt_free(&child);
    mbedtls_x509_crt_free(&issuer);
    return verdict(good);
}
static MP_DEFINE_CONST_FUN_OBJ_2(tls_issued_obj, tls_issued);

// trusted(chain, prefix, now, exact) -> 0, or what keeps the first certificate from being trusted to sign data
// (MBEDTLS_X509_BADCERT_...). The chain is in DER, one certificate behind the other; OSError where one cannot be
// read.
static mp_obj_t tls_trusted(size_t n_args, const mp_obj_t *args) {
    mp_buffer_info_t chain = bytes_of(args[0], MP_BUFFER_READ);
    trust_t trust;
    trust_init(&trust, args[1], args[2], args[3]);
    mbedtls_x509_crt list;
    mbedtls_x509_crt_init(&list);
    uint32_t flags = 0;
    int result = 0;
    for (unsigned char *at = chain.buf, *end = at + chain.len; at < end && result == 0;) {
        unsigned char *body = at;
        size_t size;
        result = mbedtls_asn1_get_tag(&body, end, &size, MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE);
        if (result == 0) {
            size += body - at;
            result = mbedtls_x509_crt_parse_der_nocopy(&list, at, size);
            at += size;
        }
    }
    if (result == 0) {
        result = mbedtls_x509_crt_verify_with_ca_cb(&list, find_roots, &trust,
            &mbedtls_x509_crt_profile_default, NULL, &flags, check, &trust);
        if (mbedtls_x509_crt_check_key_usage(&list, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) != 0) {
            flags |= MBEDTLS_X509_BADCERT_KEY_USAGE;
        }
    }
    mbedtls_x509_crt_free(&list);
    if (arena_refused || (result != 0 && result != MBEDTLS_ERR_X509_CERT_VERIFY_FAILED)) {
        raise_tls(result, 0);
    }
    return MP_OBJ_NEW_SMALL_INT(flags);
}
static MP_DEFINE_CONST_FUN_OBJ_VAR_BETWEEN(tls_trusted_obj, 4, 4, tls_trusted);

// verify(certificate, digest, signature): is it the signature of its key over the SHA-256 digest? ECDSA,
// RSA-PSS (L01.FR.04) or RSA PKCS #1 v1.5.
static mp_obj_t tls_verify(mp_obj_t der, mp_obj_t digest_in, mp_obj_t signature_in) {
    mp_buffer_info_t digest = bytes_of(digest_in, MP_BUFFER_READ);
    mp_buffer_info_t signature = bytes_of(signature_in, MP_BUFFER_READ);
    mbedtls_x509_crt certificate;
    parse(&certificate, der);
    mbedtls_pk_context *key = &certificate.pk;
    int result = MBEDTLS_ERR_PK_BAD_INPUT_DATA;
    if (digest.len == SHA256_SIZE && strong(key)) {
        result = mbedtls_pk_verify(key, MBEDTLS_MD_SHA256, digest.buf, digest.len, signature.buf, signature.len);
        if (result != 0 && mbedtls_pk_can_do(key, MBEDTLS_PK_RSA)
            && signature.len == mbedtls_rsa_get_len(mbedtls_pk_rsa(*key))) {
            result = rsa_verify_pss(mbedtls_pk_rsa(*key), digest.buf, signature.buf);
        }
    }
    mbedtls_x509_crt_free(&certificate);
    return verdict(result == 0);
}
static MP_DEFINE_CONST_FUN_OBJ_3(tls_verify_obj, tls_verify);

static mp_obj_t tls_sha256(mp_obj_t data_in) {
    mp_buffer_info_t data = bytes_of(data_in, MP_BUFFER_READ);
    return digest_of(data.buf, data.len);
}
static MP_DEFINE_CONST_FUN_OBJ_1(tls_sha256_obj, tls_sha256);

static mp_obj_t tls_peak(void) {
    return MP_OBJ_NEW_SMALL_INT(arena_peak());
}
static MP_DEFINE_CONST_FUN_OBJ_0(tls_peak_obj, tls_peak);

static const mp_rom_map_elem_t tls_globals_table[] = {
    {MP_ROM_QSTR(MP_QSTR___name__), MP_ROM_QSTR(MP_QSTR_tls)},
    {MP_ROM_QSTR(MP_QSTR_Client), MP_ROM_PTR(&client_type)},
    {MP_ROM_QSTR(MP_QSTR_certificate), MP_ROM_PTR(&tls_certificate_obj)},
    {MP_ROM_QSTR(MP_QSTR_issued), MP_ROM_PTR(&tls_issued_obj)},
    {MP_ROM_QSTR(MP_QSTR_trusted), MP_ROM_PTR(&tls_trusted_obj)},
    {MP_ROM_QSTR(MP_QSTR_verify), MP_ROM_PTR(&tls_verify_obj)},
    {MP_ROM_QSTR(MP_QSTR_sha256), MP_ROM_PTR(&tls_sha256_obj)},
    {MP_ROM_QSTR(MP_QSTR_peak), MP_ROM_PTR(&tls_peak_obj)},
};
static MP_DEFINE_CONST_DICT(tls_globals, tls_globals_table);

const mp_obj_module_t tls_module = {
    .base = {&mp_type_module},
    .globals = (mp_obj_dict_t *)&tls_globals,
};
MP_REGISTER_MODULE(MP_QSTR_tls, tls_module);
