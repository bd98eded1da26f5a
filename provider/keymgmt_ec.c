#include "provider/internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <string.h>

#define PUBLIC OSSL_KEYMGMT_SELECT_PUBLIC_KEY
#define PRIVATE OSSL_KEYMGMT_SELECT_PRIVATE_KEY
#define PARAMETERS OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS

static void *ec_new(void *provctx)
{
    return kh_provkey_new(provctx, KH_KEY_EC_P256);
}

/* libcrypto asks with NULL too: an EVP_PKEY that has a type but no key yet. */
static int ec_has(const void *keydata, int selection)
{
    const struct kh_provkey *key = keydata;

    if (!key)
        return 0;
    return (!(selection & PARAMETERS) || key->has_group) &&
           (!(selection & PUBLIC) || key->point_len > 0) &&
           (!(selection & PRIVATE) || key->on_token);
}

static bool same_key(const struct kh_provkey *a, const struct kh_provkey *b)
{
    if (a->point_len > 0 && b->point_len > 0)
        return memcmp(a->point, b->point, KH_P256_POINT) == 0;
    return a->on_token && b->on_token && a->token.id.len == b->token.id.len &&
           memcmp(a->token.id.bytes, b->token.id.bytes, a->token.id.len) == 0;
}

static int ec_match(const void *keydata1, const void *keydata2, int selection)
{
    const struct kh_provkey *a = keydata1;
    const struct kh_provkey *b = keydata2;

    if ((selection & PARAMETERS) && !(a->has_group && b->has_group))
        return 0;
    return !(selection & OSSL_KEYMGMT_SELECT_KEYPAIR) || same_key(a, b);
}

/* A point is checked when it comes in (set_point), and P-256 has cofactor 1: nothing is
 * left to do. This spares the full check, a scalar multiplication, on every peer. */
static int ec_validate(const void *keydata, int selection, int checktype)
{
    (void)checktype;
    return ec_has(keydata, selection & (PARAMETERS | PUBLIC | PRIVATE));
}

/* Any encoding of a point on the curve; a point that is not on it would tell about the
 * private key. */
static int set_point(struct kh_provkey *key, const OSSL_PARAM *p)
{
    const EC_GROUP *group = key->prov->p256;
    EC_POINT *point;
    int ok;

    key->point_len = 0;
    if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size == 0 ||
        p->data_size > KH_P256_POINT || *(const unsigned char *)p->data > 4)
        return 0;
    point = EC_POINT_new(group);
    ok = point && EC_POINT_oct2point(group, point, p->data, p->data_size, NULL) == 1 &&
         EC_POINT_is_at_infinity(group, point) == 0;
    if (ok &&
        p->data_size == KH_P256_POINT) /* encoding it again would cost an inversion */
        memcpy(key->point, p->data, KH_P256_POINT);
    else if (ok)
        ok = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, key->point,
                 KH_P256_POINT, NULL) == KH_P256_POINT;
    EC_POINT_free(point);
    key->point_len = ok ? KH_P256_POINT : 0;
    return ok;
}

static int set_group(struct kh_provkey *key, const OSSL_PARAM *p)
{
    const char *name = NULL;
    int nid;

    if (!OSSL_PARAM_get_utf8_string_ptr(p, &name) || !name)
        return 0;
    nid = OBJ_txt2nid(name);
    if (nid == NID_undef)
        nid = EC_curve_nist2nid(name);
    key->has_group = nid == NID_X9_62_prime256v1;
    return key->has_group;
}

/* A key on the token, or a peer's group and public half. A private half from elsewhere is
 * refused: this provider never holds one. */
static int ec_import(void *keydata, int selection, const OSSL_PARAM params[])
{
    struct kh_provkey *key = keydata;
    int token = kh_provkey_import_token(key, params);
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);

    if (token < 0 || OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PRIV_KEY))
        return 0;
    if (token == 1)
        key->has_group = true;
    if (p && !set_group(key, p))
        return 0;
    if (!key->has_group)
        return 0;
    p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
    return !(selection & PUBLIC) || !p || set_point(key, p);
}

static const OSSL_PARAM *ec_import_types(int selection)
{
    static const OSSL_PARAM public_types[] = {
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };
    static const OSSL_PARAM all_types[] = {
        OSSL_PARAM_octet_string(KH_PARAM_TOKEN_KEY, NULL, sizeof(struct kh_token_key)),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    return selection & PRIVATE ? all_types : public_types;
}

static const OSSL_PARAM *ec_export_types(int selection)
{
    return ec_import_types(selection & ~PRIVATE);
}

/* libcrypto asks for everything when it would rather use another provider. A key on the
 * token stays here; the public half of a peer may go. */
static int ec_export(void *keydata, int selection, OSSL_CALLBACK *callback, void *arg)
{
    struct kh_provkey *key = keydata;
    char group[] = SN_X9_62_prime256v1;
    OSSL_PARAM params[3];
    size_t count = 0;

    if (!key || !key->has_group || ((selection & PRIVATE) && key->on_token))
        return 0;
    params[count++] =
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0);
    if (selection & PUBLIC) {
        if (key->point_len == 0)
            return 0;
        params[count++] = OSSL_PARAM_construct_octet_string(
            OSSL_PKEY_PARAM_PUB_KEY, key->point, key->point_len);
    }
    params[count] = OSSL_PARAM_construct_end();
    return callback(params, arg);
}

static const OSSL_PARAM *ec_gettable(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

static int get_int(OSSL_PARAM params[], const char *name, int value)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

    return !p || OSSL_PARAM_set_int(p, value);
}

static int get_point(const struct kh_provkey *key, OSSL_PARAM params[], const char *name)
{
    OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

    return !p || (key->point_len > 0 &&
                     OSSL_PARAM_set_octet_string(p, key->point, key->point_len));
}

static int ec_get_params(void *keydata, OSSL_PARAM params[])
{
    const struct kh_provkey *key = keydata;
    OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_GROUP_NAME);

    if (p && !(key->has_group && OSSL_PARAM_set_utf8_string(p, SN_X9_62_prime256v1)))
        return 0;
    return get_int(params, OSSL_PKEY_PARAM_BITS, 256) &&
           get_int(params, OSSL_PKEY_PARAM_SECURITY_BITS, 128) &&
           get_int(params, OSSL_PKEY_PARAM_MAX_SIZE, KH_P256_SECRET) &&
           get_point(key, params, OSSL_PKEY_PARAM_PUB_KEY) &&
           get_point(key, params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);
}

static const OSSL_PARAM *ec_settable(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    (void)provctx;
    return params;
}

static int ec_set_params(void *keydata, const OSSL_PARAM params[])
{
    struct kh_provkey *key = keydata;
    const OSSL_PARAM *p =
        OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);

    return !p || (key->has_group && set_point(key, p));
}

static const char *ec_operation(int operation)
{
    return operation == OSSL_OP_KEYEXCH ? "ECDH" : NULL;
}

const OSSL_DISPATCH kh_keymgmt_ec[] = {
    {OSSL_FUNC_KEYMGMT_NEW, (void (*)(void))ec_new},
    {OSSL_FUNC_KEYMGMT_FREE, (void (*)(void))kh_provkey_free},
    {OSSL_FUNC_KEYMGMT_DUP, (void (*)(void))kh_provkey_dup},
    {OSSL_FUNC_KEYMGMT_HAS, (void (*)(void))ec_has},
    {OSSL_FUNC_KEYMGMT_MATCH, (void (*)(void))ec_match},
    {OSSL_FUNC_KEYMGMT_VALIDATE, (void (*)(void))ec_validate},
    {OSSL_FUNC_KEYMGMT_IMPORT, (void (*)(void))ec_import},
    {OSSL_FUNC_KEYMGMT_IMPORT_TYPES, (void (*)(void))ec_import_types},
    {OSSL_FUNC_KEYMGMT_EXPORT, (void (*)(void))ec_export},
    {OSSL_FUNC_KEYMGMT_EXPORT_TYPES, (void (*)(void))ec_export_types},
    {OSSL_FUNC_KEYMGMT_GET_PARAMS, (void (*)(void))ec_get_params},
    {OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, (void (*)(void))ec_gettable},
    {OSSL_FUNC_KEYMGMT_SET_PARAMS, (void (*)(void))ec_set_params},
    {OSSL_FUNC_KEYMGMT_SETTABLE_PARAMS, (void (*)(void))ec_settable},
    {OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, (void (*)(void))ec_operation},
    {0, NULL},
};
