#include "provider/internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

/* "fips=yes" says that the operator who asks for it answers for his token: we compute
 * nothing. The names are libcrypto's own, since CMS picks its path by them. */
#define OURS KH_PROVIDER_OURS ",fips=yes"

static const OSSL_ALGORITHM keymgmt[] = {
    {"EC:id-ecPublicKey:1.2.840.10045.2.1", OURS, kh_keymgmt_ec, "EC key on the token"},
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", OURS, kh_keymgmt_rsa,
        "RSA key on the token"},
    {0},
};

static const OSSL_ALGORITHM keyexch[] = {
    {"ECDH", OURS, kh_keyexch_ecdh, "ECDH on the token"},
    {0},
};

static const OSSL_ALGORITHM asym_cipher[] = {
    {"RSA:rsaEncryption:1.2.840.113549.1.1.1", OURS, kh_asym_rsa,
        "RSA-OAEP on the token"},
    {0},
};

static const OSSL_ALGORITHM rand_sources[] = {
    {KH_PROVIDER_SEED, OURS, kh_rand_seed, "the token's random number generator"},
    {0},
};

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    (void)provctx;
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return keymgmt;
    case OSSL_OP_KEYEXCH:
        return keyexch;
    case OSSL_OP_ASYM_CIPHER:
        return asym_cipher;
    case OSSL_OP_RAND:
        return rand_sources;
    default:
        return NULL;
    }
}

static const OSSL_PARAM *gettable(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_ptr(OSSL_PROV_PARAM_NAME, NULL, 0),
        OSSL_PARAM_int(OSSL_PROV_PARAM_STATUS, NULL),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

static int get_params(void *provctx, OSSL_PARAM params[])
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_NAME);

    (void)provctx;
    if (p && !OSSL_PARAM_set_utf8_ptr(p, "Keys on a token"))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PROV_PARAM_STATUS);
    return !p || OSSL_PARAM_set_int(p, 1);
}

static void teardown(void *provctx)
{
    struct kh_provctx *prov = provctx;

    EVP_KDF_free(prov->x963);
    EC_GROUP_free(prov->p256);
    OPENSSL_free(prov);
}

static const OSSL_DISPATCH dispatch[] = {
    {OSSL_FUNC_PROVIDER_TEARDOWN, (void (*)(void))teardown},
    {OSSL_FUNC_PROVIDER_GETTABLE_PARAMS, (void (*)(void))gettable},
    {OSSL_FUNC_PROVIDER_GET_PARAMS, (void (*)(void))get_params},
    {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
    {0, NULL},
};

/* The token operations are put into the context by kh_provider_new, before anything can
 * use them. */
int kh_provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
    const OSSL_DISPATCH **out, void **provctx)
{
    struct kh_provctx *prov = OPENSSL_zalloc(sizeof *prov);

    (void)handle;
    (void)in;
    if (!prov)
        return 0;
    *out = dispatch;
    *provctx = prov;
    return 1;
}
