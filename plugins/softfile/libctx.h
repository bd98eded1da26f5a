/* The library context of a store: its own, with the providers and the property query that
 * the configuration names. */
#ifndef KH_SOFTFILE_LIBCTX_H
#define KH_SOFTFILE_LIBCTX_H

#include <keyhsm/plugin.h>

#include <openssl/provider.h>

enum { KH_SOFT_PROVIDERS_MAX = 8 };

struct kh_soft_libctx {
    OSSL_LIB_CTX *libctx;
    OSSL_PROVIDER *providers[KH_SOFT_PROVIDERS_MAX];
    size_t count;
};

/* Loads the options `providers` and `properties` of HOST. KH_UNAVAILABLE: a provider that
 * cannot be loaded; KH_INVALID: too many, or no property query. Free also after a
 * failure. */
KH_CHECK kh_status kh_soft_libctx_open(
    struct kh_soft_libctx *ctx, const struct kh_host *host, struct kh_error *err);
void kh_soft_libctx_close(struct kh_soft_libctx *ctx);

#endif
