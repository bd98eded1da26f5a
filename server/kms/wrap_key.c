/* The AES keys of the token scheme: made, looked after, destroyed. */
#include "core/backend_key.h"
#include "core/deposit.h"
#include "core/log.h"
#include "server/kms/wrap.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGE = 64, OLD = 24 * 3600 };

const char *kh_kms_wrapping_key(const struct kh_deposit *deposit)
{
    return kh_attrs_get(&deposit->attrs, KH_KMS_WRAPPING_KEY);
}

static kh_status note(
    struct kh_deposit *deposit, const char *wrap, unsigned bits, struct kh_error *err)
{
    char text[16];
    kh_status st = kh_attrs_set(&deposit->attrs, KH_KMS_WRAPPING_KEY, wrap, err);

    (void)snprintf(text, sizeof text, "%u", bits);
    return st == KH_OK ? kh_attrs_set(&deposit->attrs, KH_KMS_LENGTH, text, err) : st;
}

kh_status kh_kms_wrap_make(
    struct kh_app *app, struct kh_deposit *deposit, unsigned bits, struct kh_error *err)
{
    struct kh_named_key key = {.kind = KH_KIND_AES_256, .purposes = KH_KEY_WRAP};
    unsigned char id[KH_KMS_WRAP_ID];
    kh_status st;

    if (RAND_bytes(id, sizeof id) != 1)
        return kh_fail(err, KH_FATAL, "OpenSSL's generator failed");
    kh_kms_wrap_name(deposit->name, id, key.name);
    st = note(deposit, key.name, bits, err);
    return st == KH_OK ? kh_backend_key_create(app->backend, &key, err) : st;
}

kh_status kh_kms_wrap_stored(
    struct kh_app *app, const struct kh_deposit *deposit, struct kh_error *err)
{
    const char *wrap = kh_kms_wrapping_key(deposit);
    struct kh_named_key key;
    kh_status st = wrap ? kh_backend_key_stat(app->backend, wrap, &key, err) : KH_OK;

    if (st != KH_NOT_FOUND)
        return KH_OK; /* it was there a moment ago; its use will tell */
    st = kh_backend_purge(app->backend, deposit->name, deposit->version, err);
    if (st != KH_OK && st != KH_NOT_FOUND)
        return st;
    return kh_fail(err, KH_BUSY, "the key '%s' was purged at the same time: try again",
        deposit->name);
}

/* What may be destroyed of the AES keys of one Hadoop key. */
struct kms_doomed {
    const char *name; /* of the Hadoop key */
    const char *keep; /* an AES key; NULL: none */
    int64_t before;   /* made before that, seconds since 1970 */
};

static kh_status destroy_page(struct kh_app *app, const struct kms_doomed *which,
    const struct kh_named_key *keys, size_t count, struct kh_error *err)
{
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < count; i++) {
        if (!kh_kms_wrap_fits(keys[i].name, which->name) ||
            keys[i].created >= which->before ||
            (which->keep && strcmp(keys[i].name, which->keep) == 0))
            continue;
        st = kh_backend_key_change(app->backend, keys[i].name, KH_KEY_PURGE, err);
        if (st == KH_NOT_FOUND) /* somebody was faster */
            st = KH_OK;
    }
    return st;
}

/* They stand together, in the order of names. */
static kh_status destroy(
    struct kh_app *app, const struct kms_doomed *which, struct kh_error *err)
{
    struct kh_named_key *keys = calloc(PAGE, sizeof *keys);
    char prefix[KH_NAME_MAX + 1];
    char after[KH_NAME_MAX + 1];
    size_t count = 0;
    kh_status st;

    if (!keys)
        return kh_fail(err, KH_BUSY, "no memory is free for a listing");
    kh_kms_wrap_prefix(which->name, prefix);
    memcpy(after, prefix, sizeof after);
    do {
        st = kh_backend_key_list(app->backend, after, keys, PAGE, &count, err);
        if (st == KH_REFUSED && !app->kms->token_scheme)
            st = KH_OK; /* a keyhsmd that has no named keys, so nobody made one */
        if (st != KH_OK || count == 0)
            break;
        memcpy(after, keys[count - 1].name, sizeof after);
        st = destroy_page(app, which, keys, count, err);
    } while (st == KH_OK && strncmp(after, prefix, strlen(prefix)) == 0);
    free(keys);
    return st;
}

kh_status kh_kms_purging(
    struct kh_app *app, const char *name, uint32_t version, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    const char *wrap;
    kh_status st;

    if (!app->kms || !kh_backend_has_keys(app->backend) || !kh_kms_possible(name))
        return KH_OK;
    if (version == KH_ALL_VERSIONS)
        return destroy(app, &(struct kms_doomed){.name = name, .before = INT64_MAX}, err);
    st = kh_backend_get(app->backend, name, version, true, &deposit, err);
    wrap = st == KH_OK ? kh_kms_wrapping_key(&deposit) : NULL;
    if (wrap && kh_kms_wrap_fits(wrap, name))
        st = kh_backend_key_change(app->backend, wrap, KH_KEY_PURGE, err);
    /* What cannot be read cannot say which it is; purging tells what is wrong. */
    return st == KH_NOT_FOUND || st == KH_CORRUPT ? KH_OK : st;
}

void kh_kms_wrap_sweep(struct kh_app *app, const struct kh_deposit *deposit)
{
    const struct kms_doomed which = {.name = deposit->name,
        .keep = kh_kms_wrapping_key(deposit),
        .before = (int64_t)time(NULL) - OLD};
    struct kh_error err = {0};

    if (destroy(app, &which, &err) != KH_OK)
        kh_log(KH_LOG_WARNING, "old AES keys of '%s' are still on the token: %s",
            deposit->name, err.message);
}
