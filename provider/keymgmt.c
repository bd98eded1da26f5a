#include "provider/internal.h"

#include <openssl/crypto.h>
#include <openssl/params.h>
#include <string.h>

/* The part of key management that does not depend on the type of the key. */

void *kh_provkey_new(void *provctx, kh_key_type type)
{
    struct kh_provkey *key = OPENSSL_zalloc(sizeof *key);

    if (key) {
        key->prov = provctx;
        key->type = type;
    }
    return key;
}

/* No secret inside: a plain free. */
void kh_provkey_free(void *keydata)
{
    OPENSSL_free(keydata);
}

/* EVP_PKEY_copy_parameters asks for the parameters alone, to build a peer's key upon. */
void *kh_provkey_dup(const void *keydata, int selection)
{
    const struct kh_provkey *from = keydata;
    struct kh_provkey *to = from ? OPENSSL_memdup(from, sizeof *from) : NULL;

    if (!to)
        return NULL;
    if (!(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY)) {
        to->on_token = false;
        memset(&to->token, 0, sizeof to->token);
    }
    if (!(selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY))
        to->point_len = 0;
    if (!(selection & OSSL_KEYMGMT_SELECT_ALL_PARAMETERS))
        to->has_group = false;
    return to;
}

int kh_provkey_import_token(struct kh_provkey *key, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, KH_PARAM_TOKEN_KEY);
    struct kh_token_key token;

    if (!p)
        return 0;
    if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != sizeof token)
        return -1;
    memcpy(&token, p->data, sizeof token);
    if (token.type != key->type || token.id.len == 0 || token.id.len > KH_KEY_ID_MAX)
        return -1;
    key->token = token;
    key->on_token = true;
    return 1;
}
