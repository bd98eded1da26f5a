#include "provider/internal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <string.h>

/* An RSA key here is always a private key on the token: the public half is used by
 * others. */

static void *rsa_new(void *provctx)
{
    return kh_provkey_new(provctx, KH_KEY_RSA);
}

/* RSA has no domain parameters; libcrypto takes "has them" for "lacks none". */
static int rsa_has(const void *keydata, int selection)
{
    const struct kh_provkey *key = keydata;

    if (!key)
        return 0;
    if (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY)
        return 0;
    return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || key->on_token;
}

static int rsa_match(const void *keydata1, const void *keydata2, int selection)
{
    const struct kh_provkey *a = keydata1;
    const struct kh_provkey *b = keydata2;

    if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR))
        return 1;
    return a->on_token && b->on_token && a->token.id.len == b->token.id.len &&
           memcmp(a->token.id.bytes, b->token.id.bytes, a->token.id.len) == 0;
}

static int rsa_import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct kh_provkey *key = keydata;

    (void)selection;
    if (kh_provkey_import_token(key, params) != 1)
        return 0;
    return key->token.bits >= 1024 && key->token.bits <= 16384 &&
           key->token.bits % 8 == 0;
}

static const OSSL_PARAM *rsa_import_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_octet_string(KH_PARAM_TOKEN_KEY, NULL, sizeof(struct kh_token_key)),
        OSSL_PARAM_END,
    };
    static const OSSL_PARAM none[] = {OSSL_PARAM_END};

    return selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY ? types : none;
}

static const OSSL_PARAM *rsa_gettable(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

static int rsa_get_params(void *keydata, OSSL_PARAM params[])
{
    const struct kh_provkey *key = keydata;
    int bits = (int)key->token.bits;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_BITS);

    if (p && !OSSL_PARAM_set_int(p, bits))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_SECURITY_BITS);
    if (p && !OSSL_PARAM_set_int(p, BN_security_bits(bits, -1)))
        return 0;
    p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE);
    return !p || OSSL_PARAM_set_int(p, bits / 8);
}

static const char *rsa_operation(int operation)
{
    return operation == OSSL_OP_ASYM_CIPHER ? "RSA" : NULL;
}

const OSSL_DISPATCH kh_keymgmt_rsa[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))rsa_new},
    {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))kh_provkey_free},
    {OSSL_FUNC_KEYMGMT_DUP, (void (*)(void))kh_provkey_dup},
    {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))rsa_has},
    {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))rsa_match},
    {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))rsa_import},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))rsa_import_types},
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))rsa_get_params},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))rsa_gettable},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))rsa_operation},
    {0, NULL},
};
