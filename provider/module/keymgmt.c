#include "provider/module/pkey.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <string.h>

#define PUBLIC OSSL_KEYMGMT_SELECT_PUBLIC_KEY
#define PRIVATE OSSL_KEYMGMT_SELECT_PRIVATE_KEY
#define PARAMETERS OSSL_KEYMGMT_SELECT_ALL_PARAMETERS

/*
 * Key objects. The private half is a name; the public half is an EVP_PKEY of the default
 * provider in our own context, and all that is asked about it is asked there.
 */

/* ---- birth, copies, death ---- */

static void *load(const void *reference, size_t len)
{
    return kh_pkey_take(reference, len);
}

static void free_key(void *keydata)
{
    kh_pkey_free(keydata);
}

/* The parameters of KEY alone; NULL: it has none, or out of memory. */
static EVP_PKEY *parameters_of(const struct kh_pkey *key)
{
    EVP_PKEY *out = EVP_PKEY_new();

    if (out && key->public_key && EVP_PKEY_copy_parameters(out, key->public_key) == 1)
        return out;
    EVP_PKEY_free(out);
    return NULL;
}

/* EVP_PKEY_copy_parameters asks for the parameters alone, to build a peer's key upon. */
static void *dup(const void *keydata, int selection)
{
    const struct kh_pkey *from = keydata;
    struct kh_pkey *to = from ? kh_pkey_blank(from->module, from->type) : NULL;

    if (!to)
        return NULL;
    if (selection & PRIVATE) {
        memcpy(to->name, from->name, sizeof to->name);
        to->kind = from->kind;
        to->purposes = from->purposes;
    }
    if ((selection & PUBLIC) && from->whole) {
        (void)EVP_PKEY_up_ref(from->public_key);
        to->public_key = from->public_key;
        to->whole = true;
    } else if ((selection & PARAMETERS) && from->public_key) {
        to->public_key = parameters_of(from);
        if (!to->public_key) {
            kh_pkey_free(to);
            return NULL;
        }
    }
    return to;
}

/* ---- what is there ---- */

/* libcrypto asks with NULL too: an EVP_PKEY that has a type but no key yet. RSA and
 * Ed25519 have no parameters, and "has them" means "lacks none". */
static int has(const void *keydata, int selection)
{
    const struct kh_pkey *key = keydata;
    bool curve = key && strcmp(key->type, "EC") == 0;

    if (!key)
        return 0;
    return (!(selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) || !curve ||
               key->public_key) &&
           (!(selection & PUBLIC) || key->whole) &&
           (!(selection & PRIVATE) || key->name[0] != '\0');
}

static int match(const void *keydata1, const void *keydata2, int selection)
{
    const struct kh_pkey *a = keydata1;
    const struct kh_pkey *b = keydata2;
    bool same;

    if (!a->public_key || !b->public_key)
        return 0;
    (void)ERR_set_mark();
    if (selection & OSSL_KEYMGMT_SELECT_KEYPAIR)
        same = EVP_PKEY_eq(a->public_key, b->public_key) == 1;
    else
        same = strcmp(a->type, "EC") != 0 ||
               EVP_PKEY_parameters_eq(a->public_key, b->public_key) == 1;
    (void)ERR_pop_to_mark();
    return same;
}

/* A private half cannot be looked at: what the daemon says of it is taken for true. */
static int validate(const void *keydata, int selection, int checktype)
{
    const struct kh_pkey *key = keydata;
    EVP_PKEY_CTX *ctx;
    int ok;

    if (!has(keydata, selection))
        return 0;
    if (!(selection & PUBLIC))
        return 1;
    ctx = EVP_PKEY_CTX_new_from_pkey(key->module->inner, key->public_key, NULL);
    if (checktype == OSSL_KEYMGMT_VALIDATE_QUICK_CHECK)
        ok = ctx && EVP_PKEY_public_check_quick(ctx) == 1;
    else
        ok = ctx && EVP_PKEY_public_check(ctx) == 1;
    EVP_PKEY_CTX_free(ctx);
    return ok;
}

static int get_params(void *keydata, OSSL_PARAM params[])
{
    const struct kh_pkey *key = keydata;

    return key->public_key && EVP_PKEY_get_params(key->public_key, params) == 1;
}

/* A peer's point, put upon the parameters of our key. */
static int set_params(void *keydata, const OSSL_PARAM params[])
{
    struct kh_pkey *key = keydata;
    const OSSL_PARAM *p =
        OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
    EVP_PKEY *fresh;

    if (!p)
        return 1;
    if (p->data_type != OSSL_PARAM_OCTET_STRING || key->name[0] != '\0')
        return 0;
    fresh = parameters_of(key);
    if (!fresh || EVP_PKEY_set1_encoded_public_key(fresh, p->data, p->data_size) != 1) {
        EVP_PKEY_free(fresh);
        return 0;
    }
    EVP_PKEY_free(key->public_key);
    key->public_key = fresh;
    key->whole = true;
    return 1;
}

static const OSSL_PARAM *settable(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

/* ---- in and out ---- */

/*
 * A public half, or parameters, of another provider. A private half is refused: this
 * provider never holds one; libcrypto then goes back to where the key is from.
 */
static int import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct kh_pkey *key = keydata;
    int what = selection & (PUBLIC | PARAMETERS);
    bool whole = (selection & PUBLIC) &&
                 (OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY) ||
                     OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_N));
    EVP_PKEY *made = NULL;
    EVP_PKEY_CTX *ctx;

    if (key->public_key || OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PRIV_KEY) ||
        OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_D))
        return 0;
    ctx = EVP_PKEY_CTX_new_from_name(key->module->inner, key->type, NULL);
    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &made, whole ? what : what & ~PUBLIC,
            (OSSL_PARAM *)(uintptr_t)params); /* which are only read */
    EVP_PKEY_CTX_free(ctx);
    key->public_key = made;
    key->whole = made && whole;
    return made != NULL;
}

/* libcrypto asks for everything when it would rather use another provider. A named key
 * stays here, without an entry on the queue, since libcrypto goes on; its public half may
 * go. */
static int export(void *keydata, int selection, OSSL_CALLBACK *callback, void *arg)
{
    const struct kh_pkey *key = keydata;

    if (!key || !key->public_key || ((selection & PRIVATE) && key->name[0] != '\0') ||
        ((selection & PUBLIC) && !key->whole))
        return 0;
    return EVP_PKEY_export(
        key->public_key, selection & (PUBLIC | PARAMETERS), callback, arg);
}

/* ---- by type ---- */

static const OSSL_PARAM *ec_types(int selection)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)selection;
    return params;
}

static const OSSL_PARAM *rsa_types(int selection)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
        OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)selection;
    return params;
}

static const OSSL_PARAM *ed_types(int selection)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)selection;
    return params;
}

/* Static in libcrypto, so that it outlives the method that it is asked of. */
static const OSSL_PARAM *gettable_of(void *provctx, const char *type)
{
    const struct kh_module *module = provctx;
    EVP_KEYMGMT *keymgmt = EVP_KEYMGMT_fetch(module->inner, type, NULL);
    const OSSL_PARAM *params = keymgmt ? EVP_KEYMGMT_gettable_params(keymgmt) : NULL;

    EVP_KEYMGMT_free(keymgmt);
    return params;
}

static void *ec_new(void *provctx)
{
    return kh_pkey_blank(provctx, "EC");
}

static void *rsa_new(void *provctx)
{
    return kh_pkey_blank(provctx, "RSA");
}

static void *ed_new(void *provctx)
{
    return kh_pkey_blank(provctx, "ED25519");
}

static const OSSL_PARAM *ec_gettable(void *provctx)
{
    return gettable_of(provctx, "EC");
}

static const OSSL_PARAM *rsa_gettable(void *provctx)
{
    return gettable_of(provctx, "RSA");
}

static const OSSL_PARAM *ed_gettable(void *provctx)
{
    return gettable_of(provctx, "ED25519");
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_KEYEXCH ? "ECDH" : "ECDSA";
}

static const char *rsa_operation(int operation)
{
    (void)operation;
    return "RSA";
}

static const char *ed_operation(int operation)
{
    (void)operation;
    return "ED25519";
}

/* clang-format off */
#define COMMON \
    {OSSL_FUNC_KEYMGMT_LOAD, (void (*)(void))load}, \
    {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))free_key}, \
    {OSSL_FUNC_KEYMGMT_DUP, (void (*)(void))dup}, \
    {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))has}, \
    {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))match}, \
    {OSSL_FUNC_KEYMGMT_VALIDATE, (void (*)(void))validate}, \
    {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))import}, \
    {OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))export}, \
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))get_params}
/* clang-format on */

static const OSSL_DISPATCH ec[] = {
    COMMON,
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))ec_new},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))ec_types},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))ec_types},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))ec_gettable},
    {OSSL_FUNC_KEYMGMT_SET_PARAMS, (void (*)(void))set_params},
    {OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, (void (*)(void))settable},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))ec_operation},
    {0, NULL},
};

static const OSSL_DISPATCH rsa[] = {
    COMMON,
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))rsa_new},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))rsa_types},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))rsa_types},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))rsa_gettable},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))rsa_operation},
    {0, NULL},
};

static const OSSL_DISPATCH ed25519[] = {
    COMMON,
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))ed_new},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))ed_types},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))ed_types},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))ed_gettable},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))ed_operation},
    {0, NULL},
};

const OSSL_ALGORITHM *kh_module_keymgmt(const struct kh_module *module)
{
    /* libcrypto's own names: it and libssl go by them. */
    static const OSSL_ALGORITHM algorithms[] = {
        {"EC:id-ecPublicKey:1.2.840.10045.2.1", KH_MODULE_PROPERTY, ec,
            "EC keys that stay in the HSM"},
        {"RSA:rsaEncryption:1.2.840.113549.1.1.1", KH_MODULE_PROPERTY, rsa,
            "RSA keys that stay in the HSM"},
        {"ED25519:1.3.101.112", KH_MODULE_PROPERTY, ed25519,
            "Ed25519 keys that stay in the HSM"},
        {0},
    };

    (void)module;
    return algorithms;
}
