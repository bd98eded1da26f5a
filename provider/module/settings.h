/* The provider's section of openssl.cnf, and the environment above it. */
#ifndef KH_MODULE_SETTINGS_H
#define KH_MODULE_SETTINGS_H

#include "provider/module/module.h"

#include "plugins/keyhsm/options.h"

/* As configured. Strings belong to TEXT. */
struct kh_settings {
    struct kh_remote_settings
        remote; /* host and server are not set by kh_settings_read */
    char *text[16];
    size_t text_count;
    char address[300];   /* https://HOST:PORT; of a socket, https:// and its name */
    struct kh_error bad; /* what is wrong with them; status KH_OK: nothing */
};

/*
 * Reads them through GET, libcrypto's core_get_params. A variable KEYHSM_<OPTION> comes
 * before the option of openssl.cnf, but not in a process that runs with more rights than
 * its user (secure_getenv). No file is looked at. What is wrong stands in SETTINGS->bad,
 * in words. False: out of memory. Free with kh_settings_free either way.
 */
bool kh_settings_read(struct kh_settings *settings, const OSSL_CORE_HANDLE *handle,
    OSSL_FUNC_core_get_params_fn *get);
void kh_settings_free(struct kh_settings *settings);

#endif
