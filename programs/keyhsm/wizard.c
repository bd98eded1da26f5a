#include "programs/keyhsm/wizard.h"

#include "programs/keyhsm/commands.h"
#include "programs/keyhsm/ownname.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 1100, TRIES = 3 };

/* FILE_BESIDE: a default that stands beside the configuration. */
static const struct row {
    struct kh_place place;
    const char *fallback;
    const char *file_beside;
} rows[KH_ANSWERS] = {
    [KH_A_LISTEN] = {{"server", "listen"}, NULL, NULL}, /* see default_listen */
    [KH_A_PORT] = {{"server", "port"}, "9090", NULL},
    [KH_A_MODULE] = {{"backend.pkcs11", "module"}, NULL, NULL},
    [KH_A_SOFTHSM2_CONF] = {{"backend.pkcs11", "softhsm2_conf"}, NULL, NULL},
    [KH_A_LABEL] = {{"backend.pkcs11", "token_label"}, NULL, NULL},
    [KH_A_SERIAL] = {{"backend.pkcs11", "token_serial"}, NULL, NULL},
    [KH_A_SLOT] = {{"backend.pkcs11", "slot"}, NULL, NULL},
    [KH_A_PIN_SOURCE] = {{"backend.pkcs11", "pin_source"}, NULL, "file:%s/pin"},
    [KH_A_STATE_DIR] = {{"backend.pkcs11", "state_dir"}, NULL, NULL},
    [KH_A_CERTIFICATE] = {{"tls", "certificate"}, NULL, "%s/tls/server.pem"},
    [KH_A_KEY] = {{"tls", "private_key"}, NULL, "%s/tls/server.key"},
    [KH_A_TRUST_DIR] = {{"tls", "trust_dir"}, NULL, "%s/trust"},
};

const char *kh_wizard_file(const struct kh_wizard *w)
{
    return w->args.config ? w->args.config : KH_KEYHSM_CONFIG;
}

struct kh_place kh_wizard_place(enum kh_answer a)
{
    return rows[a].place;
}

kh_status kh_wizard_set(
    struct kh_wizard *w, enum kh_answer a, const char *value, struct kh_error *err)
{
    char *copy = value && *value ? strdup(value) : NULL;

    if (value && *value && !copy)
        return kh_fail(err, KH_FATAL, "no memory");
    free(w->answers[a]);
    w->answers[a] = copy;
    return KH_OK;
}

/* ---- the configuration as it would be --------------------------------------------- */

static kh_status add_set(
    struct kh_setup_args *args, const char *text, struct kh_error *err)
{
    if (args->set_count == KH_SETUP_SETS_MAX)
        return kh_fail(err, KH_INVALID, "too many settings");
    args->sets[args->set_count++] = text;
    return KH_OK;
}

static kh_status configure(const struct kh_wizard *w, const struct kh_setup_args *args,
    struct kh_setup *out, struct kh_error *err)
{
    struct kh_setup_args without_file = *args;
    const struct kh_setup_wish wish = {.program = "keyhsm",
        .args = &without_file,
        .default_config = kh_wizard_file(w), /* read when it is there */
        .backends = "pkcs11",
        .sections = kh_tool_sections,
        .section_count = KH_DAEMON_SECTION_COUNT};

    without_file.config = NULL;
    return kh_setup_configure(out, &wish, err);
}

kh_status kh_wizard_configure(const struct kh_wizard *w, const char *more,
    struct kh_setup *out, struct kh_error *err)
{
    struct kh_setup_args args = w->args;
    char *texts[KH_ANSWERS] = {0};
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < KH_ANSWERS; i++) {
        if (!w->answers[i] && !w->dropped[i])
            continue;
        if (asprintf(&texts[i], "%s.%s=%s", rows[i].place.section, rows[i].place.key,
                w->answers[i] ? w->answers[i] : "") < 0) {
            texts[i] = NULL;
            st = kh_fail(err, KH_FATAL, "no memory");
        } else {
            st = add_set(&args, texts[i], err);
        }
    }
    if (st == KH_OK && more)
        st = add_set(&args, more, err);
    if (st == KH_OK)
        st = configure(w, &args, out, err);
    for (size_t i = 0; i < KH_ANSWERS; i++)
        free(texts[i]);
    return st;
}

/* ---- what is known before anything is asked -----------------------------------------
 */

static kh_status default_beside(
    struct kh_wizard *w, enum kh_answer a, struct kh_error *err)
{
    const char *file = kh_wizard_file(w);
    const char *slash = strrchr(file, '/');
    const char *format = rows[a].file_beside;
    const char *mark = strstr(format, "%s");
    char *text = NULL;
    kh_status st;

    if (asprintf(&text, "%.*s%.*s%s", (int)(mark - format), format,
            slash ? (int)(slash - file) : 0, file, mark + 2) < 0)
        return kh_fail(err, KH_FATAL, "no memory");
    st = kh_wizard_set(w, a, text, err);
    free(text);
    return st;
}

/* Does the file, or --set, say something of A? Its default does not count. */
static kh_status note(
    void *arg, const struct kh_config_value *value, struct kh_error *err)
{
    struct kh_wizard *w = arg;

    for (size_t i = 0; value->where && i < KH_ANSWERS; i++) {
        if (strcmp(rows[i].place.section, value->section) == 0 &&
            strcmp(rows[i].place.key, value->option->name) == 0)
            return kh_wizard_set(w, (enum kh_answer)i, value->value, err);
    }
    return KH_OK;
}

/* A label and a serial of the file would have to match beside what is asked for now. An
 * empty text takes them away; a number cannot be empty. */
static kh_status drop_other_choices(
    struct kh_wizard *w, const struct kh_config *there, struct kh_error *err)
{
    static const enum kh_answer choices[] = {KH_A_LABEL, KH_A_SERIAL, KH_A_SLOT};
    bool chosen = w->given[KH_A_LABEL] || w->given[KH_A_SERIAL] || w->given[KH_A_SLOT];
    kh_status st = KH_OK;

    for (size_t i = 0; chosen && st == KH_OK && i < 3; i++) {
        enum kh_answer a = choices[i];

        if (w->given[a] || !w->answers[a])
            continue;
        if (a == KH_A_SLOT)
            return kh_fail(err, KH_INVALID,
                "%s: slot chooses the token; take it out to choose another way",
                kh_config_where(there, rows[a].place.section, rows[a].place.key));
        w->dropped[a] = true;
        st = kh_wizard_set(w, a, NULL, err);
    }
    return st;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The daemon will not have the environment of this shell: without it another token, or
 * none, would be found. */
static kh_status keep_softhsm_conf(struct kh_wizard *w, struct kh_error *err)
{
    const char *conf = getenv("SOFTHSM2_CONF");

    if (w->answers[KH_A_SOFTHSM2_CONF] || strcmp(w->preset->name, "softhsm") != 0 ||
        !conf || *conf != '/')
        return KH_OK;
    return kh_wizard_set(w, KH_A_SOFTHSM2_CONF, conf, err);
}

/* The preset's module unless the file has the same one in another place; its options
 * unless the file sets them. */
static kh_status apply_preset(
    struct kh_wizard *w, const struct kh_config *there, struct kh_error *err)
{
    const struct kh_preset *preset = w->preset;
    const char *module = w->answers[KH_A_MODULE];
    kh_status st = KH_OK;

    if (!module || strcmp(file_name(module), file_name(preset->module)) != 0)
        st = kh_wizard_set(w, KH_A_MODULE, preset->module, err);
    for (size_t i = 0; st == KH_OK && i < KH_PRESET_EXTRAS && preset->extras[i][0]; i++) {
        const char *key = preset->extras[i][0];

        if (strcmp(kh_config_where(there, "backend.pkcs11", key),
                kh_config_where(there, "", NULL)) != 0)
            continue; /* it says where: it is set */
        free(w->extras[i]);
        if (asprintf(&w->extras[i], "backend.pkcs11.%s=%s", key, preset->extras[i][1]) <
            0) {
            w->extras[i] = NULL;
            return kh_fail(err, KH_FATAL, "no memory");
        }
        st = add_set(&w->args, w->extras[i], err);
    }
    return st;
}

kh_status kh_wizard_choose(struct kh_wizard *w, const char *name, struct kh_error *err)
{
    struct kh_setup there = {0};
    kh_status st;

    w->preset = kh_preset_find(name);
    if (!w->preset)
        return kh_fail(err, KH_INVALID, "no preset '%.64s'; there are %s%s", name,
            kh_preset_names(),
            strcmp(name, "thales") == 0 ? " (what was called thales is nshield)" : "");
    st = configure(w, &w->args, &there, err);
    if (st == KH_OK && !w->begun)
        st = kh_config_values(there.config, note, w, err);
    if (st == KH_OK)
        st = apply_preset(w, there.config, err);
    if (st == KH_OK)
        st = keep_softhsm_conf(w, err);
    kh_setup_free(&there);
    if (st == KH_OK && w->given[KH_A_MODULE])
        st = kh_wizard_set(w, KH_A_MODULE, w->given[KH_A_MODULE], err);
    return st;
}

/* A file that has a PIN already was in use, and listened on what is the daemon's default.
 */
static kh_status default_listen(struct kh_wizard *w, struct kh_error *err)
{
    char name[KH_OWN_NAME_SIZE] = "localhost";

    if (!w->answers[KH_A_PIN_SOURCE])
        kh_own_name(name);
    return kh_wizard_set(w, KH_A_LISTEN, name, err);
}

static kh_status fill(struct kh_wizard *w, enum kh_answer a, struct kh_error *err)
{
    if (w->given[a])
        return kh_wizard_set(w, a, w->given[a], err);
    if (!w->answers[a] && a == KH_A_LISTEN)
        return default_listen(w, err);
    if (!w->answers[a] && rows[a].fallback)
        return kh_wizard_set(w, a, rows[a].fallback, err);
    if (!w->answers[a] && rows[a].file_beside)
        return default_beside(w, a, err);
    return KH_OK;
}

kh_status kh_wizard_begin(struct kh_wizard *w, struct kh_error *err)
{
    struct kh_setup there = {0};
    kh_status st = KH_OK;

    w->begun = true;
    if (kh_wizard_file(w)[0] != '/')
        return kh_fail(err, KH_INVALID, "--config: give an absolute path");
    st = configure(w, &w->args, &there, err);
    if (st == KH_OK && !w->preset) /* else it was noted already */
        st = kh_config_values(there.config, note, w, err);
    if (st == KH_OK)
        st = drop_other_choices(w, there.config, err);
    if (st == KH_OK && !w->answers[KH_A_MODULE])
        st = kh_wizard_set(w, KH_A_MODULE,
            kh_config_string(there.config, "backend.pkcs11", "module"), err);
    kh_setup_free(&there);
    for (size_t i = 0; st == KH_OK && i < KH_ANSWERS; i++)
        st = fill(w, (enum kh_answer)i, err);
    if (st == KH_OK)
        st = kh_wizard_configure(w, NULL, &there, err);
    kh_setup_free(&there);
    return st;
}

/* ---- asking -------------------------------------------------------------------------
 */

bool kh_wizard_line(char *out, size_t size)
{
    size_t len;

    if (!fgets(out, (int)size, stdin))
        return false;
    len = strcspn(out, "\n");
    if (out[len] == '\n') {
        out[len] = '\0';
        return true;
    }
    for (int c = getchar(); c != '\n' && c != EOF;) /* the rest of a line too long */
        c = getchar();
    return len + 1 < size;
}

bool kh_wizard_yes(const struct kh_wizard *w, const char *question)
{
    char line[16];

    if (w->unattended)
        return false;
    printf("%s [y/N]: ", question);
    (void)fflush(stdout);
    return kh_wizard_line(line, sizeof line) &&
           (strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0);
}

kh_status kh_wizard_ask(
    struct kh_wizard *w, enum kh_answer a, const char *question, struct kh_error *err)
{
    char line[LINE];

    if (w->unattended || w->given[a])
        return KH_OK;
    for (unsigned i = 0; i < TRIES; i++) {
        struct kh_setup trial = {0};
        char *before = w->answers[a] ? strdup(w->answers[a]) : NULL;
        kh_status st;

        printf("%s [%s]: ", question, before ? before : "");
        (void)fflush(stdout);
        if (!kh_wizard_line(line, sizeof line)) {
            free(before);
            break;
        }
        st = kh_wizard_set(w, a, *line ? line : before, err);
        if (st == KH_OK)
            st = kh_wizard_configure(w, NULL, &trial, err);
        kh_setup_free(&trial);
        if (st == KH_OK || st == KH_FATAL) {
            free(before);
            return st;
        }
        printf("%s\n", err->message);
        st = kh_wizard_set(w, a, before, err);
        free(before);
        if (st != KH_OK)
            return st;
    }
    return kh_fail(err, KH_REFUSED, "not answered; nothing was changed");
}

void kh_wizard_free(struct kh_wizard *w)
{
    for (size_t i = 0; i < KH_ANSWERS; i++)
        free(w->answers[i]);
    for (size_t i = 0; i < KH_PRESET_EXTRAS; i++)
        free(w->extras[i]);
    memset(w->answers, 0, sizeof w->answers);
    memset(w->extras, 0, sizeof w->extras);
}
