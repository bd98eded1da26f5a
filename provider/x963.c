#include "provider/x963.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdint.h>
#include <string.h>

/* Shared information of the X9.63 KDF is a few dozen bytes (RFC 5753 7.2); more is no
 * envelope. */
#define UKM_MAX 4096
#define OUT_MAX 1024

void kh_x963_init(struct kh_x963 *kdf)
{
    memset(kdf, 0, sizeof *kdf);
    kdf->cofactor_mode = -1;
}

void kh_x963_clear(struct kh_x963 *kdf)
{
    OPENSSL_free(kdf->ukm);
    kdf->ukm = NULL;
    kdf->ukm_len = 0;
}

int kh_x963_copy(struct kh_x963 *to, const struct kh_x963 *from)
{
    *to = *from;
    to->ukm = NULL;
    if (!from->ukm)
        return 1;
    to->ukm = OPENSSL_memdup(from->ukm, from->ukm_len);
    return to->ukm != NULL;
}

static int get_name(const OSSL_PARAM params[], const char *param, char name[KH_X963_NAME])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, param);

    return !p || OSSL_PARAM_get_utf8_string(p, &name, KH_X963_NAME);
}

static int set_kdf_type(struct kh_x963 *kdf, const OSSL_PARAM params[])
{
    char buffer[KH_X963_NAME] = "";
    char *name = buffer;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_TYPE);

    if (!p)
        return 1;
    if (!OSSL_PARAM_get_utf8_string(p, &name, sizeof buffer))
        return 0;
    kdf->on = strcmp(name, OSSL_KDF_NAME_X963KDF) == 0;
    return kdf->on || *name == '\0';
}

static int set_ukm(struct kh_x963 *kdf, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_UKM);
    unsigned char *copy = NULL;

    if (!p)
        return 1;
    if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size > UKM_MAX)
        return 0;
    if (p->data_size > 0) {
        copy = OPENSSL_memdup(p->data, p->data_size);
        if (!copy)
            return 0;
    }
    OPENSSL_free(kdf->ukm);
    kdf->ukm = copy;
    kdf->ukm_len = p->data_size;
    return 1;
}

int kh_x963_set(struct kh_x963 *kdf, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p;

    if (!params)
        return 1;
    p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE);
    if (p && (!OSSL_PARAM_get_int(p, &kdf->cofactor_mode) || kdf->cofactor_mode < -1 ||
                 kdf->cofactor_mode > 1))
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN);
    if (p && (!OSSL_PARAM_get_size_t(p, &kdf->out_len) || kdf->out_len > OUT_MAX))
        return 0;
    return set_kdf_type(kdf, params) &&
           get_name(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST, kdf->digest) &&
           get_name(
               params, OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, kdf->digest_properties) &&
           set_ukm(kdf, params);
}

const OSSL_PARAM *kh_x963_settable(void)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, NULL, 0),
        OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
        OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
        OSSL_PARAM_END,
    };

    return params;
}

int kh_x963_get(const struct kh_x963 *kdf, OSSL_PARAM params[])
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE);

    if (p && !OSSL_PARAM_set_int(p, kdf->cofactor_mode))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_TYPE);
    if (p && !OSSL_PARAM_set_utf8_string(p, kdf->on ? OSSL_KDF_NAME_X963KDF : ""))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST);
    if (p && !OSSL_PARAM_set_utf8_string(p, kdf->digest))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN);
    if (p && !OSSL_PARAM_set_size_t(p, kdf->out_len))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_UKM);
    return !p || OSSL_PARAM_set_octet_ptr(p, kdf->ukm, kdf->ukm_len);
}

const OSSL_PARAM *kh_x963_gettable(void)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
        OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
        OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
        OSSL_PARAM_octet_ptr(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
        OSSL_PARAM_END,
    };

    return params;
}

size_t kh_x963_size(const struct kh_x963 *kdf, size_t z_len)
{
    if (!kdf->on)
        return z_len;
    return kdf->digest[0] ? kdf->out_len : 0;
}

static int run(const struct kh_x963 *kdf, EVP_KDF_CTX *ctx, unsigned char *z,
    size_t z_len, unsigned char *out)
{
    OSSL_PARAM params[5];
    size_t n = 0;
    char *digest =
        (char *)(uintptr_t)kdf->digest; /* OSSL_PARAM knows no const; it is only read */
    char *properties = (char *)(uintptr_t)kdf->digest_properties;

    params[n++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    if (*properties)
        params[n++] =
            OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_PROPERTIES, properties, 0);
    params[n++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, z, z_len);
    if (kdf->ukm_len > 0)
        params[n++] = OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_INFO, kdf->ukm, kdf->ukm_len);
    params[n] = OSSL_PARAM_construct_end();
    return EVP_KDF_derive(ctx, out, kdf->out_len, params) > 0;
}

int kh_x963_run(const struct kh_x963 *kdf, EVP_KDF *x963, unsigned char *z, size_t z_len,
    unsigned char *out)
{
    EVP_KDF_CTX *ctx;
    int ok;

    if (!kdf->on) {
        memcpy(out, z, z_len);
        return 1;
    }
    ctx = EVP_KDF_CTX_new(x963);
    ok = ctx && run(kdf, ctx, z, z_len, out);
    EVP_KDF_CTX_free(ctx);
    return ok;
}
