/* A target that is a backend opened in this process. */
#include "programs/ktadmin/target.h"

#include "core/backend_key.h"
#include "core/deposit.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PAGE = 256, KEY_PAGE = 32 };

struct backend_target {
    struct kh_target head;
    struct kh_backend *backend;
};

static struct kh_backend *backend_of(struct kh_target *target)
{
    return ((struct backend_target *)target)->backend;
}

static kh_status backend_put(
    struct kh_target *target, struct kh_deposit *deposit, struct kh_error *err)
{
    deposit->version = 0;
    deposit->state = KH_ACTIVE;
    deposit->created = (int64_t)time(NULL);
    return kh_backend_put(backend_of(target), deposit, KH_PUT_NEW, err);
}

static kh_status backend_roll(
    struct kh_target *target, struct kh_deposit *deposit, struct kh_error *err)
{
    deposit->state = KH_ACTIVE;
    deposit->created = (int64_t)time(NULL);
    return kh_backend_roll(backend_of(target), deposit, err);
}

static kh_status backend_get(struct kh_target *target, struct kh_deposit *deposit,
    bool with_attrs, struct kh_error *err)
{
    char name[KH_NAME_MAX + 1];
    uint32_t version = deposit->version;

    (void)with_attrs;
    memcpy(name, deposit->name, sizeof name);
    return kh_backend_get(backend_of(target), name, version, false, deposit, err);
}

/* A listing has one item per version, in order; an entry is the run of one name. */
static void add_item(struct kh_entry *entry, const struct kh_item *item)
{
    bool better =
        entry->versions == 0 || item->state == KH_ACTIVE || entry->state == KH_DELETED;

    if (better) {
        entry->latest = item->version;
        entry->state = item->state;
    }
    memcpy(entry->name, item->name, sizeof entry->name);
    entry->versions++;
    entry->corrupt = entry->corrupt || item->status != KH_OK;
}

/* The next page of items after *CURSOR, which moves to its end. */
static kh_status next_page(struct kh_backend *backend, struct kh_cursor *cursor,
    struct kh_item *items, size_t *count, struct kh_error *err)
{
    kh_status status = kh_backend_list(backend, cursor, items, PAGE, count, err);

    if (status == KH_OK && *count > 0) {
        const struct kh_item *last = &items[*count - 1];

        memcpy(cursor->name, last->name, sizeof cursor->name);
        cursor->version = last->version;
        cursor->started = true;
    }
    return status;
}

static kh_status backend_list(
    struct kh_target *target, kh_entry_fn fn, void *arg, struct kh_error *err)
{
    struct kh_item *items = calloc(PAGE, sizeof *items);
    struct kh_cursor cursor = {0};
    struct kh_entry entry = {0};
    kh_status status = KH_OK;
    size_t count = 1;

    if (!items)
        return kh_fail(err, KH_FATAL, "out of memory");
    while (status == KH_OK && count > 0) {
        status = next_page(backend_of(target), &cursor, items, &count, err);
        for (size_t i = 0; status == KH_OK && i < count; i++) {
            if (entry.versions > 0 && strcmp(entry.name, items[i].name) != 0) {
                status = fn(arg, &entry, err);
                memset(&entry, 0, sizeof entry);
            }
            add_item(&entry, &items[i]);
        }
    }
    if (status == KH_OK && entry.versions > 0)
        status = fn(arg, &entry, err);
    free(items);
    return status;
}

/* The legacy store knows a version's time only after opening it. */
static int64_t created_of(
    struct kh_backend *backend, const char *name, uint32_t version, int64_t known)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    struct kh_error ignored = {0};

    if (known != 0)
        return known;
    if (kh_backend_get(backend, name, version, true, &deposit, &ignored) != KH_OK)
        return 0;
    return deposit.created;
}

static kh_status visit_item(struct kh_backend *backend, const struct kh_item *item,
    kh_version_fn fn, void *arg, struct kh_error *err)
{
    struct kh_version_entry version = {.version = item->version, .state = item->state};

    if (item->status == KH_OK)
        version.created = created_of(backend, item->name, item->version, item->created);
    else
        snprintf(version.note, sizeof version.note, "%s",
            *item->note ? item->note : "corrupt");
    return fn(arg, &version, err);
}

/* Version 0 has no predecessor to list from: it is asked for by number. */
static kh_status first_version(struct kh_backend *backend, const char *name,
    struct kh_item *item, struct kh_error *err)
{
    struct kh_stat stat = {0};
    kh_status status = kh_backend_stat(backend, name, 0, &stat, err);

    snprintf(item->name, sizeof item->name, "%s", name);
    if (status == KH_OK) {
        item->state = stat.state;
        item->created = stat.created;
    } else if (status == KH_CORRUPT) {
        item->status = KH_CORRUPT;
        snprintf(item->note, sizeof item->note, "%.*s", (int)sizeof item->note - 1,
            err->message);
        status = KH_OK;
    }
    return status;
}

static kh_status later_versions(struct kh_backend *backend, const char *name, bool *any,
    kh_version_fn fn, void *arg, struct kh_error *err)
{
    struct kh_item *items = calloc(PAGE, sizeof *items);
    struct kh_cursor cursor = {.started = true};
    kh_status status = KH_OK;
    bool more = true;

    if (!items)
        return kh_fail(err, KH_FATAL, "out of memory");
    snprintf(cursor.name, sizeof cursor.name, "%s", name);
    while (status == KH_OK && more) {
        size_t count = 0;

        status = next_page(backend, &cursor, items, &count, err);
        more = count > 0;
        for (size_t i = 0; status == KH_OK && more && i < count; i++) {
            more = strcmp(items[i].name, name) == 0;
            if (more) {
                *any = true;
                status = visit_item(backend, &items[i], fn, arg, err);
            }
        }
    }
    free(items);
    return status;
}

static kh_status backend_versions(struct kh_target *target, const char *name,
    kh_version_fn fn, void *arg, struct kh_error *err)
{
    struct kh_backend *backend = backend_of(target);
    struct kh_error missing = {0};
    struct kh_item first = {0};
    kh_status status = first_version(backend, name, &first, &missing);
    bool any = status == KH_OK;

    if (status == KH_OK)
        status = visit_item(backend, &first, fn, arg, err);
    else if (status == KH_NOT_FOUND)
        status = KH_OK;
    else
        *err = missing;
    if (status == KH_OK)
        status = later_versions(backend, name, &any, fn, arg, err);
    if (status == KH_OK && !any) {
        *err = missing;
        status = KH_NOT_FOUND;
    }
    return status;
}

static kh_status backend_remove(
    struct kh_target *target, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_backend_remove(backend_of(target), name, version, err);
}

static kh_status backend_restore(
    struct kh_target *target, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_backend_restore(backend_of(target), name, version, err);
}

static kh_status backend_purge(
    struct kh_target *target, const char *name, uint32_t version, struct kh_error *err)
{
    return kh_backend_purge(backend_of(target), name, version, err);
}

static kh_status backend_key_create(
    struct kh_target *target, struct kh_named_key *key, struct kh_error *err)
{
    return kh_backend_key_create(backend_of(target), key, err);
}

static kh_status backend_key_stat(struct kh_target *target, const char *name,
    struct kh_named_key *key, struct kh_error *err)
{
    return kh_backend_key_stat(backend_of(target), name, key, err);
}

static kh_status backend_key_list(
    struct kh_target *target, kh_key_fn fn, void *arg, struct kh_error *err)
{
    struct kh_named_key *keys = calloc(KEY_PAGE, sizeof *keys);
    char after[KH_NAME_MAX + 1] = "";
    kh_status status = KH_OK;
    size_t count = 1;

    if (!keys)
        return kh_fail(err, KH_FATAL, "out of memory");
    while (status == KH_OK && count > 0) {
        status = kh_backend_key_list(
            backend_of(target), *after ? after : NULL, keys, KEY_PAGE, &count, err);
        for (size_t i = 0; status == KH_OK && i < count; i++) {
            memcpy(after, keys[i].name, sizeof after);
            status = fn(arg, &keys[i], err);
        }
    }
    free(keys);
    return status;
}

static kh_status backend_key_sign(struct kh_target *target, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    return kh_backend_key_use(backend_of(target), name, use, out, err);
}

static kh_status backend_key_change(struct kh_target *target, const char *name,
    kh_key_change change, struct kh_error *err)
{
    return kh_backend_key_change(backend_of(target), name, change, err);
}

static void backend_close(struct kh_target *target)
{
    struct backend_target *self = (struct backend_target *)target;

    kh_backend_close(self->backend);
    free(self);
}

static const struct kh_target_ops backend_ops = {
    .put = backend_put,
    .roll = backend_roll,
    .get = backend_get,
    .list = backend_list,
    .versions = backend_versions,
    .remove = backend_remove,
    .restore = backend_restore,
    .purge = backend_purge,
    .key_create = backend_key_create,
    .key_stat = backend_key_stat,
    .key_list = backend_key_list,
    .key_sign = backend_key_sign,
    .key_change = backend_key_change,
    .close = backend_close,
};

kh_status kh_target_backend(struct kh_target **out,
    const struct kh_target_options *options, const struct kh_setup *setup,
    struct kh_error *err)
{
    struct backend_target *self = calloc(1, sizeof *self);
    kh_status status;

    *out = NULL;
    if (!self)
        return kh_fail(err, KH_FATAL, "out of memory");
    self->head.ops = &backend_ops;
    status = kh_backend_open(&self->backend, options->backend, setup->plugin_dir,
        setup->config, KH_OPEN_TOOL, err);
    if (status != KH_OK) {
        free(self);
        return status;
    }
    *out = &self->head;
    return KH_OK;
}
