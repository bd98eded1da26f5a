#include "plugins/softfile/listing.h"

#include "plugins/softfile/cms.h"
#include "plugins/softfile/versions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* A page being filled. */
struct page {
    struct kh_soft_store *store;
    struct kh_item *items;
    size_t max;
    size_t count;
};

static bool is_full(const struct page *page)
{
    return page->count == page->max;
}

/* File names of others may hold anything; a note is one line of ASCII. */
static void make_printable(char *text)
{
    for (; *text; text++) {
        if (*text < 0x20 || *text > 0x7e)
            *text = '?';
    }
}

static struct kh_item *add_corrupt(
    struct page *page, const char *name, uint32_t version, const char *note)
{
    struct kh_item *item = &page->items[page->count++];

    memset(item, 0, sizeof *item);
    snprintf(item->name, sizeof item->name, "%s", name);
    item->version = version;
    item->status = KH_CORRUPT;
    snprintf(item->note, sizeof item->note, "%s", note);
    make_printable(item->note);
    return item;
}

/* Called deleted, so that nobody takes it for a deposit's latest version. */
static void add_foreign(
    struct page *page, const char *name, uint32_t version, const char *note)
{
    add_corrupt(page, name, version, note)->state = KH_DELETED;
}

/* ---- one version ---- */

static kh_status check_length(int fd, const struct stat *st, char note[KH_SOFT_NOTE_SIZE])
{
    unsigned char head[8];
    ssize_t n = pread(fd, head, sizeof head, 0);

    if (n < 0) {
        snprintf(note, KH_SOFT_NOTE_SIZE, "cannot be read: %s", strerror(errno));
        return KH_CORRUPT;
    }
    if (kh_soft_cms_whole(head, (size_t)n, (uint64_t)st->st_size))
        return KH_OK;
    snprintf(note, KH_SOFT_NOTE_SIZE, "is torn: %jd bytes are not one whole envelope",
        (intmax_t)st->st_size);
    return KH_CORRUPT;
}

static kh_status check_file(const struct page *page,
    const struct kh_soft_versions *versions, struct kh_item *item)
{
    KH_SOFT_CLEANUP_FD int fd = -1;
    char file[KH_SOFT_VERSION_FILE_SIZE];
    struct stat st;
    kh_status status;

    kh_soft_version_file(item->version, item->state, file);
    status = kh_soft_open(versions->fd, file, page->store->owner, &fd, &st, item->note);
    return status == KH_OK ? check_length(fd, &st, item->note) : status;
}

/* A version that changed its state since the directory was read is looked at in the
 * other; one that is gone altogether is no item. */
static kh_status check_version(const struct page *page,
    const struct kh_soft_versions *versions, const struct kh_soft_version *entry,
    struct kh_item *item)
{
    kh_status status;

    item->state = entry->active ? KH_ACTIVE : KH_DELETED;
    if (entry->active && entry->deleted) {
        snprintf(item->note, sizeof item->note, "is there both active and deleted");
        return KH_CORRUPT;
    }
    if (versions->flaw[0]) {
        snprintf(item->note, sizeof item->note, "its directory: %.140s", versions->flaw);
        return KH_CORRUPT;
    }
    status = check_file(page, versions, item);
    if (status == KH_NOT_FOUND) {
        item->state = item->state == KH_ACTIVE ? KH_DELETED : KH_ACTIVE;
        status = check_file(page, versions, item);
    }
    return status;
}

static kh_status add_version(struct page *page, const char *name,
    const struct kh_soft_versions *versions, const struct kh_soft_version *entry,
    struct kh_error *err)
{
    struct kh_item *item = &page->items[page->count];

    memset(item, 0, sizeof *item);
    snprintf(item->name, sizeof item->name, "%s", name);
    item->version = entry->version;
    item->status = check_version(page, versions, entry, item);
    switch (item->status) {
    case KH_OK:
        item->note[0] = '\0';
        page->count++;
        return KH_OK;
    case KH_CORRUPT:
        page->count++;
        return KH_OK;
    case KH_NOT_FOUND:
        return KH_OK;
    default: /* the system is short of something: no fault of the deposit's */
        return kh_fail(err, item->status, "deposit %s version %u: %s", versions->name,
            entry->version, item->note);
    }
}

/* ---- one entry of deposits/ ---- */

/* Versions from FROM on. */
static kh_status add_versions(struct page *page, const char *name, uint64_t from,
    const struct kh_soft_versions *versions, struct kh_error *err)
{
    kh_status status = KH_OK;

    for (size_t i = 0; status == KH_OK && i < versions->count && !is_full(page); i++) {
        if (versions->list[i].version >= from)
            status = add_version(page, name, versions, &versions->list[i], err);
    }
    for (size_t i = 0; status == KH_OK && i < versions->foreign_count && !is_full(page);
         i++) {
        char note[KH_SOFT_NOTE_SIZE];

        if (KH_SOFT_FOREIGN_FILE + (uint64_t)i < from)
            continue;
        snprintf(note, sizeof note, "foreign file %.140s", versions->foreign[i]);
        add_foreign(page, name, KH_SOFT_FOREIGN_FILE + (uint32_t)i, note);
    }
    return status;
}

static kh_status add_entry(struct page *page, const struct kh_soft_entry *entry,
    uint64_t from, struct kh_error *err)
{
    KH_SOFT_CLEANUP_VERSIONS struct kh_soft_versions versions = KH_SOFT_VERSIONS_INIT;
    char file[KH_SOFT_FILE_SIZE];
    kh_status status;

    if (entry->foreign) {
        add_foreign(page, entry->name, KH_SOFT_FOREIGN_NAME,
            "foreign: its file name is not the encoding of a name");
        return KH_OK;
    }
    if (kh_soft_name_encode(entry->name, file, NULL) != KH_OK)
        return KH_OK;
    status = kh_soft_versions_read(page->store, file, &versions, err);
    if (status == KH_NOT_FOUND) /* purged meanwhile */
        return KH_OK;
    if (status == KH_CORRUPT) {
        if (from == 0)
            (void)add_corrupt(page, entry->name, 0, versions.flaw);
        return KH_OK;
    }
    return status == KH_OK ? add_versions(page, entry->name, from, &versions, err)
                           : status;
}

/* ---- a page ---- */

static kh_status fill(
    struct page *page, struct kh_soft_entry *at, bool started, struct kh_error *err)
{
    struct kh_soft_store *store = page->store;
    kh_status status = kh_soft_window_begin(&store->window, store->deposits, err);

    while (status == KH_OK && !is_full(page)) {
        status = kh_soft_window_next(
            &store->window, store->deposits, started ? at : NULL, at, err);
        if (status == KH_NOT_FOUND)
            return KH_OK;
        started = true;
        if (status == KH_OK)
            status = add_entry(page, at, 0, err);
    }
    return status;
}

kh_status kh_soft_list(struct kh_soft_store *store, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    struct page page = {.store = store, .items = items, .max = max};
    bool started = after && after->started;
    struct kh_soft_entry at = {0};
    kh_status status = KH_OK;

    if (started) {
        snprintf(at.name, sizeof at.name, "%s", after->name);
        at.foreign = after->version >= KH_SOFT_FOREIGN_NAME;
        if (!at.foreign) /* the rest of the deposit that the last page ended in */
            status = add_entry(&page, &at, (uint64_t)after->version + 1, err);
    }
    if (status == KH_OK) {
        (void)pthread_mutex_lock(&store->list_mutex);
        status = fill(&page, &at, started, err);
        (void)pthread_mutex_unlock(&store->list_mutex);
    }
    if (status == KH_OK)
        *count = page.count;
    else
        memset(items, 0, max * sizeof *items);
    return status;
}

/* ---- counting ---- */

static void count_deposit(struct kh_usage *usage, const struct kh_soft_versions *found)
{
    size_t active = 0;

    for (size_t i = 0; i < found->count; i++)
        active += found->list[i].active;
    usage->versions += active;
    usage->deleted_versions += found->count - active;
    usage->deposits += active > 0;
    usage->deleted_deposits += active == 0 && found->count > 0;
}

kh_status kh_soft_count(
    const struct kh_soft_store *store, struct kh_usage *usage, struct kh_error *err)
{
    int copy = openat(store->deposits, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    kh_status status = KH_OK;
    struct dirent *entry;
    struct kh_usage sum = {0};

    if (!dir) {
        kh_soft_close_fd(&copy);
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot list the deposits: %s", strerror(errno));
    }
    while (status == KH_OK && (entry = readdir(dir)) != NULL) {
        KH_SOFT_CLEANUP_VERSIONS struct kh_soft_versions found = KH_SOFT_VERSIONS_INIT;
        char name[KH_NAME_MAX + 1];

        if (!kh_soft_name_decode(entry->d_name, name))
            continue;
        status = kh_soft_versions_read(store, entry->d_name, &found, err);
        if (status == KH_NOT_FOUND || status == KH_CORRUPT)
            status = KH_OK;
        count_deposit(&sum, &found);
    }
    (void)closedir(dir);
    if (status == KH_OK)
        *usage = sum;
    return status;
}
