/* [auth] and [auth_to_local]: what authentication is made of, and made of again. */
#include "server/authn_impl.h"

#include "core/log.h"

#include <stdlib.h>
#include <string.h>

static const char section[] = "auth";

static kh_status misplaced(const struct kh_config *config, const char *key,
    const struct kh_error *why, struct kh_error *err)
{
    return kh_fail(err, why->status, "%s: [auth] %s: %s",
        kh_config_where(config, section, key), key, why->message);
}

struct kh_krb5 *kh_krb5_get(struct kh_authn *authn)
{
    struct kh_krb5 *krb5;

    pthread_mutex_lock(&authn->lock);
    krb5 = authn->krb5;
    if (krb5)
        atomic_fetch_add(&krb5->refs, 1);
    pthread_mutex_unlock(&authn->lock);
    return krb5;
}

void kh_krb5_put(struct kh_krb5 *krb5)
{
    if (!krb5 || atomic_fetch_sub(&krb5->refs, 1) > 1)
        return;
    kh_spnego_free(krb5->spnego);
    kh_local_free(krb5->local);
    free(krb5);
}

static kh_status find_realm(
    const struct kh_config *config, char out[256], struct kh_error *err)
{
    const char *realm = kh_config_string(config, section, "realm");
    struct kh_error why = {0};

    if (realm && strlen(realm) < 256) {
        snprintf(out, 256, "%s", realm);
        return KH_OK;
    }
    return kh_krb5_realm(out, &why) == KH_OK ? KH_OK
                                             : misplaced(config, "realm", &why, err);
}

static kh_status make_krb5(
    struct kh_krb5 **out, const struct kh_config *config, struct kh_error *err)
{
    struct kh_krb5 *krb5 = calloc(1, sizeof *krb5);
    struct kh_error why = {0};
    char realm[256];
    kh_status st;

    *out = NULL;
    if (!krb5)
        return kh_fail(err, KH_FATAL, "no memory for Kerberos");
    atomic_init(&krb5->refs, 1);
    st = find_realm(config, realm, err);
    if (st == KH_OK)
        st = kh_local_new(&krb5->local, config, realm, err);
    if (st == KH_OK && (st = kh_spnego_new(&krb5->spnego,
                            kh_config_string(config, section, "keytab"), &why)) != KH_OK)
        st = misplaced(config, "keytab", &why, err);
    if (st != KH_OK) {
        kh_krb5_put(krb5);
        return st;
    }
    *out = krb5;
    return KH_OK;
}

/* Rules that nobody uses are looked at all the same. */
static kh_status check_rules(const struct kh_config *config, struct kh_error *err)
{
    struct kh_local *local = NULL;
    kh_status st = kh_local_new(&local, config, "", err);

    kh_local_free(local);
    return st;
}

static kh_status make_cookies(
    struct kh_authn *authn, const struct kh_config *config, struct kh_error *err)
{
    const struct kh_cookie_options options = {
        .source = kh_config_string(config, section, "cookie_secret_source"),
        .domain = kh_config_string(config, section, "cookie_domain"),
        .path = kh_config_string(config, section, "cookie_path"),
        .validity_ms = 1000 * (uint64_t)kh_config_int(config, section, "cookie_validity"),
    };
    struct kh_error why = {0};

    if (authn->kind != KH_AUTHN_EITHER || options.validity_ms == 0)
        return KH_OK;
    if (kh_cookies_new(&authn->cookies, &options, &why) != KH_OK)
        return misplaced(config, "cookie_secret_source", &why, err);
    return KH_OK;
}

static kh_status set_principals(
    struct kh_authn *authn, const struct kh_config *config, struct kh_error *err)
{
    const char *text = kh_config_string(config, section, "principals");

    authn->principals = text ? strdup(text) : NULL;
    return authn->principals || !text ? KH_OK
                                      : kh_fail(err, KH_FATAL, "no memory for [auth]");
}

static kh_status fill(
    struct kh_authn *authn, const struct kh_config *config, struct kh_error *err)
{
    const char *user = kh_config_string(config, section, "certificate_user");
    kh_status st;

    authn->kerberos = kh_config_bool(config, section, "kerberos");
    authn->simple = kh_config_bool(config, section, "simple");
    authn->certificate_user = user && strcmp(user, "cn") == 0;
    if (authn->kerberos && authn->simple)
        return kh_fail(err, KH_INVALID,
            "%s: [auth] simple = yes makes kerberos = yes useless; switch one of them "
            "off",
            kh_config_where(config, section, "simple"));
    if (authn->simple)
        kh_log(KH_LOG_WARNING,
            "[auth] simple = yes: on Hadoop's routes a caller is whoever he says he is");
    st = set_principals(authn, config, err);
    if (st == KH_OK)
        st = authn->kerberos ? make_krb5(&authn->krb5, config, err)
                             : check_rules(config, err);
    if (st == KH_OK && (authn->kerberos || authn->simple))
        st = make_cookies(authn, config, err);
    return st;
}

kh_status kh_authn_new(struct kh_authn **out, kh_authn_kind kind,
    const struct kh_config *config, struct kh_error *err)
{
    struct kh_authn *authn = calloc(1, sizeof *authn);
    kh_status st;

    *out = NULL;
    if (!authn)
        return kh_fail(err, KH_FATAL, "no memory for [auth]");
    pthread_mutex_init(&authn->lock, NULL);
    authn->kind = kind;
    st = fill(authn, config, err);
    if (st != KH_OK) {
        kh_authn_free(authn);
        return st;
    }
    *out = authn;
    return KH_OK;
}

kh_status kh_authn_reload(
    struct kh_authn *authn, const struct kh_config *config, struct kh_error *err)
{
    struct kh_krb5 *krb5 = NULL;
    kh_status st = KH_OK;

    if (authn->kerberos)
        st = make_krb5(&krb5, config, err);
    if (st == KH_OK && authn->cookies)
        st = kh_cookies_rotate(authn->cookies, err);
    if (st != KH_OK) {
        kh_krb5_put(krb5);
        return st;
    }
    pthread_mutex_lock(&authn->lock);
    if (krb5) {
        struct kh_krb5 *old = authn->krb5;

        authn->krb5 = krb5;
        krb5 = old;
    }
    pthread_mutex_unlock(&authn->lock);
    kh_krb5_put(krb5);
    return KH_OK;
}

void kh_authn_free(struct kh_authn *authn)
{
    if (!authn)
        return;
    kh_krb5_put(authn->krb5);
    kh_cookies_free(authn->cookies);
    free(authn->principals);
    pthread_mutex_destroy(&authn->lock);
    free(authn);
}

bool kh_authn_listed(struct kh_authn *authn, const char *principal)
{
    size_t len = strlen(principal);

    for (const char *p = authn->principals; p && *p;) {
        size_t word;

        p += strspn(p, ", \t");
        word = strcspn(p, ", \t");
        if (word == len && memcmp(p, principal, len) == 0)
            return true;
        p += word;
    }
    return authn->principals == NULL;
}

kh_status kh_authn_short(struct kh_authn *authn, const char *principal,
    char out[sizeof((struct kh_principal *)0)->user], struct kh_error *err)
{
    struct kh_krb5 *krb5 = authn ? kh_krb5_get(authn) : NULL;
    kh_status st;

    out[0] = '\0';
    if (!krb5)
        return kh_fail(err, KH_REFUSED, "Kerberos is not configured ([auth] kerberos)");
    st = kh_local_map(krb5->local, principal, out, err);
    kh_krb5_put(krb5);
    return st;
}
