#include "tests/unit/migrate/lab.h"

#include "core/deposit.h"
#include "core/secmem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void need(kh_status st, const struct kh_error *err)
{
    if (st == KH_OK)
        return;
    fprintf(stderr, "lab: %s\n", err->message);
    abort();
}

static void hear(void *arg, const struct kh_migration_event *event)
{
    struct lab *lab = arg;
    struct lab_event *e;

    if (event->kind == KH_EVENT_PROGRESS) {
        lab->progress_count++;
        return;
    }
    if (lab->event_count == LAB_EVENTS)
        return;
    e = &lab->events[lab->event_count++];
    *e = (struct lab_event){
        .kind = event->kind, .phase = event->phase, .version = event->version};
    snprintf(e->code, sizeof e->code, "%s", event->code ? event->code : "");
    snprintf(e->name, sizeof e->name, "%s", event->name ? event->name : "");
    snprintf(e->message, sizeof e->message, "%s", event->message ? event->message : "");
}

static void set(struct lab *lab, const char *section, const char *key, const char *value)
{
    char *text = NULL;

    if (asprintf(&text, "%s.%s=%s", section, key, value) < 0)
        abort();
    need(kh_config_override(lab->config, text, &lab->err), &lab->err);
    free(text);
}

void lab_make(struct lab *lab)
{
    memset(lab, 0, sizeof *lab);
    lab->root = kh_test_dir();
    lab->source_dir = kh_test_path(lab->root, "source");
    lab->vault_dir = kh_test_path(lab->root, "vault");
    lab->state_dir = kh_test_path(lab->root, "state");
    lab->saved_dir = kh_test_path(lab->root, "saved");
    if (mkdir(lab->source_dir, 0700) != 0 || mkdir(lab->vault_dir, 0700) != 0)
        abort();
    need(kh_config_load(&lab->config, NULL, &lab->err), &lab->err);
    set(lab, "backend.placesource", "path", lab->source_dir);
    set(lab, "backend.placesource", "data_max", "1M");
    set(lab, "backend.placevault", "path", lab->vault_dir);
    need(kh_backend_claim(
             lab->config, TEST_PLACE_DIR, "placesource,placevault", &lab->err),
        &lab->err);
    need(kh_config_finish(lab->config, &lab->err), &lab->err);
    lab->options = (struct kh_migration_options){
        .state_dir = lab->state_dir, .jobs = 4, .event = hear, .arg = lab};
}

void lab_free(struct lab *lab)
{
    lab_close(lab);
    kh_config_free(lab->config);
    free(lab->source_dir);
    free(lab->vault_dir);
    free(lab->state_dir);
    free(lab->saved_dir);
}

static struct kh_backend *open_end(struct lab *lab, enum lab_end end, kh_open_mode mode)
{
    struct kh_backend *backend = NULL;

    need(kh_backend_open(&backend, end == LAB_SOURCE ? "placesource" : "placevault",
             TEST_PLACE_DIR, lab->config, mode, &lab->err),
        &lab->err);
    return backend;
}

void lab_open(struct lab *lab)
{
    if (!lab->source)
        lab->source = open_end(lab, LAB_SOURCE, KH_OPEN_MIGRATE);
    if (!lab->vault)
        lab->vault = open_end(lab, LAB_VAULT, KH_OPEN_MIGRATE);
    lab->options.source = lab->source;
    lab->options.destination = lab->vault;
}

void lab_close(struct lab *lab)
{
    kh_backend_close(lab->vault);
    kh_backend_close(lab->source);
    lab->source = NULL;
    lab->vault = NULL;
}

void lab_put_deposit(struct lab *lab, enum lab_end end, const struct kh_deposit *deposit)
{
    struct kh_backend *backend = open_end(lab, end, KH_OPEN_TOOL);

    need(kh_backend_put(backend, deposit, KH_PUT_VERSION, &lab->err), &lab->err);
    kh_backend_close(backend);
}

void lab_put(struct lab *lab, enum lab_end end, const char *name, uint32_t version,
    const char *data)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {.version = version, .created = 1700000000};

    snprintf(d.name, sizeof d.name, "%s", name);
    need(kh_buf_copy(&d.data, data, strlen(data), &lab->err), &lab->err);
    lab_put_deposit(lab, end, &d);
}

static void put_special(struct lab *lab, const char *name, uint32_t version,
    kh_state state, size_t size, unsigned attributes)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {
        .version = version, .state = state, .created = 1500000000 + version};
    char key[32];

    snprintf(d.name, sizeof d.name, "%s", name);
    need(kh_buf_alloc(&d.data, size, &lab->err), &lab->err);
    for (size_t i = 0; i < size; i++)
        d.data.data[i] = (unsigned char)(i * 31 + version);
    for (unsigned i = 0; i < attributes; i++) {
        snprintf(key, sizeof key, "attribute-%u", i);
        need(kh_attrs_set(&d.attrs, key, i ? "Gr\xc3\xbc\xc3\x9f" : "", &lab->err),
            &lab->err);
    }
    lab_put_deposit(lab, LAB_SOURCE, &d);
}

void lab_fill(struct lab *lab)
{
    lab_put(lab, LAB_SOURCE, "alpha", 0, "first");
    lab_put(lab, LAB_SOURCE, "alpha", 1, "second");
    lab_put(lab, LAB_SOURCE, "alpha", 2, "third");
    lab_put(lab, LAB_SOURCE, "beta", 0, "only");
    put_special(lab, "binary", 0, KH_ACTIVE, 512, 0);
    put_special(lab, "deleted", 0, KH_DELETED, 40, 1);
    put_special(lab, "deleted", 1, KH_DELETED, 41, 1);
    put_special(lab, "empty", 0, KH_ACTIVE, 0, 0);
    put_special(lab, "gaps", 3, KH_ACTIVE, 33, 0);
    put_special(lab, "gaps", 70, KH_ACTIVE, 34, 0);
    put_special(lab, "half", 0, KH_DELETED, 20, 0);
    put_special(lab, "half", 1, KH_ACTIVE, 20, 0);
    put_special(lab, "large", 0, KH_ACTIVE, KH_DATA_DEFAULT_MAX, 0);
    put_special(lab, "many-attributes", 0, KH_ACTIVE, 16, KH_ATTRS_MAX);
    put_special(lab, "one-attribute", 0, KH_ACTIVE, 16, 1);
    put_special(lab, "one-attribute", 1, KH_ACTIVE, 16, 2);
}

static const char *dir_of(const struct lab *lab, enum lab_end end)
{
    return end == LAB_SOURCE ? lab->source_dir : lab->vault_dir;
}

void lab_fault(struct lab *lab, enum lab_end end, const char *fault, bool on)
{
    char *path = kh_test_path(dir_of(lab, end), "fault.%s", fault);

    if (on)
        kh_test_write(path, "", 0, 0600);
    else
        (void)unlink(path);
    free(path);
}

void lab_spoil(struct lab *lab, enum lab_end end, const char *name, uint32_t version)
{
    char hex[2 * KH_NAME_MAX + 1] = "";
    char *path;

    for (size_t i = 0; name[i]; i++)
        snprintf(hex + 2 * i, 3, "%02x", (unsigned char)name[i]);
    path = kh_test_path(dir_of(lab, end), "v.%s.%08x", hex, version);
    if (access(path, F_OK) != 0)
        abort();
    kh_test_write(path, "torn", 4, 0600);
    free(path);
}

static kh_status go(struct lab *lab, bool run)
{
    struct kh_migration *m = NULL;
    kh_status st;

    lab->event_count = 0;
    lab->progress_count = 0;
    memset(&lab->result, 0, sizeof lab->result);
    lab_open(lab);
    st = kh_migrate_open(&m, &lab->options, &lab->err);
    if (st == KH_OK) {
        st = kh_migrate_plan(m, &lab->err);
        if (st == KH_OK && run)
            st = kh_migrate_run(m, &lab->err);
        lab->result = *kh_migrate_result(m);
    }
    kh_migrate_close(m);
    lab_close(lab);
    return st;
}

kh_status lab_run(struct lab *lab)
{
    return go(lab, true);
}

kh_status lab_plan(struct lab *lab)
{
    return go(lab, false);
}

void lab_save(struct lab *lab)
{
    if (kh_test_shell("cp -a '%s' '%s'", lab->source_dir, lab->saved_dir) != 0)
        abort();
}

static bool same_files(const char *a, const char *b)
{
    return kh_test_shell(
               "cd '%s' && A=$(ls | grep '^v\\.' | xargs -r sha256sum) && cd '%s' && "
               "B=$(ls | grep '^v\\.' | xargs -r sha256sum) && [ \"$A\" = \"$B\" ]",
               a, b) == 0;
}

bool lab_vault_equals_saved(struct lab *lab)
{
    return same_files(lab->saved_dir, lab->vault_dir);
}

bool lab_source_equals_saved(struct lab *lab)
{
    return same_files(lab->saved_dir, lab->source_dir);
}

unsigned lab_count(struct lab *lab, enum lab_end end)
{
    char *out = kh_test_path(lab->root, "count");
    unsigned count = 0;
    FILE *file;

    if (kh_test_shell("ls '%s' | grep -c '^v\\.' > '%s'; true", dir_of(lab, end), out) !=
        0)
        abort();
    file = fopen(out, "re");
    if (!file || fscanf(file, "%u", &count) != 1)
        abort();
    (void)fclose(file);
    free(out);
    return count;
}

bool lab_sealed(struct lab *lab)
{
    char *path = kh_test_path(lab->source_dir, "sealed");
    bool there = access(path, F_OK) == 0;

    free(path);
    return there;
}

const struct lab_event *lab_find(
    const struct lab *lab, const char *code, const char *name)
{
    for (unsigned i = 0; i < lab->event_count; i++) {
        const struct lab_event *e = &lab->events[i];

        if (strcmp(e->code, code) == 0 && (!name || strcmp(e->name, name) == 0))
            return e;
    }
    return NULL;
}

unsigned lab_findings(const struct lab *lab)
{
    unsigned n = 0;

    for (unsigned i = 0; i < lab->event_count; i++)
        n += lab->events[i].kind == KH_EVENT_FINDING;
    return n;
}
