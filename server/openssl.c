#include "server/openssl.h"

#include "core/crypto.h"

#include <openssl/evp.h>
#include <openssl/provider.h>
#include <string.h>

/* Providers stay until the process ends; a reference nobody holds would be a leak. */
enum { PROVIDERS_MAX = 8 };
static OSSL_PROVIDER *held[PROVIDERS_MAX];
static size_t held_count;

static kh_status load(
    const char *name, size_t len, const char *where, struct kh_error *err)
{
    char copy[64];

    if (len == 0 || len >= sizeof copy)
        return kh_fail(err, KH_INVALID,
            "%s: [openssl] providers: a name is empty or too long", where);
    memcpy(copy, name, len);
    copy[len] = '\0';
    if (held_count == PROVIDERS_MAX)
        return kh_fail(err, KH_INVALID, "%s: [openssl] providers: more than %d", where,
            PROVIDERS_MAX);
    held[held_count] = OSSL_PROVIDER_load(NULL, copy);
    if (!held[held_count])
        return kh_fail(err, KH_INVALID,
            "%s: [openssl] providers: '%s' cannot be loaded: %s", where, copy,
            kh_crypto_reason("unknown"));
    held_count++;
    return KH_OK;
}

kh_status kh_openssl_configure(const struct kh_config *config, struct kh_error *err)
{
    const char *list = kh_config_string(config, "openssl", "providers");
    const char *query = kh_config_string(config, "openssl", "properties");

    while (list && *list) {
        size_t len = strcspn(list, ", ");
        kh_status st =
            load(list, len, kh_config_where(config, "openssl", "providers"), err);

        if (st != KH_OK)
            return st;
        list += len;
        list += strspn(list, ", ");
    }
    if (query && EVP_set_default_properties(NULL, query) != 1)
        return kh_fail(err, KH_INVALID,
            "%s: [openssl] properties: '%s' is no property query",
            kh_config_where(config, "openssl", "properties"), query);
    return KH_OK;
}
