/* A template: the smallest backend that keeps the whole contract of one with HARDWARE.
 * Deposits live in the memory of the process and are gone when it ends. Copy the folder,
 * rename `example` in it, put your device in place of the table. What every method may
 * rely on, and must do, stands in <keyhsm/plugin.h>. */
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

static const struct kh_host *host; /* the program's services; NULL: it is not open */

/* The device. It outlives open and close, as yours does. */
static struct row rows[CAPACITY]; /* the first `used` ones, in order */
static size_t used;
static uint64_t serial; /* of the last that was stored */

/* From this table come the checks of [backend.example], `--help` and the manual. */
static const struct kh_option example_options[] = {
    {"may_forget", KH_OPT_BOOL, "no", 0, NULL, "let a migration come, and be lost"},
};

/* Is ROW of NAME, and VERSION of it (KH_LATEST, KH_ALL_VERSIONS: any)? */
static bool example_is(const struct row *row, const char *name, uint32_t version)
{
    return strcmp(row->item.name, name) == 0 &&
           (version > KH_VERSION_MAX || row->item.version == version);
}

/* Where the first row is that does not stand before VERSION of NAME. */
static size_t example_place(const char *name, uint32_t version)
{
    size_t i = 0;

    while (i < used &&
           (strcmp(rows[i].item.name, name) < 0 ||
               (example_is(&rows[i], name, KH_LATEST) && rows[i].item.version < version)))
        i++;
    return i;
}

/* VERSION of NAME; for KH_LATEST the highest active, else the highest. NULL: none. */
static struct row *example_find(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    struct row *best = NULL;

    for (struct row *row = ctx; row < rows + used; row++) {
        if (example_is(row, name, version) &&
            (row->item.state == KH_ACTIVE || !best || best->item.state == KH_DELETED))
            best = row;
    }
    if (!best)
        (void)kh_fail(err, KH_NOT_FOUND, "no deposit '%s', or no such version", name);
    return best;
}

static kh_status example_open(const struct kh_host *h, void **ctx, struct kh_error *err)
{
    if (host)
        return kh_fail(err, KH_BUSY, "process %ld has it open", (long)getpid());
    if (h->mode == KH_OPEN_MIGRATE && !h->option_bool(h, "may_forget"))
        return kh_fail(err, KH_REFUSED,
            "deposits would be gone with the process; may_forget = yes to see it done");
    h->log(h, KH_LOG_NOTICE, "keeps deposits in memory only");
    host = h;
    *ctx = rows; /* what the other methods get */
    return KH_OK;
}

static void example_close(void *ctx)
{
    (void)ctx;
    host = NULL;
}

static kh_status example_probe(void *ctx, struct kh_error *err)
{
    (void)ctx, (void)err; /* a real backend does one cheap, real operation */
    return KH_OK;
}

static kh_status example_info(void *ctx, struct kh_info *info, struct kh_error *err)
{
    (void)ctx, (void)err;
    (void)snprintf(info->place, sizeof info->place, "the memory of this process");
    (void)snprintf(info->identity, sizeof info->identity, "example:memory");
    (void)snprintf(info->profile, sizeof info->profile, "none");
    info->data_max = KH_DATA_DEFAULT_MAX;
    info->versions = info->keys = used;
    info->max_keys = CAPACITY;
    return KH_OK;
}

static kh_status example_put(
    void *ctx, const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    size_t at = example_place(deposit->name, deposit->version);
    uint32_t taken = mode == KH_PUT_NEW ? KH_LATEST : deposit->version;
    struct row row = {.serial = serial + 1};

    if (example_find(ctx, deposit->name, taken, NULL))
        return kh_fail(err, KH_EXISTS, "'%s' exists", deposit->name);
    if (used == CAPACITY)
        return kh_fail(err, KH_REFUSED, "it is full: %d versions", CAPACITY);
    if (host->record_encode(host, deposit, &row.record, err) != KH_OK)
        return err->status;
    memcpy(row.item.name, deposit->name, sizeof row.item.name);
    row.item.version = deposit->version;
    row.item.state = deposit->state;
    row.item.created = deposit->created;
    memmove(&rows[at + 1], &rows[at], (used++ - at) * sizeof row);
    rows[at] = row;
    serial = row.serial;
    return KH_OK;
}

static kh_status example_get(void *ctx, const char *name, uint32_t version,
    bool with_deleted, struct kh_deposit *deposit, struct kh_error *err)
{
    const struct row *row = example_find(ctx, name, version, err);

    if (!row)
        return KH_NOT_FOUND;
    if (!with_deleted && row->item.state == KH_DELETED)
        return kh_fail(err, KH_NOT_FOUND, "'%s' is deleted", name);
    if (host->record_decode(host, row->record.data, row->record.len, deposit, err) !=
        KH_OK)
        return err->status;
    deposit->state = row->item.state;
    return KH_OK;
}

static kh_status example_stat(void *ctx, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    const struct row *row = example_find(ctx, name, version, err);
    size_t end = example_place(name, KH_LATEST);

    if (!row)
        return KH_NOT_FOUND;
    memcpy(stat->name, row->item.name, sizeof stat->name);
    stat->version = row->item.version;
    stat->state = row->item.state;
    stat->created = row->item.created;
    stat->versions = (uint32_t)(end - example_place(name, 0));
    stat->highest = rows[end - 1].item.version;
    return KH_OK;
}

static kh_status example_list(void *ctx, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    size_t i = after->started ? example_place(after->name, after->version + 1) : 0;

    (void)ctx, (void)err;
    for (*count = 0; i < used && *count < max; i++)
        items[(*count)++] = rows[i].item;
    return KH_OK;
}

/* Sets the state of VERSION (or all) of NAME; DESTROY takes them away: a real backend
 * destroys the key on its device then, and nothing brings the data back. */
static kh_status example_change(
    void *ctx, const char *name, uint32_t version, int state, struct kh_error *err)
{
    if (!example_find(ctx, name, version, err))
        return KH_NOT_FOUND;
    for (size_t i = used; i-- > 0;) {
        if (!example_is(&rows[i], name, version))
            continue;
        if (state == DESTROY) {
            host->buf_free(host, &rows[i].record);
            memmove(&rows[i], &rows[i + 1], (--used - i) * sizeof rows[i]);
        } else {
            rows[i].item.state = (kh_state)state;
        }
    }
    return KH_OK;
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
    const struct row *row = example_find(ctx, name, version, err);

    if (!row)
        return KH_NOT_FOUND;
    memcpy(digest, &row->serial, sizeof row->serial);
    return KH_OK;
}

/* A real backend reads the key of the version from its device and looks at it. */
static kh_status example_attest(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    return example_find(ctx, name, version, err) ? KH_OK : KH_NOT_FOUND;
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
