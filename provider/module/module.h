/*
 * The loadable provider `keyhsm`, one for each library context of an application that
 * loads it. What its files share; nothing here changes after OSSL_provider_init but what
 * is behind CLIENT.
 */
#ifndef KH_MODULE_H
#define KH_MODULE_H

#include <keyhsm/types.h>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#define KH_MODULE_NAME "keyhsm"
/* Of every algorithm; a query may ask for it. */
#define KH_MODULE_PROPERTY "provider=" KH_MODULE_NAME
/* Of every algorithm; a query may ask for it. */
#define KH_MODULE_PROPERTY "provider=" KH_MODULE_NAME

struct kh_client;

struct kh_module {
    const OSSL_CORE_HANDLE *handle;
    /* Of our own, with the default provider alone: TLS to the daemons and public keys
     * need nothing of what the application loaded, configured or prefers; and nothing of
     * ours comes back to ourselves. */
    OSSL_LIB_CTX *inner;
    OSSL_PROVIDER *base;
    struct kh_client *client;

    /* libcrypto's, for the error queue of the application's thread. */
    OSSL_FUNC_core_new_error_fn *new_error;
    OSSL_FUNC_core_set_error_debug_fn *set_error_debug;
    OSSL_FUNC_core_vset_error_fn *vset_error;
};

/* ---- What each operation has, at most; NULL: nothing. Static tables, each in the file
 * of its name. MODULE is what the context that libcrypto passes back points to. ---- */

const OSSL_ALGORITHM *kh_module_keymgmt(const struct kh_module *module);
const OSSL_ALGORITHM *kh_module_signature(const struct kh_module *module);
const OSSL_ALGORITHM *kh_module_asym(const struct kh_module *module);
const OSSL_ALGORITHM *kh_module_keyexch(const struct kh_module *module);
const OSSL_ALGORITHM *kh_module_store(const struct kh_module *module);
const OSSL_ALGORITHM *kh_module_decoder(const struct kh_module *module);

#endif
