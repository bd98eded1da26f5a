/*
 * A vendor's backend: the template's methods as they are (methods.c: renamed, without its
 * table), on a device that keeps what it has in one file, so that another process finds
 * it. Built for a device, deposits may come and stay; built with ACME_LEAVES, it is what
 * the vendor sold before: a migration may take deposits out of it, and seal it.
 */
#define _GNU_SOURCE
#include "methods.c"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#ifdef ACME_LEAVES
#define CAPABILITIES (KH_CAP_EXPORT | KH_CAP_SEAL)
#else
#define CAPABILITIES KH_CAP_HARDWARE
#endif

/* The file: a head, then for each version a part and its record. */
struct head {
    uint64_t serial;
    uint64_t used;
    char sealed_for[256]; /* "": it is not */
};
struct part {
    struct kh_item item;
    uint64_t serial;
    uint64_t len;
};

static struct head head;
static int guard;

/* An error that names the file. */
static kh_status acme_fail(const char *what, struct kh_error *err)
{
    return kh_fail(err, KH_UNAVAILABLE, "%s: %s: %s",
        host->option_string(host, "directory"), what, strerror(errno));
}

static kh_status acme_sealed(struct kh_error *err)
{
    if (*head.sealed_for)
        return kh_fail(err, KH_REFUSED, "the deposits are in %s now", head.sealed_for);
    return KH_OK;
}

/* The path of FILE in the directory; freed by the caller, NULL without memory. */
static char *acme_path(const char *file)
{
    const char *dir = host->option_string(host, "directory");
    size_t size = strlen(dir) + strlen(file) + 2;
    char *path = malloc(size);

    if (path)
        (void)snprintf(path, size, "%s/%s", dir, file);
    return path;
}

/* ---- to the file, and from it ---- */

static void acme_append(struct kh_buf *to, const void *bytes, size_t len)
{
    if (len > 0)
        memcpy(to->data + to->len, bytes, len);
    to->len += len;
}

static kh_status acme_save(struct kh_error *err)
{
    struct kh_buf all = {0};
    size_t total = sizeof head;
    char *path = acme_path("deposits");
    kh_status st = KH_FATAL;

    head.used = used;
    head.serial = serial;
    for (size_t i = 0; i < used; i++)
        total += sizeof(struct part) + rows[i].record.len;
    if (path)
        st = host->buf_alloc(host, &all, total, err);
    if (st == KH_OK) {
        all.len = 0;
        acme_append(&all, &head, sizeof head);
        for (size_t i = 0; i < used; i++) {
            struct part part = {rows[i].item, rows[i].serial, rows[i].record.len};

            acme_append(&all, &part, sizeof part);
            acme_append(&all, rows[i].record.data, rows[i].record.len);
        }
        st = host->file_write(host, path, all.data, all.len, 0600, false, err);
    }
    host->buf_free(host, &all);
    free(path);
    return st;
}

static bool acme_read(int fd, void *to, size_t len)
{
    return read(fd, to, len) == (ssize_t)len;
}

static kh_status acme_read_row(int fd, struct row *row, struct kh_error *err)
{
    struct part part;
    kh_status st;

    if (!acme_read(fd, &part, sizeof part) || part.len > KH_DATA_LIMIT * 2)
        return acme_fail("cut off", err);
    st = host->buf_alloc(host, &row->record, part.len, err);
    if (st != KH_OK)
        return st;
    row->item = part.item;
    row->serial = part.serial;
    return acme_read(fd, row->record.data, part.len) ? KH_OK : acme_fail("cut off", err);
}

static kh_status acme_load(struct kh_error *err)
{
    char *path = acme_path("deposits");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    kh_status st = KH_OK;

    free(path);
    head = (struct head){0};
    if (fd < 0)
        return errno == ENOENT ? KH_OK : acme_fail("open", err);
    if (!acme_read(fd, &head, sizeof head) || head.used > CAPACITY)
        st = acme_fail("no head", err);
    serial = head.serial;
    while (st == KH_OK && used < head.used)
        st = acme_read_row(fd, &rows[used++], err);
    (void)close(fd);
    return st;
}

/* ---- lifetime ---- */

static void acme_forget(void)
{
    while (used > 0)
        host->buf_free(host, &rows[--used].record);
}

static void acme_end(void *ctx)
{
    acme_forget();
    host->unlock(host, guard);
    acme_close(ctx);
}

static kh_status acme_begin(const struct kh_host *h, void **ctx, struct kh_error *err)
{
    kh_status st = acme_open(h, ctx, err);
    char *path;

    if (st != KH_OK)
        return st;
    path = acme_path("lock");
    st = path ? h->lock(h, path, "acme's device", &guard, err) : KH_FATAL;
    free(path);
    if (st != KH_OK) {
        acme_close(*ctx);
        return st;
    }
    st = acme_load(err);
    if (st != KH_OK)
        acme_end(*ctx);
    return st;
}

static kh_status acme_facts(void *ctx, struct kh_info *info, struct kh_error *err)
{
    kh_status st = acme_info(ctx, info, err);

    info->sealed = *head.sealed_for != '\0';
    memcpy(info->sealed_for, head.sealed_for, sizeof info->sealed_for);
    return st;
}

/* ---- changes are durable, and a sealed device is left alone ---- */

static kh_status acme_put_kept(
    void *ctx, const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err)
{
    kh_status st = acme_sealed(err);

    if (st == KH_OK)
        st = acme_put(ctx, deposit, mode, err);
    return st == KH_OK ? acme_save(err) : st;
}

static kh_status acme_get_kept(void *ctx, const char *name, uint32_t version,
    bool with_deleted, struct kh_deposit *deposit, struct kh_error *err)
{
    kh_status st = acme_sealed(err);

    return st == KH_OK ? acme_get(ctx, name, version, with_deleted, deposit, err) : st;
}

static kh_status acme_remove_kept(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    kh_status st = acme_sealed(err);

    if (st == KH_OK)
        st = acme_remove(ctx, name, version, err);
    return st == KH_OK ? acme_save(err) : st;
}

static kh_status acme_restore_kept(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    kh_status st = acme_sealed(err);

    if (st == KH_OK)
        st = acme_restore(ctx, name, version, err);
    return st == KH_OK ? acme_save(err) : st;
}

static kh_status acme_purge_kept(
    void *ctx, const char *name, uint32_t version, struct kh_error *err)
{
    kh_status st = acme_sealed(err);

    if (st == KH_OK)
        st = acme_purge(ctx, name, version, err);
    return st == KH_OK ? acme_save(err) : st;
}

static kh_status acme_seal(void *ctx, const struct kh_seal *seal, struct kh_error *err)
{
    (void)ctx;
    if (host->mode != KH_OPEN_MIGRATE)
        return kh_fail(err, KH_REFUSED, "only a migration seals");
    if (!*head.sealed_for)
        (void)snprintf(head.sealed_for, sizeof head.sealed_for, "%s", seal->destination);
    if (!seal->keep_source)
        acme_forget();
    return acme_save(err);
}

static const struct kh_option options[] = {
    {"directory", KH_OPT_PATH, NULL, KH_OPT_REQUIRED | KH_OPT_PLACE, NULL,
        "where the device keeps its file"},
    {"may_forget", KH_OPT_BOOL, "yes", 0, NULL, "as in the template, which would"},
};

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "acme",
    .version = "2.0",
    .description = "the Acme device",
    .capabilities = KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST | CAPABILITIES,
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = acme_begin,
    .close = acme_end,
    .probe = acme_probe,
    .info = acme_facts,
    .put = acme_put_kept,
    .get = acme_get_kept,
    .stat = acme_stat,
    .list = acme_list,
    .remove = acme_remove_kept,
    .restore = acme_restore_kept,
    .purge = acme_purge_kept,
    .fingerprint = acme_fingerprint,
    .attest = acme_attest,
    .seal = acme_seal,
};
