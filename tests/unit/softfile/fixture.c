#include "tests/unit/softfile/fixture.h"

#include <stdlib.h>
#include <sys/stat.h>

enum { CONFIGS_MAX = 512, PAGE = 16 };

/* A backend's configuration outlives it; a test program is short. */
static struct kh_config *configs[CONFIGS_MAX];
static size_t config_count;

static void free_configs(void)
{
    while (config_count > 0)
        kh_config_free(configs[--config_count]);
}

static kh_status set(struct kh_config *config, const char *setting, struct kh_error *err)
{
    char text[2048];

    snprintf(text, sizeof text, "backend.softfile.%s", setting);
    return kh_config_override(config, text, err);
}

static kh_status configure(struct kh_config **out, const char *dir,
    const char *const *settings, struct kh_error *err)
{
    char directory[1024];
    kh_status st = kh_config_load(out, NULL, err);

    snprintf(directory, sizeof directory, "directory=%s", dir);
    if (st == KH_OK)
        st = set(*out, directory, err);
    for (size_t i = 0; st == KH_OK && settings && settings[i]; i++)
        st = set(*out, settings[i], err);
    if (st == KH_OK)
        st = kh_backend_claim(*out, TEST_PLUGIN_DIR, "softfile", err);
    return st == KH_OK ? kh_config_finish(*out, err) : st;
}

kh_status soft_open(struct kh_backend **out, const char *dir, kh_open_mode mode,
    const char *const *settings, struct kh_error *err)
{
    struct kh_config *config = NULL;
    kh_status st;

    if (config_count == CONFIGS_MAX)
        abort();
    if (config_count == 0)
        (void)atexit(free_configs);
    *out = NULL;
    st = configure(&config, dir, settings, err);
    configs[config_count++] = config;
    return st == KH_OK
               ? kh_backend_open(out, "softfile", TEST_PLUGIN_DIR, config, mode, err)
               : st;
}

char *soft_new_place(void)
{
    return kh_test_path(kh_test_dir(), "store");
}

static struct kh_backend *open_or_die(
    const char *dir, kh_open_mode mode, const char *const *settings)
{
    struct kh_backend *b = NULL;
    struct kh_error err = {0};

    if (soft_open(&b, dir, mode, settings, &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        abort();
    }
    return b;
}

struct kh_backend *soft_make(const char *dir, kh_open_mode mode)
{
    static const char *const settings[] = {"create=yes", NULL};

    return open_or_die(dir, mode, settings);
}

struct kh_backend *soft_reopen(const char *dir, kh_open_mode mode)
{
    return open_or_die(dir, mode, NULL);
}

kh_status soft_put(struct kh_backend *b, const char *name, uint32_t version,
    const char *text, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {.version = version, .created = 1464937648};
    kh_status st = kh_buf_copy(&d.data, text, strlen(text), err);

    snprintf(d.name, sizeof d.name, "%s", name);
    return st == KH_OK ? kh_backend_put(b, &d, KH_PUT_VERSION, err) : st;
}

void soft_stored(
    struct kh_backend *b, const char *name, uint32_t version, const char *text)
{
    struct kh_error err = {0};

    KH_ASSERT_OK(soft_put(b, name, version, text, &err), err);
}

bool soft_holds(
    struct kh_backend *b, const char *name, uint32_t version, const char *text)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
    struct kh_error err = {0};

    if (kh_backend_get(b, name, version, true, &d, &err) != KH_OK) {
        fprintf(stderr, "    %s\n", err.message);
        return false;
    }
    return d.data.len == strlen(text) && memcmp(d.data.data, text, d.data.len) == 0;
}

kh_status soft_read(
    struct kh_backend *b, const char *name, uint32_t version, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};

    return kh_backend_get(b, name, version, true, &d, err);
}

/* Calls FN for every entry. */
static void each(
    struct kh_backend *b, void (*fn)(void *arg, const struct kh_item *item), void *arg)
{
    struct kh_cursor cursor = {0};
    struct kh_item items[PAGE];
    struct kh_error err = {0};
    size_t count = 1;

    while (count > 0) {
        KH_ASSERT_OK_FATAL(kh_backend_list(b, &cursor, items, PAGE, &count, &err), err);
        for (size_t i = 0; i < count; i++) {
            fn(arg, &items[i]);
            memcpy(cursor.name, items[i].name, sizeof cursor.name);
            cursor.version = items[i].version;
            cursor.started = true;
        }
    }
}

struct wanted {
    const char *name;
    uint32_t version;
    struct kh_item *item;
    bool found;
};

static void look(void *arg, const struct kh_item *item)
{
    struct wanted *w = arg;

    if (strcmp(item->name, w->name) == 0 && item->version == w->version) {
        *w->item = *item;
        w->found = true;
    }
}

bool soft_find(
    struct kh_backend *b, const char *name, uint32_t version, struct kh_item *item)
{
    struct wanted w = {name, version, item, false};

    memset(item, 0, sizeof *item);
    each(b, look, &w);
    return w.found;
}

struct totals {
    size_t all;
    size_t corrupt;
};

static void add(void *arg, const struct kh_item *item)
{
    struct totals *t = arg;

    t->all++;
    t->corrupt += item->status != KH_OK;
}

size_t soft_count(struct kh_backend *b, size_t *corrupt)
{
    struct totals t = {0};

    each(b, add, &t);
    if (corrupt)
        *corrupt = t.corrupt;
    return t.all;
}

bool soft_exists(const char *format, ...)
{
    char path[2048];
    struct stat st;
    va_list args;

    va_start(args, format);
    vsnprintf(path, sizeof path, format, args);
    va_end(args);
    return lstat(path, &st) == 0;
}
