#include "plugins/softfile/store.h"

#include "plugins/softfile/create.h"
#include "plugins/softfile/files.h"
#include "plugins/softfile/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* How long a write waits for another process's write: that takes a few fsyncs. A writer
 * that gave up does not make the next ones wait as long again. */
enum { WAIT_TRIES = 500, WAIT_NANOSECONDS = 2000000, GAVE_UP_SECONDS = 2 };

/* ---- locks ---- */

static kh_status take(
    struct kh_soft_store *store, const char *file, int *lock, struct kh_error *err)
{
    char path[PATH_MAX];
    char what[160];
    kh_status status;

    if (snprintf(path, sizeof path, "%s/%s", store->directory, file) >= (int)sizeof path)
        return kh_fail(err, KH_INVALID, "path too long: %.64s...", store->directory);
    snprintf(what, sizeof what, "legacy store %.120s", store->directory);
    status = store->host->lock(store->host, path, what, lock, err);
    if (status == KH_OK) {
        status = kh_soft_give(store, store->fd, file, err);
        if (status != KH_OK) {
            store->host->unlock(store->host, *lock);
            *lock = -1;
        }
    }
    return status;
}

static bool gave_up_lately(const struct kh_soft_store *store)
{
    uint64_t now = store->host->monotonic(store->host);

    return store->busy_at != 0 &&
           now - store->busy_at < GAVE_UP_SECONDS * UINT64_C(1000000000);
}

static kh_status wait_for_write_lock(struct kh_soft_store *store, struct kh_error *err)
{
    const struct timespec pause = {0, WAIT_NANOSECONDS};
    int tries = gave_up_lately(store) ? 1 : WAIT_TRIES;
    kh_status status = KH_BUSY;

    for (int i = 0; i < tries; i++) {
        if (i > 0)
            (void)nanosleep(&pause, NULL);
        status = take(store, KH_SOFT_WRITE_LOCK, &store->write_lock, err);
        if (status != KH_BUSY)
            break;
    }
    store->busy_at = status == KH_BUSY ? store->host->monotonic(store->host) : 0;
    return status;
}

/* Nobody else holds the lock for longer than was waited. */
static kh_status say_migration(struct kh_error *err)
{
    const struct kh_error why = *err;

    return kh_fail(err, KH_BUSY,
        "%.300s, a migration it seems: reads go on, changes have to wait for its end",
        why.message);
}

kh_status kh_soft_write_begin(struct kh_soft_store *store, struct kh_error *err)
{
    kh_status status = KH_OK;

    (void)pthread_mutex_lock(&store->write_mutex);
    if (store->host->mode != KH_OPEN_MIGRATE)
        status = wait_for_write_lock(store, err);
    if (status == KH_BUSY)
        status = say_migration(err);
    if (status != KH_OK) {
        (void)pthread_mutex_unlock(&store->write_mutex);
        return status;
    }
    status = kh_soft_seal_check(store, err);
    if (status != KH_OK)
        kh_soft_write_end(store);
    return status;
}

void kh_soft_write_end(struct kh_soft_store *store)
{
    if (store->host->mode != KH_OPEN_MIGRATE) {
        store->host->unlock(store->host, store->write_lock);
        store->write_lock = -1;
    }
    (void)pthread_mutex_unlock(&store->write_mutex);
}

kh_status kh_soft_give(
    const struct kh_soft_store *store, int dirfd, const char *file, struct kh_error *err)
{
    if (geteuid() != 0 || store->owner == 0)
        return KH_OK;
    if (fchownat(dirfd, file, store->owner, store->group, AT_SYMLINK_NOFOLLOW) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot give %s to uid %u: %s", file,
            (unsigned)store->owner, strerror(errno));
    return KH_OK;
}

/* ---- opening ---- */

static kh_status no_store(
    const struct kh_soft_store *store, const char *why, struct kh_error *err)
{
    return kh_fail(err, KH_UNAVAILABLE,
        "no key store in %s (%s); `ktadmin init` makes one", store->directory, why);
}

static kh_status check_directory(
    const struct kh_soft_store *store, int fd, const char *below, struct kh_error *err)
{
    char note[KH_SOFT_NOTE_SIZE];
    struct stat st;

    if (fstat(fd, &st) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot look at %s%s: %s", store->directory,
            below, strerror(errno));
    /* The owner of the store is whoever owns its directory; we must be that user, or
     * root. */
    if (!kh_soft_flaw(&st, S_IFDIR, geteuid() == 0 ? st.st_uid : geteuid(), note))
        return KH_OK;
    if (strncmp(note, "mode ", 5) == 0)
        return kh_fail(err, KH_REFUSED, "%s%s: %s; run: chmod 0700 %s%s",
            store->directory, below, note, store->directory, below);
    return kh_fail(err, KH_REFUSED, "%s%s: %s", store->directory, below, note);
}

static kh_status open_directory(struct kh_soft_store *store, struct kh_error *err)
{
    struct stat st;
    kh_status status;

    store->fd = open(store->directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (store->fd < 0 && errno == ENOENT)
        return no_store(store, "there is no such directory", err);
    if (store->fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return kh_fail(err, KH_REFUSED,
            "%s: is not a directory (a symbolic link is not followed)", store->directory);
    if (store->fd < 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot open %s: %s", store->directory, strerror(errno));
    status = check_directory(store, store->fd, "", err);
    if (status != KH_OK)
        return status;
    if (fstat(store->fd, &st) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot look at %s: %s", store->directory,
            strerror(errno));
    store->owner = st.st_uid;
    store->group = st.st_gid;
    if (faccessat(store->fd, KH_SOFT_CERT_FILE, F_OK, AT_SYMLINK_NOFOLLOW) != 0 &&
        errno == ENOENT)
        return no_store(store, "there is no " KH_SOFT_CERT_FILE, err);
    return KH_OK;
}

static kh_status take_locks(struct kh_soft_store *store, struct kh_error *err)
{
    if (store->host->mode == KH_OPEN_SERVE)
        return take(store, KH_SOFT_SERVE_LOCK, &store->serve_lock, err);
    if (store->host->mode == KH_OPEN_MIGRATE)
        return wait_for_write_lock(store, err);
    return KH_OK;
}

static kh_status open_deposits(struct kh_soft_store *store, struct kh_error *err)
{
    store->deposits = openat(
        store->fd, KH_SOFT_DEPOSITS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (store->deposits < 0)
        return kh_fail(err, errno == EACCES ? KH_REFUSED : KH_CORRUPT,
            "cannot open %s/%s: %s", store->directory, KH_SOFT_DEPOSITS, strerror(errno));
    return check_directory(store, store->deposits, "/" KH_SOFT_DEPOSITS, err);
}

static kh_status load(struct kh_soft_store *store, struct kh_error *err)
{
    bool sealed = kh_soft_seal_exists(store);
    kh_status status = KH_OK;

    if (!sealed)
        status = kh_soft_keys_load_key(
            &store->keys, store->fd, store->directory, store->owner, err);
    if (status == KH_OK)
        status = kh_soft_keys_load_cert(
            &store->keys, store->fd, store->directory, store->owner, err);
    if (status == KH_OK)
        status = kh_soft_keys_identity(&store->keys, store->identity, err);
    if (status == KH_OK && !sealed)
        status = open_deposits(store, err);
    if (status == KH_OK && !sealed && store->host->mode == KH_OPEN_MIGRATE)
        status = kh_soft_known_new(&store->known, &store->keys, err);
    return status;
}

static struct kh_soft_store *new_store(const struct kh_host *host)
{
    struct kh_soft_store *store = calloc(1, sizeof *store);

    if (!store)
        return NULL;
    store->host = host;
    store->directory = host->option_string(host, "directory");
    store->data_max = (size_t)host->option_int(host, "max_deposit_size");
    store->fd = -1;
    store->deposits = -1;
    store->serve_lock = -1;
    store->write_lock = -1;
    (void)pthread_mutex_init(&store->write_mutex, NULL);
    (void)pthread_mutex_init(&store->list_mutex, NULL);
    return store;
}

kh_status kh_soft_store_open(
    struct kh_soft_store **out, const struct kh_host *host, struct kh_error *err)
{
    struct kh_soft_store *store = new_store(host);
    kh_status status;

    if (!store)
        return kh_fail(err, KH_FATAL, "out of memory");
    status = kh_soft_keys_init(&store->keys, host, err);
    if (status == KH_OK && store->data_max > KH_DATA_LIMIT)
        status = kh_fail(err, KH_INVALID,
            "max_deposit_size is above the limit of %d bytes", KH_DATA_LIMIT);
    if (status == KH_OK && host->option_bool(host, "create"))
        status = kh_soft_create(&store->keys, store->directory, err);
    if (status == KH_OK)
        status = open_directory(store, err);
    if (status == KH_OK)
        status = take_locks(store, err);
    if (status == KH_OK)
        status = load(store, err);
    kh_soft_keys_forget(&store->keys);
    if (status == KH_OK)
        *out = store;
    else
        kh_soft_store_close(store);
    return status;
}

void kh_soft_store_close(struct kh_soft_store *store)
{
    if (!store)
        return;
    if (store->write_lock >= 0)
        store->host->unlock(store->host, store->write_lock);
    if (store->serve_lock >= 0)
        store->host->unlock(store->host, store->serve_lock);
    kh_soft_known_free(store->known);
    kh_soft_keys_free(&store->keys);
    kh_soft_window_free(&store->window);
    kh_soft_close_fd(&store->deposits);
    kh_soft_close_fd(&store->fd);
    (void)pthread_mutex_destroy(&store->write_mutex);
    (void)pthread_mutex_destroy(&store->list_mutex);
    free(store);
}
