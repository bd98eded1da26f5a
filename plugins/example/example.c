/*
 * A template: the smallest backend that does its work. Deposits live in the memory of the
 * process and are gone when it ends. Copy the folder, rename `example` in it, put your
 * store in place of the table.
 *
 * What every method may rely on, and must do, stands in <keyhsm/plugin.h>. In short:
 * names and sizes have been checked; without KH_CAP_THREADSAFE no two calls run at the
 * same time; a failure is `return kh_fail(err, KH_..., "what, and why")`; secrets live in
 * struct kh_buf and nowhere else.
 */
#include <keyhsm/plugin.h>

#include <stdlib.h>
#include <string.h>

/* One stored version: the core's encoding of the deposit (a real backend would encrypt
 * this). */
struct row {
    char name[KH_NAME_MAX + 1];
    uint32_t version;
    kh_state state;
    int64_t created;
    struct kh_buf record;
};

struct example {
    const struct kh_host *host; /* the services of the program; valid until close */
    struct row *rows; /* `capacity` of them; the first `count` are used, in order */
    size_t capacity;
    size_t count;
};

/* From this table come the checks of [backend.example], `--help` and the manual. */
static const struct kh_option example_options[] = {
    {"capacity", KH_OPT_INT, "1000", 0, NULL, "most versions it holds"},
};

/* The first row that does not stand before VERSION of NAME: the one itself, or its place.
 */
static size_t example_place(const struct example *e, const char *name, uint32_t version)
{
    size_t i = 0;

    for (; i < e->count; i++) {
        int c = strcmp(e->rows[i].name, name);

        if (c > 0 || (c == 0 && e->rows[i].version >= version))
            break;
    }
    return i;
}

/* VERSION of NAME; for KH_LATEST the highest active one, else (WITH_DELETED) the highest.
 */
static struct row *example_find(
    const struct example *e, const char *name, uint32_t version, bool with_deleted)
{
    struct row *active = NULL;
    struct row *any = NULL;

    for (size_t i = example_place(e, name, 0); i < e->count; i++) {
        struct row *row = &e->rows[i];

        if (strcmp(row->name, name) != 0)
            break;
        if (version != KH_LATEST && row->version != version)
            continue;
        any = row;
        if (row->state == KH_ACTIVE)
            active = row;
    }
    return active || !with_deleted ? active : any;
}

static kh_status example_none(const char *name, struct kh_error *err)
{
    return kh_fail(
        err, KH_NOT_FOUND, "there is no deposit '%s', or no such version", name);
}

/* ---- lifetime ---- */

static kh_status example_open(
    const struct kh_host *host, void **ctx, struct kh_error *err)
{
    struct example *e = calloc(1, sizeof *e);

    if (e) {
        e->host = host;
        e->capacity = (size_t)host->option_int(host, "capacity");
        e->rows = calloc(e->capacity ? e->capacity : 1, sizeof *e->rows);
    }
    if (!e || !e->rows) {
        free(e);
        return kh_fail(err, KH_FATAL, "no memory for %s", host->instance);
    }
    host->log(host, KH_LOG_NOTICE, "keeps deposits in memory only");
    *ctx = e;
    return KH_OK;
}

static void example_close(void *ctx)
{
    struct example *e = ctx;

    for (size_t i = 0; i < e->count; i++)
        e->host->buf_free(e->host, &e->rows[i].record);
    free(e->rows);
    free(e);
}

/* A real backend does one cheap, real operation here. */
static kh_status example_probe(void *ctx, struct kh_error *err)
{
    (void)ctx;
    (void)err;
    return KH_OK;
}

static kh_status example_info(void *ctx, struct kh_info *info, struct kh_error *err)
{
    const struct example *e = ctx;

    (void)err;
    (void)snprintf(info->place, sizeof info->place, "the memory of this process");
    (void)snprintf(
        info->identity, sizeof info->identity, "example:%s", e->host->instance);
    info->data_max = KH_DATA_DEFAULT_MAX;
    info->versions = e->count;
    return KH_OK;
}

/* ---- deposits ---- */

static kh_status example_put(
    void *ctx, const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    struct example *e = ctx;
    struct row row = {.version = deposit->version, .state = deposit->state};
    size_t at = example_place(e, deposit->name, deposit->version);
    kh_status st;

    if (example_find(
            e, deposit->name, mode == KH_PUT_NEW ? KH_LATEST : deposit->version, true))
        return kh_fail(err, KH_EXISTS, "'%s' exists", deposit->name);
    if (e->count == e->capacity)
        return kh_fail(err, KH_REFUSED, "capacity = %zu is used up", e->capacity);
    st = e->host->record_encode(e->host, deposit, &row.record, err);
    if (st != KH_OK)
        return st;
    memcpy(row.name, deposit->name, sizeof row.name);
    row.created = deposit->created;
    memmove(&e->rows[at + 1], &e->rows[at], (e->count - at) * sizeof row);
    e->rows[at] = row;
    e->count++;
    return KH_OK;
}

static kh_status example_get(void *ctx, const char *name, uint32_t version,
    bool with_deleted, struct kh_deposit *deposit, struct kh_error *err)
{
    struct example *e = ctx;
    const struct row *row = example_find(e, name, version, with_deleted);
    kh_status st;

    if (!row)
        return example_none(name, err);
    st = e->host->record_decode(e->host, row->record.data, row->record.len, deposit, err);
    if (st == KH_OK)
        deposit->state = row->state;
    return st;
}

static kh_status example_stat(void *ctx, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    const struct example *e = ctx;
    const struct row *row = example_find(e, name, version, true);

    if (!row)
        return example_none(name, err);
    memcpy(stat->name, row->name, sizeof stat->name);
    stat->version = row->version;
    stat->state = row->state;
    stat->created = row->created;
    for (size_t i = example_place(e, name, 0); i < e->count; i++) {
        if (strcmp(e->rows[i].name, name) != 0)
            break;
        stat->versions++;
        stat->highest = e->rows[i].version;
    }
    return KH_OK;
}

static kh_status example_list(void *ctx, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    const struct example *e = ctx;
    size_t i = after->started ? example_place(e, after->name, after->version + 1) : 0;

    (void)err;
    for (*count = 0; i < e->count && *count < max; i++, ++*count) {
        struct kh_item *item = &items[*count];

        memcpy(item->name, e->rows[i].name, sizeof item->name);
        item->version = e->rows[i].version;
        item->state = e->rows[i].state;
        item->created = e->rows[i].created;
    }
    return KH_OK;
}

static kh_status example_set_state(struct example *e, const char *name, uint32_t version,
    kh_state state, struct kh_error *err)
{
    bool found = false;

    for (size_t i = 0; i < e->count; i++) {
        struct row *row = &e->rows[i];

        if (strcmp(row->name, name) == 0 &&
            (version == KH_ALL_VERSIONS || row->version == version)) {
            row->state = state;
            found = true;
        }
    }
    return found ? KH_OK : example_none(name, err);
}

static kh_status example_remove(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return example_set_state(ctx, name, version, KH_DELETED, err);
}

static kh_status example_restore(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return example_set_state(ctx, name, version, KH_ACTIVE, err);
}

static kh_status example_purge(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    struct example *e = ctx;
    size_t kept = 0;
    size_t count = e->count;

    for (size_t i = 0; i < count; i++) {
        struct row *row = &e->rows[i];

        if (strcmp(row->name, name) == 0 &&
            (version == KH_ALL_VERSIONS || row->version == version))
            e->host->buf_free(e->host, &row->record);
        else
            e->rows[kept++] = *row;
    }
    e->count = kept;
    return kept < count ? KH_OK : example_none(name, err);
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "example",
    .version = "1.0",
    .description = "a template: deposits in memory, gone with the process",
    .capabilities = KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST,
    .options = example_options,
    .option_count = sizeof example_options / sizeof example_options[0],
    .open = example_open,
    .close = example_close,
    .probe = example_probe,
    .info = example_info,
    .put = example_put,
    .get = example_get,
    .stat = example_stat,
    .list = example_list,
    .remove = example_remove,
    .restore = example_restore,
    .purge = example_purge,
};
