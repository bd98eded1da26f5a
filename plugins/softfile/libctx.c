#include "plugins/softfile/libctx.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

static kh_status load(struct kh_soft_libctx *ctx, const char *name, struct kh_error *err)
{
    OSSL_PROVIDER *provider = NULL;

    if (ctx->count == KH_SOFT_PROVIDERS_MAX)
        return kh_fail(err, KH_INVALID, "providers: more than %d", KH_SOFT_PROVIDERS_MAX);
    provider = OSSL_PROVIDER_load(ctx->libctx, name);
    if (!provider) {
        ERR_clear_error();
        return kh_fail(err, KH_UNAVAILABLE,
            "providers: OpenSSL provider '%.64s' cannot be loaded (is it installed in "
            "%s?)",
            name, OPENSSL_info(OPENSSL_INFO_MODULES_DIR));
    }
    ctx->providers[ctx->count++] = provider;
    return KH_OK;
}

static kh_status load_all(
    struct kh_soft_libctx *ctx, const char *names, struct kh_error *err)
{
    char list[256];
    char *rest = NULL;
    kh_status st = KH_OK;

    if (strlen(names) >= sizeof list)
        return kh_fail(err, KH_INVALID, "providers: the list is too long");
    memcpy(list, names, strlen(names) + 1);
    for (char *name = strtok_r(list, ", \t", &rest); name && st == KH_OK;
         name = strtok_r(NULL, ", \t", &rest))
        st = load(ctx, name, err);
    return st;
}

kh_status kh_soft_libctx_open(
    struct kh_soft_libctx *ctx, const struct kh_host *host, struct kh_error *err)
{
    const char *names = host->option_string(host, "providers");
    const char *query = host->option_string(host, "properties");
    kh_status st;

    memset(ctx, 0, sizeof *ctx);
    ctx->libctx = OSSL_LIB_CTX_new();
    if (!ctx->libctx)
        return kh_fail(err, KH_FATAL, "no library context of OpenSSL");
    st = names ? load_all(ctx, names, err) : KH_OK;
    if (st == KH_OK && query && *query &&
        EVP_set_default_properties(ctx->libctx, query) != 1) {
        ERR_clear_error();
        st = kh_fail(err, KH_INVALID, "properties: '%.128s' is no property query", query);
    }
    return st;
}

void kh_soft_libctx_close(struct kh_soft_libctx *ctx)
{
    while (ctx->count > 0)
        (void)OSSL_PROVIDER_unload(ctx->providers[--ctx->count]);
    OSSL_LIB_CTX_free(ctx->libctx);
    ctx->libctx = NULL;
}
