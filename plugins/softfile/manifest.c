#include "plugins/softfile/manifest.h"

#include "plugins/softfile/digests.h"
#include "plugins/softfile/files.h"
#include "plugins/softfile/listing.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TEMPORARY KH_SOFT_SEAL_FILE ".new"

enum { PAGE = 256, DESTINATION_MAX = 255, MIGRATION_MAX = 127 };

/* The manifest being written. */
struct manifest {
    struct kh_soft_store *store;
    FILE *file;
    uint64_t written;
};

struct page {
    struct kh_item items[PAGE];
    struct kh_soft_digest digests[PAGE];
};

static kh_status write_failed(const struct manifest *m, struct kh_error *err)
{
    return kh_fail(err, KH_UNAVAILABLE, "cannot write %s/%s: %s", m->store->directory,
        TEMPORARY, strerror(errno));
}

static kh_status write_object(
    struct manifest *m, const char *before, json_t *object, struct kh_error *err)
{
    kh_status status = KH_OK;

    if (!object)
        return kh_fail(err, KH_FATAL, "out of memory for the seal");
    if (fputs(before, m->file) == EOF || json_dumpf(object, m->file, JSON_COMPACT) != 0)
        status = write_failed(m, err);
    json_decref(object);
    return status;
}

static kh_status write_head(struct manifest *m, const struct kh_seal *seal,
    uint64_t versions, struct kh_error *err)
{
    time_t now = (time_t)m->store->host->now(m->store->host);
    char when[32] = "";
    struct tm tm;
    json_t *head;
    kh_status status;

    if (gmtime_r(&now, &tm))
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (strlen(seal->destination) > DESTINATION_MAX ||
        strlen(seal->migration) > MIGRATION_MAX)
        return kh_fail(err, KH_INVALID,
            "the destination (at most %d bytes) or the migration's id (%d) is too long",
            DESTINATION_MAX, MIGRATION_MAX);
    head = json_pack("{s:i, s:s, s:s, s:s, s:s, s:b, s:I, s:s}", "format",
        KH_SOFT_SEAL_FORMAT, "sealed", when, "store", m->store->identity, "destination",
        seal->destination, "migration", seal->migration, "keep_source", seal->keep_source,
        "versions", (json_int_t)versions, "hmac", "HMAC-SHA256 of the record");
    if (!head)
        return kh_fail(
            err, KH_INVALID, "the destination or the migration's id is not UTF-8");
    status = write_object(m, "{\"seal\":", head, err);
    if (status == KH_OK && fputs(",\n\"deposits\":[", m->file) == EOF)
        status = write_failed(m, err);
    return status;
}

static kh_status write_item(struct manifest *m, const struct kh_item *item,
    const struct kh_soft_digest *digest, struct kh_error *err)
{
    if (digest->status != KH_OK) {
        *err = digest->error;
        return digest->status;
    }
    return write_object(m, m->written++ ? ",\n" : "\n",
        json_pack("{s:s, s:I, s:s, s:s}", "name", item->name, "version",
            (json_int_t)item->version, "state",
            digest->state == KH_DELETED ? "deleted" : "active", "hmac", digest->hmac),
        err);
}

/* The threads digest a page; it is written in order. */
static kh_status write_pages(struct manifest *m, struct page *page, struct kh_error *err)
{
    struct kh_cursor cursor = {0};
    kh_status status = KH_OK;
    size_t count = 1;

    while (status == KH_OK && count > 0) {
        status = kh_soft_list(m->store, &cursor, page->items, PAGE, &count, err);
        if (status != KH_OK || count == 0)
            break;
        kh_soft_digests_make(m->store, page->items, count, page->digests);
        for (size_t i = 0; status == KH_OK && i < count; i++)
            status = write_item(m, &page->items[i], &page->digests[i], err);
        memcpy(cursor.name, page->items[count - 1].name, sizeof cursor.name);
        cursor.version = page->items[count - 1].version;
        cursor.started = true;
    }
    return status;
}

static kh_status write_items(struct manifest *m, struct kh_error *err)
{
    struct page *page = calloc(1, sizeof *page);
    kh_status status;

    if (!page)
        return kh_fail(err, KH_FATAL, "out of memory");
    status = write_pages(m, page, err);
    free(page);
    return status;
}

static kh_status write_all(
    struct manifest *m, const struct kh_seal *seal, struct kh_error *err)
{
    struct kh_usage usage = {0};
    kh_status status = kh_soft_count(m->store, &usage, err);
    uint64_t versions = usage.versions + usage.deleted_versions;

    if (status == KH_OK)
        status = write_head(m, seal, versions, err);
    if (status == KH_OK)
        status = write_items(m, err);
    if (status == KH_OK && m->written != versions)
        status = kh_fail(
            err, KH_CORRUPT, "not sealed: %s changed meanwhile", m->store->directory);
    if (status == KH_OK && (fputs("\n]}\n", m->file) == EOF || fflush(m->file) != 0))
        status = write_failed(m, err);
    if (status == KH_OK && fsync(fileno(m->file)) != 0)
        status =
            kh_fail(err, KH_FATAL, "cannot fsync %s: %s", TEMPORARY, strerror(errno));
    return status;
}

static kh_status open_temporary(struct manifest *m, struct kh_error *err)
{
    int fd;

    if (unlinkat(m->store->fd, TEMPORARY, 0) != 0 && errno != ENOENT)
        return write_failed(m, err);
    fd = openat(m->store->fd, TEMPORARY,
        O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    m->file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (m->file)
        return kh_soft_give(m->store, m->store->fd, TEMPORARY, err);
    kh_soft_close_fd(&fd);
    return write_failed(m, err);
}

kh_status kh_soft_manifest_write(
    struct kh_soft_store *store, const struct kh_seal *seal, struct kh_error *err)
{
    struct manifest m = {.store = store};
    kh_status status = open_temporary(&m, err);

    if (status == KH_OK)
        status = write_all(&m, seal, err);
    if (m.file && fclose(m.file) != 0 && status == KH_OK)
        status = write_failed(&m, err);
    if (status == KH_OK &&
        renameat(store->fd, TEMPORARY, store->fd, KH_SOFT_SEAL_FILE) != 0)
        status = write_failed(&m, err);
    if (status != KH_OK)
        (void)unlinkat(store->fd, TEMPORARY, 0);
    return status;
}
