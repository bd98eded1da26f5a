/* keyhsm validate: the backend. At most one login, and none where it would be wrong. */
#include "core/backend.h"
#include "core/loader.h"
#include "programs/keyhsm/checks.h"
#include "server/hello.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ALMOST_FULL_PERCENT = 90 };

static const char login_check[] = "login";
static const char profile_check[] = "key profile";
static const char catalog_check[] = "catalog";
static const char sample_check[] = "sample";

/* ---- while nobody else has it --------------------------------------------------- */

static void check_sample(struct kh_validation *v, struct kh_backend *backend)
{
    struct kh_hello *hello = kh_hello_new(backend);
    char name[KH_NAME_MAX + 1] = "";
    struct kh_error why = {0};
    kh_status st = hello ? kh_hello_run(hello, (int64_t)time(NULL), name, &why)
                         : kh_fail(&why, KH_FATAL, "no memory");

    kh_hello_free(hello);
    if (st == KH_OK)
        kh_check_ok(
            v->list, sample_check, "%s was stored, read back, compared and purged", name);
    else
        kh_check_failed(v->list, sample_check, &why, NULL);
}

static void check_room(struct kh_validation *v, const struct kh_info *info)
{
    if (info->max_keys == 0 || info->keys * 100 < info->max_keys * ALMOST_FULL_PERCENT)
        return;
    kh_check_warning(v->list, profile_check, "almost as many keys as max_keys allows",
        "raise max_keys if the device has room, or use key_scope = epoch");
}

static void check_open(struct kh_validation *v, struct kh_backend *backend)
{
    struct kh_info info = {0};
    struct kh_error why = {0};
    kh_status st = kh_backend_info(backend, &info, &why);

    if (st == KH_OK)
        st = kh_backend_probe(backend, &why);
    if (st != KH_OK) {
        kh_check_failed(v->list, login_check, &why, NULL);
        return;
    }
    kh_check_ok(v->list, login_check, "%s", info.place);
    if (*info.profile)
        kh_check_ok(v->list, profile_check, "%s, tried on the device", info.profile);
    check_room(v, &info);
    if (kh_backend_check(backend, &why) == KH_OK)
        kh_check_ok(v->list, catalog_check, "%llu versions, %llu keys",
            (unsigned long long)info.versions, (unsigned long long)info.keys);
    else
        kh_check_failed(v->list, catalog_check, &why,
            "keep the file as it is, restore the newest backup: see docs/recovery.md");
    check_sample(v, backend);
}

/* ---- while a daemon has it ------------------------------------------------------- */

static void ask(struct kh_validation *v, const char *check, const char *path)
{
    struct kh_peer_answer answer;
    struct kh_error why = {0};
    kh_status st = kh_peer_get(&v->peer, v->credentials, path, &answer, &why);

    if (st == KH_OK && answer.status == 429) {
        kh_check_skipped(v->list, check, "keyhsmd is asked too often: %s", answer.body);
        return;
    }
    if (st == KH_OK && answer.status != 200)
        st = kh_fail(
            &why, KH_UNAVAILABLE, "keyhsmd answers %u: %s", answer.status, answer.body);
    if (st == KH_OK)
        kh_check_ok(v->list, check, "asked keyhsmd: %s", answer.body);
    else
        kh_check_failed(v->list, check, &why, "see the log of keyhsmd");
}

static void check_daemon(struct kh_validation *v, const struct kh_error *busy)
{
    if (SSL_CTX_get0_privatekey(v->credentials) &&
        kh_peer_believes(&v->settings.tls, v->credentials)) {
        ask(v, login_check, "/readyz");
        ask(v, sample_check, "/test_hsm");
    } else {
        kh_check_skipped(v->list, login_check,
            "%s; keyhsmd holds it. It can be asked once its own certificate is trusted: "
            "keyhsm trust %s",
            busy->message, v->settings.tls.certificate);
        kh_check_skipped(v->list, sample_check, "keyhsmd holds the store");
    }
    kh_check_skipped(
        v->list, catalog_check, "keyhsmd holds it; stop it to have it checked");
}

/* ---- the order ------------------------------------------------------------------- */

static void skip(struct kh_validation *v, const char *why)
{
    static const char *const checks[] = {login_check, catalog_check, sample_check};

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        kh_check_skipped(v->list, checks[i], "%s", why);
}

/* A secret that only systemd can give. */
static bool credential_missing(
    const struct kh_validation *v, const struct kh_plugin *plugin)
{
    char section[64];
    bool missing = false;

    snprintf(section, sizeof section, "backend.%.48s", v->backend);
    for (size_t i = 0; i < plugin->option_count; i++) {
        const struct kh_option *option = &plugin->options[i];
        const char *value = kh_config_string(v->setup.config, section, option->name);

        missing = missing || (option->flags & KH_OPT_SECRET && value &&
                                 strncmp(value, "credential:", 11) == 0);
    }
    return missing && !getenv("CREDENTIALS_DIRECTORY");
}

static void open_and_check(struct kh_validation *v)
{
    struct kh_backend *backend = NULL;
    struct kh_error why = {0};
    kh_status st = kh_backend_open(
        &backend, v->backend, v->setup.plugin_dir, v->setup.config, KH_OPEN_TOOL, &why);

    if (st == KH_OK) {
        check_open(v, backend);
        kh_backend_close(backend);
    } else if (st == KH_BUSY && v->peer.kind == KH_PEER_DAEMON) {
        check_daemon(v, &why);
    } else {
        kh_check_failed(v->list, login_check, &why,
            st == KH_BUSY      ? "wait for that process, or stop it"
            : st == KH_REFUSED ? "put the cause right before the next try: wrong PINs "
                                 "lock a token"
                               : NULL);
    }
}

void kh_check_store(struct kh_validation *v)
{
    const struct kh_backend_place place = {
        v->backend, v->setup.plugin_dir, v->setup.config};
    unsigned before = kh_checklist_failures(v->list);
    const struct kh_plugin *plugin;
    struct kh_error why = {0};

    if (kh_loader_load(place.plugin_dir, place.name, &plugin, &why) != KH_OK) {
        kh_check_failed(v->list, "plugin", &why, NULL);
        return;
    }
    kh_check_ok(v->list, "plugin", "%s %s: %s", plugin->name, plugin->version,
        plugin->description);
    if (kh_backend_examine(&place, kh_check_finding, v->list, &why) != KH_OK)
        kh_check_failed(v->list, "plugin", &why, NULL);
    if (kh_checklist_failures(v->list) > before)
        skip(v, "not tried: what it needs is not right, see above");
    else if (credential_missing(v, plugin) && v->peer.kind != KH_PEER_DAEMON)
        skip(v, "the PIN is a credential of the unit keyhsmd.service; to try it here "
                "give its file: --set backend.pkcs11.pin_source=file:/etc/keyhsm/pin");
    else
        open_and_check(v);
}
