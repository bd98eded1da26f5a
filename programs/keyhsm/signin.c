#include "programs/keyhsm/signin.h"

#include "core/backend.h"
#include "core/fileio.h"
#include "core/guise.h"
#include "core/secmem.h"
#include "core/secret.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 3 };

void kh_signin_free(struct kh_signin *signin)
{
    kh_buf_free(&signin->pin);
}

/* ---- module and token -------------------------------------------------------------- */

struct look {
    const char *check; /* the finding that is wanted */
    bool there;
    struct kh_error why; /* status KH_OK: detail; else what is wrong, with the remedy */
};

static void keep(void *arg, const struct kh_finding *finding)
{
    struct look *look = arg;

    if (strcmp(finding->check, look->check) != 0)
        return;
    look->there = true;
    if (finding->status == KH_OK)
        snprintf(look->why.message, sizeof look->why.message, "%s", finding->detail);
    else
        (void)kh_fail(&look->why, finding->status, "%s: %s", finding->detail,
            finding->remedy ? finding->remedy : "see above");
}

/* Looks at what the configuration as it would be comes to, for finding CHECK. */
static kh_status look_for(
    const struct kh_wizard *w, const char *check, struct look *look, struct kh_error *err)
{
    struct kh_setup trial = {0};
    kh_status st = kh_wizard_configure(w, NULL, &trial, err);

    *look = (struct look){.check = check};
    if (st == KH_OK) {
        const struct kh_backend_place place = {"pkcs11", trial.plugin_dir, trial.config};

        st = kh_backend_examine(&place, keep, look, err);
    }
    kh_setup_free(&trial);
    if (st == KH_OK && !look->there)
        (void)kh_fail(&look->why, KH_UNAVAILABLE, "%s: nothing was found", check);
    return st;
}

static kh_status choose_module(struct kh_wizard *w, struct kh_error *err)
{
    struct look look;
    kh_status st = KH_OK;

    for (unsigned i = 0; st == KH_OK && i < TRIES; i++) {
        st = kh_wizard_ask(w, KH_A_MODULE, "PKCS#11 module of the HSM", err);
        if (st == KH_OK)
            st = look_for(w, "PKCS#11 module", &look, err);
        if (st != KH_OK)
            return st;
        if (look.why.status == KH_OK) {
            printf("Module: %s\n", look.why.message);
            return KH_OK;
        }
        if (w->unattended || w->given[KH_A_MODULE])
            break;
        printf("%s\n", look.why.message);
    }
    return st == KH_OK ? kh_fail(err, look.why.status, "%s", look.why.message) : st;
}

/* A secret for a new token. Typed blind, so typed twice. */
static kh_status read_new(const struct kh_wizard *w, const char *source,
    const char *whose, struct kh_buf *out, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf again = {0};
    char prompt[128];
    kh_status st;

    source = source ? source : w->unattended ? NULL : "prompt";
    if (!source)
        return kh_fail(err, KH_INVALID,
            "a new token wants two PINs: give --pin-from and --so-pin-from");
    snprintf(prompt, sizeof prompt, "New PIN of %s: ", whose);
    st = kh_secret_read(source, prompt, out, err);
    if (st != KH_OK || strcmp(source, "prompt") != 0)
        return st;
    st = kh_secret_read(source, "The same PIN again: ", &again, err);
    if (st == KH_OK && !kh_buf_equal(out, &again))
        st = kh_fail(err, KH_INVALID, "the two PINs are not the same");
    return st;
}

/* The path of a source that is a file, else NULL. */
static const char *path_of(const char *source)
{
    return strncmp(source, "file:", 5) == 0 ? source + 5 : NULL;
}

/* The daemon's PIN file may be there already: then the token gets that one. */
static kh_status new_user_pin(
    const struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err)
{
    const char *source = w->answers[KH_A_PIN_SOURCE];
    const char *path = path_of(source);

    if (!w->pin_from && path && access(path, F_OK) == 0)
        return kh_secret_read(source, "", &signin->pin, err);
    return read_new(w, w->pin_from, "the user", &signin->pin, err);
}

static kh_status make_token(
    struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf officer = {0};
    struct kh_setup trial = {0};
    struct kh_creation creation = {.secret = &signin->pin, .admin_secret = &officer};
    kh_status st = KH_OK;

    if (!w->answers[KH_A_LABEL])
        st = kh_wizard_set(w, KH_A_LABEL, w->preset ? w->preset->label : "keyhsm", err);
    if (st == KH_OK)
        st = new_user_pin(w, signin, err);
    if (st == KH_OK)
        st = read_new(w, w->so_pin_from, "the security officer", &officer, err);
    if (st == KH_OK)
        st = kh_wizard_configure(w, NULL, &trial, err);
    if (st == KH_OK) {
        const struct kh_backend_place place = {"pkcs11", trial.plugin_dir, trial.config};

        creation.name = w->answers[KH_A_LABEL];
        st = kh_backend_create(&place, &creation, err);
    }
    kh_setup_free(&trial);
    if (st == KH_OK)
        printf("Made token '%s'\n", creation.name);
    signin->made = st == KH_OK;
    return st;
}

static kh_status must_be_there(
    struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err)
{
    struct look look;
    kh_status st = look_for(w, "token", &look, err);

    if (st != KH_OK)
        return st;
    if (look.why.status == KH_OK) {
        printf("Token: %s\n", look.why.message);
        return KH_OK;
    }
    if (look.why.status != KH_UNAVAILABLE || !w->preset || !w->preset->label)
        return kh_fail(err, look.why.status, "%s", look.why.message);
    if (!w->unattended && !w->init_token)
        printf("%s\n", look.why.message);
    if (!w->init_token && !kh_wizard_yes(w, "Make a new token?"))
        return kh_fail(err, KH_UNAVAILABLE, "%s; --init-token makes one of SoftHSM",
            look.why.message);
    return make_token(w, signin, err);
}

kh_status kh_signin_choose(
    struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err)
{
    struct look look;
    kh_status st = choose_module(w, err);

    if (st == KH_OK && !w->unattended && !w->given[KH_A_SERIAL] && !w->given[KH_A_SLOT]) {
        st = look_for(w, "token", &look, err);
        if (st == KH_OK && !w->given[KH_A_LABEL])
            printf("Token: %s\n", look.why.message);
        if (st == KH_OK)
            st = kh_wizard_ask(
                w, KH_A_LABEL, "Label of the token (empty: the only one)", err);
    }
    if (st == KH_OK)
        st = kh_wizard_ask(w, KH_A_PIN_SOURCE, "Where the daemon gets the PIN from", err);
    return st == KH_OK ? must_be_there(w, signin, err) : st;
}

/* ---- the PIN ------------------------------------------------------------------------
 */

/* Can the source be read by this program now? */
static bool in_place(const char *source)
{
    const char *path = path_of(source);

    if (strncmp(source, "credential:", 11) == 0)
        return getenv("CREDENTIALS_DIRECTORY") != NULL;
    return !path || access(path, F_OK) == 0;
}

kh_status kh_signin_pin(
    const struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err)
{
    const char *from = w->pin_from ? w->pin_from : w->unattended ? NULL : "prompt";
    const char *source = w->answers[KH_A_PIN_SOURCE];
    bool there = in_place(source);
    kh_status st = KH_OK;

    if (w->unattended && !w->pin_from && strcmp(source, "prompt") == 0)
        return kh_fail(err, KH_INVALID,
            "pin_source = prompt asks: give --pin-source, or --pin-from for this run");
    if (signin->pin.len == 0 && (w->pin_from || !there)) {
        if (!from)
            return kh_fail(err, KH_INVALID,
                "the PIN is not at %s yet: give --pin-from prompt, file:/PATH or fd:N",
                source);
        st = kh_secret_read(from, "PIN of the token: ", &signin->pin, err);
    }
    signin->pin_missing =
        signin->pin.len > 0 && path_of(source) && (w->pin_from || !there);
    return st;
}

/* ---- signing in -------------------------------------------------------------------- */

/* The PIN in a pipe: it is small enough to wait there. The end to read from, or -1. */
static int pin_pipe(const struct kh_buf *pin)
{
    int ends[2];
    ssize_t n;

    if (pipe(ends) != 0)
        return -1;
    n = write(ends[1], pin->data, pin->len);
    (void)close(ends[1]);
    if (n == (ssize_t)pin->len)
        return ends[0];
    (void)close(ends[0]);
    return -1;
}

/* What the attempt has made of a directory that was not there. */
static void take_away(const char *dir)
{
    DIR *all = opendir(dir);
    const struct dirent *entry;

    while (all && (entry = readdir(all)))
        (void)unlinkat(dirfd(all), entry->d_name, 0); /* . and .. stay by themselves */
    if (all)
        (void)closedir(all);
    (void)rmdir(dir);
}

static kh_status open_once(
    const struct kh_setup *trial, struct kh_info *info, struct kh_error *err)
{
    struct kh_backend *backend = NULL;
    kh_status st = kh_backend_open(
        &backend, "pkcs11", trial->plugin_dir, trial->config, KH_OPEN_TOOL, err);

    if (st == KH_OK)
        st = kh_backend_info(backend, info, err);
    kh_backend_close(backend);
    return st;
}

kh_status kh_signin_try(
    const struct kh_wizard *w, struct kh_signin *signin, struct kh_error *err)
{
    struct kh_setup trial = {0};
    char source[64];
    struct kh_guise guise;
    bool fresh = false;
    int fd = -1;
    const char *dir;
    kh_status st;

    if (signin->pin.len > 0) {
        fd = pin_pipe(&signin->pin);
        if (fd < 0)
            return kh_fail(err, KH_UNAVAILABLE, "no pipe: %s", strerror(errno));
        snprintf(source, sizeof source, "backend.pkcs11.pin_source=fd:%d", fd);
    }
    st = kh_wizard_configure(w, fd >= 0 ? source : NULL, &trial, err);
    if (st == KH_OK) {
        dir = kh_config_string(trial.config, "backend.pkcs11", "state_dir");
        fresh = access(dir, F_OK) != 0;
        kh_guise_of(&guise, dir);
        kh_guise_push(&guise);
        if (fresh)
            st = kh_dir_make(dir, 0700, err);
        kh_guise_pop();
        if (st == KH_OK)
            st = open_once(&trial, &signin->info, err);
        if (st != KH_OK && fresh)
            take_away(dir);
    }
    if (fd >= 0)
        (void)close(fd);
    kh_setup_free(&trial);
    return st;
}
