#include "programs/keyhsm/apply.h"

#include "core/fileio.h"
#include "core/guise.h"
#include "programs/common/ini_edit.h"
#include "programs/common/selfsigned.h"
#include "programs/keyhsm/clientcert.h"
#include "programs/keyhsm/pins.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DAYS = 3650, HOST_SIZE = 256, CHANGES_MAX = KH_ANSWERS + KH_SETUP_SETS_MAX };

static bool is_path(const char *text)
{
    return text[0] == '/';
}

/* ---- before --------------------------------------------------------------------------
 */

kh_status kh_apply_check(const struct kh_wizard *w, struct kh_error *err)
{
    const char *certificate = w->answers[KH_A_CERTIFICATE];
    const char *key = w->answers[KH_A_KEY];
    bool have_certificate = access(certificate, F_OK) == 0;
    bool have_key = !is_path(key) || access(key, F_OK) == 0;
    X509 *trusted = NULL;
    unsigned more;
    kh_status st = KH_OK;

    if (have_certificate != have_key)
        return kh_fail(err, KH_INVALID,
            "%s is there and %s is not: put it back, or move the other away, too",
            have_certificate ? certificate : key, have_certificate ? key : certificate);
    if (w->trust)
        st = kh_client_certificate(&trusted, w->trust, &more, err);
    X509_free(trusted);
    return st;
}

/* ---- whose it is ----------------------------------------------------------------------
 */

/* The daemon runs as the owner of its state directory, and has to read PATH: alone, or as
 * one of its group. */
static kh_status let_the_daemon_read(
    const struct kh_wizard *w, const char *path, bool alone, struct kh_error *err)
{
    struct kh_setup setup = {0};
    struct kh_guise daemon;
    kh_status st = kh_wizard_configure(w, NULL, &setup, err);

    if (st != KH_OK)
        return st;
    kh_guise_of(&daemon, kh_config_string(setup.config, "backend.pkcs11", "state_dir"));
    kh_setup_free(&setup);
    if (daemon.uid != 0 && lchown(path, alone ? daemon.uid : 0, daemon.gid) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: cannot be given to user %u: %s", path,
            (unsigned)daemon.uid, strerror(errno));
    return KH_OK;
}

/* ---- the configuration ----------------------------------------------------------------
 */

struct changes {
    struct kh_ini_change list[CHANGES_MAX];
    char *sections[KH_SETUP_SETS_MAX]; /* of --set, each with its key after a NUL */
    size_t count;
    size_t section_count;
    bool differ; /* from what is in effect */
};

static void free_changes(struct changes *changes)
{
    for (size_t i = 0; i < changes->section_count; i++)
        free(changes->sections[i]);
}

static bool in_file(const struct kh_config *there, const char *section, const char *key)
{
    return strcmp(kh_config_where(there, section, key),
               kh_config_where(there, "", NULL)) != 0;
}

/* What is the default anyway is not written, unless the file has something else; but the
 * module is, for the operator to see. */
static void add(struct changes *changes, const struct kh_config *there,
    const struct kh_ini_change *change, bool always)
{
    const char *now = kh_config_string(there, change->section, change->key);
    bool same = now && change->value && strcmp(now, change->value) == 0;
    bool set = in_file(there, change->section, change->key);

    if (change->value ? same && !(always && !set) : !set)
        return;
    changes->list[changes->count++] = *change;
    changes->differ = true;
}

/* "SECTION.KEY=VALUE"; kh_config_override has accepted it. */
static kh_status add_set(struct changes *changes, const struct kh_config *there,
    const char *text, struct kh_error *err)
{
    const char *equals = strchr(text, '=');
    char *section = strndup(text, (size_t)(equals - text));
    char *dot = section ? strrchr(section, '.') : NULL;
    struct kh_ini_change change = {.value = equals + 1};

    if (!dot) {
        free(section);
        return kh_fail(err, KH_FATAL, "no memory");
    }
    *dot = '\0';
    changes->sections[changes->section_count++] = section;
    change.section = section;
    change.key = dot + 1;
    add(changes, there, &change, true);
    return KH_OK;
}

/* THERE: the file alone, without what was said on the command line. */
static kh_status collect(const struct kh_wizard *w, const struct kh_config *there,
    struct changes *changes, struct kh_error *err)
{
    kh_status st = KH_OK;

    for (size_t i = 0; i < KH_ANSWERS; i++) {
        struct kh_place place = kh_wizard_place((enum kh_answer)i);
        const struct kh_ini_change change = {place.section, place.key, w->answers[i]};

        if (w->answers[i] || w->dropped[i])
            add(changes, there, &change, i == KH_A_MODULE);
    }
    for (unsigned i = 0; st == KH_OK && i < w->args.set_count; i++)
        st = add_set(changes, there, w->args.sets[i], err);
    return st;
}

static kh_status work_out(
    const struct kh_wizard *w, struct changes *changes, struct kh_error *err)
{
    struct kh_wizard bare = {
        .args = {.config = w->args.config, .plugin_dir = w->args.plugin_dir}};
    struct kh_setup there = {0};
    kh_status st = kh_wizard_configure(&bare, NULL, &there, err);

    if (st == KH_OK)
        st = collect(w, there.config, changes, err);
    kh_setup_free(&there);
    return st;
}

kh_status kh_apply_pending(const struct kh_wizard *w, bool *pending, struct kh_error *err)
{
    struct changes changes = {.count = 0};
    kh_status st = work_out(w, &changes, err);

    *pending = changes.differ;
    free_changes(&changes);
    return st;
}

static kh_status write_configuration(const struct kh_wizard *w, struct kh_error *err)
{
    struct changes changes = {.count = 0};
    char kept[PATH_MAX] = "";
    const char *file = kh_wizard_file(w);
    bool there = access(file, F_OK) == 0;
    kh_status st = work_out(w, &changes, err);

    if (st == KH_OK && changes.differ)
        st = kh_parent_make(file, 0755, err);
    if (st == KH_OK && changes.differ)
        st = kh_ini_edit(file, changes.list, changes.count, kept, sizeof kept, err);
    if (st == KH_OK && changes.differ && !there)
        st = let_the_daemon_read(w, file, false, err);
    if (st == KH_OK && changes.differ)
        printf("Wrote %s%s%s\n", file, *kept ? "; the one before is " : "", kept);
    else if (st == KH_OK)
        printf("%s stays as it is\n", file);
    free_changes(&changes);
    return st;
}

/* ---- the rest ------------------------------------------------------------------------
 */

static kh_status write_pin(
    const struct kh_wizard *w, const struct kh_signin *signin, struct kh_error *err)
{
    const char *path = w->answers[KH_A_PIN_SOURCE] + strlen("file:");
    kh_status st = kh_parent_make(path, 0755, err);

    if (st == KH_OK)
        st = kh_file_write(path, signin->pin.data, signin->pin.len, 0600, false, err);
    if (st == KH_OK)
        st = let_the_daemon_read(w, path, true, err);
    if (st == KH_OK)
        printf("Wrote the PIN to %s, mode 0600\n", path);
    return st;
}

static kh_status make_certificate(const struct kh_wizard *w, struct kh_error *err)
{
    char host[HOST_SIZE];
    const struct kh_selfsigned wish = {.certificate = w->answers[KH_A_CERTIFICATE],
        .key = w->answers[KH_A_KEY],
        .host = w->host ? w->host : host,
        .days = DAYS};
    kh_status st;

    if (access(wish.certificate, F_OK) == 0)
        return KH_OK;
    kh_selfsigned_host(host, sizeof host);
    st = kh_parent_make(wish.certificate, 0755, err);
    if (st == KH_OK)
        st = kh_parent_make(wish.key, 0755, err);
    if (st == KH_OK)
        st = kh_selfsigned_make(&wish, err);
    if (st == KH_OK)
        st = let_the_daemon_read(w, wish.key, true, err);
    if (st == KH_OK)
        printf("Made %s for %s, valid for %d days\n", wish.certificate, wish.host, DAYS);
    return st;
}

static kh_status pin_client(const struct kh_wizard *w, struct kh_error *err)
{
    X509 *certificate = NULL;
    bool fresh = false;
    unsigned more;
    kh_status st = kh_client_certificate(&certificate, w->trust, &more, err);

    if (st == KH_OK)
        st = kh_pin_add(w->answers[KH_A_TRUST_DIR], certificate, &fresh, err);
    X509_free(certificate);
    if (st == KH_OK)
        printf("%s %s\n", fresh ? "Trusted" : "Trusted already:", w->trust);
    return st;
}

kh_status kh_apply(
    const struct kh_wizard *w, const struct kh_signin *signin, struct kh_error *err)
{
    const char *trust_dir = w->answers[KH_A_TRUST_DIR];
    kh_status st = KH_OK;

    if (signin->pin_missing)
        st = write_pin(w, signin, err);
    if (st == KH_OK)
        st = make_certificate(w, err);
    if (st == KH_OK && access(trust_dir, F_OK) != 0) {
        st = kh_dir_make(trust_dir, 0755, err);
        if (st == KH_OK)
            printf("Made %s, where keyhsm trust puts certificates\n", trust_dir);
    }
    if (st == KH_OK && w->trust)
        st = pin_client(w, err);
    if (st == KH_OK)
        st = write_configuration(w, err);
    return st;
}
