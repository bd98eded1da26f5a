/*
 * A template: the smallest backend that keeps the whole contract of one with HARDWARE.
 * Deposits live in the memory of the process and are gone when it ends. Copy the folder,
 * rename `example` in it, put your device in place of the table.
 *
 * What every method may rely on, and must do, stands in <keyhsm/plugin.h>. In short:
 * names and sizes have been checked; without KH_CAP_THREADSAFE no two calls run at the
 * same time; a failure is `return kh_fail(err, KH_..., "what, and why")`; secrets live in
 * struct kh_buf and nowhere else.
 */
#include <keyhsm/plugin.h>

#include <string.h>
#include <unistd.h>

enum { CAPACITY = 1000, DESTROY = -1 };

/* One stored version: what a listing says of it, and the core's encoding of the deposit
 * (a real backend seals that to a key of its device). SERIAL never comes twice. */
struct row {
    struct kh_item item;
    uint64_t serial;
    struct kh_buf record;
};

/* The device. It outlives open and close, as yours does. */
static struct example {
    const struct kh_host *host; /* the services of the program; NULL: it is not open */
    uint64_t serial;
    size_t count;
    struct row rows[CAPACITY]; /* the first `count` are used, in order */
} device;

/* From this table come the checks of [backend.example], `--help` and the manual. */
static const struct kh_option example_options[] = {
    {"may_forget", KH_OPT_BOOL, "no", 0, NULL,
        "let a migration come, although all is gone with the process"},
};

/* The first row that does not stand before VERSION of NAME: itself, or its place. */
static size_t example_place(const struct example *e, const char *name, uint32_t version)
{
    size_t i = 0;

    for (; i < e->count; i++) {
        int c = strcmp(e->rows[i].item.name, name);

        if (c > 0 || (c == 0 && e->rows[i].item.version >= version))
            break;
    }
    return i;
}

/* VERSION of NAME; for KH_LATEST the highest active, else (WITH_DELETED) the highest. */
static struct row *example_find(
    struct example *e, const char *name, uint32_t version, bool with_deleted)
{
    struct row *active = NULL;
    struct row *any = NULL;

    for (struct row *row = e->rows; row < e->rows + e->count; row++) {
        if (strcmp(row->item.name, name) != 0 ||
            (version != KH_LATEST && row->item.version != version))
            continue;
        any = row;
        if (row->item.state == KH_ACTIVE)
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
    struct example *e = &device;

    if (e->host)
        return kh_fail(err, KH_BUSY, "process %ld has it open", (long)getpid());
    if (host->mode == KH_OPEN_MIGRATE && !host->option_bool(host, "may_forget"))
        return kh_fail(err, KH_REFUSED,
            "deposits would be gone with the process; may_forget = yes to see it done");
    host->log(host, KH_LOG_NOTICE, "keeps deposits in memory only");
    e->host = host;
    *ctx = e;
    return KH_OK;
}

static void example_close(void *ctx)
{
    ((struct example *)ctx)->host = NULL;
}

static kh_status example_probe(void *ctx, struct kh_error *err)
{
    (void)ctx, (void)err; /* a real backend does one cheap, real operation */
    return KH_OK;
}

static kh_status example_info(void *ctx, struct kh_info *info, struct kh_error *err)
{
    const struct example *e = ctx;

    (void)err;
    (void)snprintf(info->place, sizeof info->place, "the memory of this process");
    (void)snprintf(info->identity, sizeof info->identity, "example:memory");
    (void)snprintf(info->profile, sizeof info->profile, "none");
    info->data_max = KH_DATA_DEFAULT_MAX;
    info->versions = info->keys = e->count;
    info->max_keys = CAPACITY;
    return KH_OK;
}

/* ---- deposits ---- */

static kh_status example_put(
    void *ctx, const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    struct example *e = ctx;
    size_t at = example_place(e, deposit->name, deposit->version);
    struct row row = {.serial = e->serial + 1};
    kh_status st;

    if (example_find(
            e, deposit->name, mode == KH_PUT_NEW ? KH_LATEST : deposit->version, true))
        return kh_fail(err, KH_EXISTS, "'%s' exists", deposit->name);
    if (e->count == CAPACITY)
        return kh_fail(err, KH_REFUSED, "it is full: %d versions", CAPACITY);
    st = e->host->record_encode(e->host, deposit, &row.record, err);
    if (st != KH_OK)
        return st;
    memcpy(row.item.name, deposit->name, sizeof row.item.name);
    row.item.version = deposit->version;
    row.item.state = deposit->state;
    row.item.created = deposit->created;
    memmove(&e->rows[at + 1], &e->rows[at], (e->count - at) * sizeof row);
    e->rows[at] = row;
    e->serial = row.serial;
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
        deposit->state = row->item.state;
    return st;
}

static kh_status example_stat(void *ctx, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    struct example *e = ctx;
    const struct row *row = example_find(e, name, version, true);

    if (!row)
        return example_none(name, err);
    memcpy(stat->name, row->item.name, sizeof stat->name);
    stat->version = row->item.version;
    stat->state = row->item.state;
    stat->created = row->item.created;
    for (row = e->rows; row < e->rows + e->count; row++) {
        if (strcmp(row->item.name, name) == 0) {
            stat->versions++;
            stat->highest = row->item.version;
        }
    }
    return KH_OK;
}

static kh_status example_list(void *ctx, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    const struct example *e = ctx;
    size_t i = after->started ? example_place(e, after->name, after->version + 1) : 0;

    (void)err;
    for (*count = 0; i < e->count && *count < max; i++)
        items[(*count)++] = e->rows[i].item;
    return KH_OK;
}

/* Sets the state of VERSION (or all) of NAME; DESTROY takes them away: a real backend
 * destroys the key on its device then, and nothing brings the data back. */
static kh_status example_change(struct example *e, const char *name, uint32_t version,
    int state, struct kh_error *err)
{
    size_t kept = 0;
    bool found = false;

    for (size_t i = 0; i < e->count; i++) {
        struct row *row = &e->rows[i];
        bool meant = strcmp(row->item.name, name) == 0 &&
                     (version == KH_ALL_VERSIONS || row->item.version == version);

        found = found || meant;
        if (meant && state == DESTROY) {
            e->host->buf_free(e->host, &row->record);
            continue;
        }
        if (meant)
            row->item.state = (kh_state)state;
        e->rows[kept++] = *row;
    }
    e->count = kept;
    return found ? KH_OK : example_none(name, err);
}

static kh_status example_remove(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return example_change(ctx, name, version, KH_DELETED, err);
}

static kh_status example_restore(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return example_change(ctx, name, version, KH_ACTIVE, err);
}

static kh_status example_purge(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return example_change(ctx, name, version, DESTROY, err);
}

/* A real backend digests what it has stored, e.g. with SHA-256. */
static kh_status example_fingerprint(void *ctx, const char *name, uint32_t version,
    unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    const struct row *row = example_find(ctx, name, version, true);

    if (!row)
        return example_none(name, err);
    memcpy(digest, &row->serial, sizeof row->serial);
    return KH_OK;
}

/* A real backend reads the key of the version from its device and looks at it. */
static kh_status example_attest(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return example_find(ctx, name, version, true) ? KH_OK : example_none(name, err);
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "example",
    .version = "1.0",
    .description = "a template: deposits in memory, gone with the process",
    .capabilities = KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST | KH_CAP_HARDWARE,
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
    .fingerprint = example_fingerprint,
    .attest = example_attest,
};
