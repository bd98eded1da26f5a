#include "tests/faults/migrate/real_lab.h"

#include "core/deposit.h"
#include "core/secmem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void need(kh_status st, const struct kh_error *err)
{
    if (st == KH_OK)
        return;
    fprintf(stderr, "real lab: %s\n", err->message);
    abort();
}

static KH_PRINTF(2, 3) void set(struct real_lab *lab, const char *format, ...)
{
    char *text = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&text, format, args) < 0)
        abort();
    va_end(args);
    need(kh_config_override(lab->config, text, &lab->err), &lab->err);
    free(text);
}

/* Version V of deposit I, the same each time it is asked for. False: there is none. */
static bool wanted(unsigned i, uint32_t v, struct kh_deposit *d)
{
    static const size_t sizes[] = {16, 24, 32, 0, 1, 1704, 4096, 300};
    struct kh_error err = {0};
    char value[64];

    if (v > i % 3)
        return false;
    *d = (struct kh_deposit){.version = v,
        .state = (i + v) % 5 == 4 ? KH_DELETED : KH_ACTIVE,
        .created = 1600000000 + 1000 * (int64_t)i + v};
    snprintf(d->name, sizeof d->name, "deposit-%03u", i);
    need(kh_buf_alloc(&d->data, sizes[(i + v) % 8], &err), &err);
    for (size_t n = 0; n < d->data.len; n++)
        d->data.data[n] = (unsigned char)(n * 7 + i * 13 + v);
    for (unsigned a = 0; a < i % 4; a++) {
        snprintf(value, sizeof value, "value %u of %u", a, i);
        need(kh_attrs_set(&d->attrs, &"a\0b\0c"[2 * a], value, &err), &err);
    }
    return true;
}

static void fill(struct real_lab *lab, unsigned deposits)
{
    struct kh_backend *source = NULL;

    need(kh_backend_open(
             &source, "softfile", TEST_PLUGIN_DIR, lab->config, KH_OPEN_TOOL, &lab->err),
        &lab->err);
    for (unsigned i = 0; i < deposits; i++) {
        for (uint32_t v = 0; v < 3; v++) {
            KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};

            if (!wanted(i, v, &d))
                break;
            need(kh_backend_put(source, &d, KH_PUT_VERSION, &lab->err), &lab->err);
            lab->versions++;
        }
    }
    kh_backend_close(source);
}

/* One scratch directory a process, a place in it for each lab: a campaign makes hundreds.
 */
static char *new_root(void)
{
    static const char *base;
    static unsigned number;
    char *root;

    if (!base)
        base = kh_test_dir();
    root = kh_test_path(base, "lab-%u", ++number);
    if (mkdir(root, 0700) != 0)
        abort();
    return root;
}

void real_make(struct real_lab *lab, const char *scope, unsigned deposits)
{
    memset(lab, 0, sizeof *lab);
    lab->root = new_root();
    lab->store = kh_test_path(lab->root, "store");
    lab->state = kh_test_path(lab->root, "catalog");
    lab->migrations = kh_test_path(lab->root, "migrations");
    kh_test_token_make(&lab->token, lab->root);
    if (kh_test_shell("mkdir -m 700 '%s'", lab->state) != 0)
        abort();
    need(kh_config_load(&lab->config, NULL, &lab->err), &lab->err);
    set(lab, "backend.softfile.directory=%s", lab->store);
    set(lab, "backend.softfile.create=yes");
    set(lab, "backend.pkcs11.module=%s", SOFTHSM2_MODULE);
    set(lab, "backend.pkcs11.softhsm2_conf=%s", lab->token.conf);
    set(lab, "backend.pkcs11.token_label=%s", lab->token.label);
    set(lab, "backend.pkcs11.pin_source=file:%s", lab->token.pin_file);
    set(lab, "backend.pkcs11.state_dir=%s", lab->state);
    set(lab, "backend.pkcs11.key_scope=%s", scope);
    set(lab, "backend.pkcs11.epoch_deposits=7");
    need(kh_backend_claim(lab->config, TEST_PLUGIN_DIR, "softfile,pkcs11", &lab->err),
        &lab->err);
    need(kh_config_finish(lab->config, &lab->err), &lab->err);
    fill(lab, deposits);
    lab->options = (struct kh_migration_options){
        .jobs = 4, .state_dir = lab->migrations, .arg = lab};
}

void real_free(struct real_lab *lab)
{
    kh_config_free(lab->config);
    free(lab->store);
    free(lab->state);
    free(lab->migrations);
    (void)kh_test_shell(
        "chattr -R -i '%s' 2>/dev/null; rm -rf '%s'", lab->root, lab->root);
    free(lab->root);
}

pid_t real_start(struct real_lab *lab, int (*fn)(struct real_lab *lab))
{
    pid_t child;

    setenv("SOFTHSM2_CONF", lab->token.conf, 1);
    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        int status = fn(lab);

        (void)fflush(NULL);
        _exit(status);
    }
    if (child < 0)
        abort();
    return child;
}

int real_child(struct real_lab *lab, int (*fn)(struct real_lab *lab))
{
    int status = 0;
    pid_t child = real_start(lab, fn);

    if (waitpid(child, &status, 0) != child)
        abort();
    return status;
}

/* ---- in a child
 * ------------------------------------------------------------------------ */

static int told(struct real_lab *lab, int status)
{
    fprintf(stderr, "    %s\n", lab->err.message);
    return status;
}

static int migrate_open_ends(struct real_lab *lab)
{
    struct kh_migration *m = NULL;
    kh_status st = kh_migrate_open(&m, &lab->options, &lab->err);

    if (st == KH_OK)
        st = kh_migrate_plan(m, &lab->err);
    if (st == KH_OK)
        st = kh_migrate_run(m, &lab->err);
    if (m)
        lab->result = *kh_migrate_result(m);
    kh_migrate_close(m);
    if (st != KH_OK && lab->result.outcome != KH_MIGRATION_INTERRUPTED)
        return told(lab, lab->result.outcome);
    return lab->result.outcome;
}

int real_migrate(struct real_lab *lab)
{
    struct kh_backend *source = NULL;
    struct kh_backend *token = NULL;
    bool sealed = false;
    int status;

    if (kh_backend_open(&source, "softfile", TEST_PLUGIN_DIR, lab->config,
            KH_OPEN_MIGRATE, &lab->err) != KH_OK)
        return told(lab, 90);
    lab->options.source = source;
    if (kh_migrate_sealed(&lab->options, &sealed, &lab->result, &lab->err) != KH_OK)
        return told(lab, 91);
    if (sealed) {
        kh_backend_close(source);
        return 0;
    }
    if (kh_backend_open(&token, "pkcs11", TEST_PLUGIN_DIR, lab->config, KH_OPEN_MIGRATE,
            &lab->err) != KH_OK)
        return told(lab, 92);
    lab->options.destination = token;
    status = migrate_open_ends(lab);
    kh_backend_close(token);
    kh_backend_close(source);
    return status;
}

static unsigned count(struct real_lab *lab, struct kh_backend *backend)
{
    struct kh_cursor cursor = {0};
    struct kh_item items[32];
    unsigned total = 0;
    size_t n = 0;

    for (;;) {
        need(kh_backend_list(backend, &cursor, items, 32, &n, &lab->err), &lab->err);
        if (n == 0)
            return total;
        total += (unsigned)n;
        cursor.started = true;
        cursor.version = items[n - 1].version;
        memcpy(cursor.name, items[n - 1].name, sizeof cursor.name);
    }
}

static bool equal_version(
    struct real_lab *lab, struct kh_backend *backend, const struct kh_deposit *want)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit have = {0};

    if (kh_backend_get(backend, want->name, want->version, true, &have, &lab->err) !=
        KH_OK)
        return told(lab, 0);
    if (!kh_deposit_equal(want, &have)) {
        kh_fail(
            &lab->err, KH_CORRUPT, "%s version %u differs", want->name, want->version);
        return told(lab, 0);
    }
    return true;
}

static bool holds_all(struct real_lab *lab, struct kh_backend *backend)
{
    unsigned found = 0;

    for (unsigned i = 0; found < lab->versions; i++) {
        for (uint32_t v = 0; v < 3; v++) {
            KH_CLEANUP_DEPOSIT struct kh_deposit want = {0};

            if (!wanted(i, v, &want))
                break;
            if (!equal_version(lab, backend, &want))
                return false;
            found++;
        }
    }
    if (count(lab, backend) == lab->versions)
        return true;
    fprintf(stderr, "    more versions are listed than were put\n");
    return false;
}

int real_compare(struct real_lab *lab)
{
    struct kh_backend *token = NULL;
    bool fine;

    if (kh_backend_open(&token, "pkcs11", TEST_PLUGIN_DIR, lab->config, KH_OPEN_TOOL,
            &lab->err) != KH_OK)
        return told(lab, 93);
    fine = holds_all(lab, token);
    kh_backend_close(token);
    return fine ? 0 : 1;
}

/* ---- in the test
 * ----------------------------------------------------------------------- */

bool real_no_orphans(struct real_lab *lab)
{
    bool epoch = strcmp(kh_config_string(lab->config, "backend.pkcs11", "key_scope"),
                     "epoch") == 0;

    return kh_test_shell(
               "export SOFTHSM2_CONF='%s'; pkcs11-tool --module '%s' --token-label %s "
               "--login --pin %s -O > '%s/objects' 2>/dev/null; "
               "K=$(grep -c '^Private Key Object' '%s/objects'); "
               "P=$(grep -cE '^(Public Key|Certificate|Secret Key|Data) [Oo]bject' "
               "'%s/objects'); "
               "[ $P = 0 ] && [ $K -ge 2 ] && [ $K %s %u ] || "
               "{ echo \"    $K private keys, $P other objects\" >&2; exit 1; }",
               lab->token.conf, SOFTHSM2_MODULE, lab->token.label, lab->token.pin,
               lab->root, lab->root, lab->root, epoch ? "-le" : "=",
               lab->versions + 1) == 0;
}

bool real_sealed(const struct real_lab *lab)
{
    char *path = kh_test_path(lab->store, "seal.json");
    bool there = access(path, F_OK) == 0;

    free(path);
    return there;
}

bool real_source_intact(struct real_lab *lab)
{
    struct kh_backend *source = NULL;
    bool fine;

    if (kh_backend_open(&source, "softfile", TEST_PLUGIN_DIR, lab->config, KH_OPEN_TOOL,
            &lab->err) != KH_OK)
        return told(lab, 0);
    fine = holds_all(lab, source);
    kh_backend_close(source);
    return fine;
}

bool real_finish(struct real_lab *lab)
{
    int status = real_child(lab, real_migrate);

    if (status != 0) {
        fprintf(
            stderr, "    the last run ended with wait status %#x\n", (unsigned)status);
        return false;
    }
    return real_sealed(lab) && real_child(lab, real_compare) == 0 && real_no_orphans(lab);
}
