#include "plugins/softfile/seal.h"

#include "plugins/softfile/files.h"
#include "plugins/softfile/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

enum { HEAD_MAX = 4096 };

bool kh_soft_seal_exists(const struct kh_soft_store *store)
{
    struct stat st;

    return fstatat(store->fd, KH_SOFT_SEAL_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
           errno != ENOENT;
}

/* ---- reading ---- */

/* The first line is `{"seal":{...},`: made whole with a brace it is a document of its
 * own, so that the list behind it need not be read. */
static json_t *read_head(const struct kh_soft_store *store)
{
    KH_SOFT_CLEANUP_FD int fd = openat(
        store->fd, KH_SOFT_SEAL_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    char head[HEAD_MAX];
    ssize_t n = fd >= 0 ? pread(fd, head, sizeof head, 0) : -1;
    char *end = n > 0 ? memchr(head, '\n', (size_t)n) : NULL;

    if (!end || end == head || end[-1] != ',')
        return NULL;
    end[-1] = '}';
    return json_loadb(head, (size_t)(end - head), JSON_REJECT_DUPLICATES, NULL);
}

kh_status kh_soft_seal_read(const struct kh_soft_store *store,
    struct kh_soft_seal_facts *facts, struct kh_error *err)
{
    json_t *head = read_head(store);
    const char *destination = NULL;
    const char *migration = NULL;
    const char *sealed = NULL;
    json_int_t versions = 0;
    int format = 0;
    int keep = 0;
    bool ok =
        head && json_unpack(head, "{s:{s:i, s:s, s:s, s:s, s:b, s:I}}", "seal", "format",
                    &format, "sealed", &sealed, "destination", &destination, "migration",
                    &migration, "keep_source", &keep, "versions", &versions) == 0;

    if (ok && format == KH_SOFT_SEAL_FORMAT) {
        snprintf(facts->destination, sizeof facts->destination, "%s", destination);
        snprintf(facts->migration, sizeof facts->migration, "%s", migration);
        snprintf(facts->sealed, sizeof facts->sealed, "%s", sealed);
        facts->keep_source = keep;
        facts->versions = (uint64_t)versions;
    } else {
        ok = false;
    }
    json_decref(head);
    return ok ? KH_OK
              : kh_fail(err, KH_CORRUPT,
                    "%s/%s cannot be read: it is no seal of this version",
                    store->directory, KH_SOFT_SEAL_FILE);
}

kh_status kh_soft_seal_check(const struct kh_soft_store *store, struct kh_error *err)
{
    struct kh_soft_seal_facts facts = {0};

    if (!kh_soft_seal_exists(store))
        return KH_OK;
    if (kh_soft_seal_read(store, &facts, NULL) != KH_OK)
        return kh_fail(err, KH_REFUSED,
            "the legacy store %.120s is sealed (its %s cannot be read)", store->directory,
            KH_SOFT_SEAL_FILE);
    return kh_fail(err, KH_REFUSED,
        "the legacy store %.120s was sealed on %s: its deposits are now in %.160s "
        "(migration %.60s)",
        store->directory, facts.sealed, facts.destination, facts.migration);
}

/* ---- sealing ---- */

static kh_status destroy_deposits(struct kh_soft_store *store, struct kh_error *err)
{
    KH_SOFT_CLEANUP_FD int fd = openat(
        store->fd, KH_SOFT_DEPOSITS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    kh_status status;

    if (fd < 0 && errno == ENOENT)
        return KH_OK;
    if (fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot open %s/%s: %s", store->directory,
            KH_SOFT_DEPOSITS, strerror(errno));
    status = kh_soft_empty(fd, err);
    if (status == KH_OK && unlinkat(store->fd, KH_SOFT_DEPOSITS, AT_REMOVEDIR) != 0)
        status = kh_fail(err, KH_UNAVAILABLE, "cannot remove %s/%s: %s", store->directory,
            KH_SOFT_DEPOSITS, strerror(errno));
    return status;
}

/* The key first: without it the deposits are noise already. */
static kh_status destroy(struct kh_soft_store *store, struct kh_error *err)
{
    kh_status status = kh_soft_shred(store->fd, KH_SOFT_KEY_FILE, err);

    if (status == KH_OK)
        status = kh_soft_sync(store->fd, store->directory, err);
    if (status == KH_OK)
        status = destroy_deposits(store, err);
    return status == KH_OK ? kh_soft_sync(store->fd, store->directory, err) : status;
}

static kh_status seal_locked(
    struct kh_soft_store *store, const struct kh_seal *seal, struct kh_error *err)
{
    struct kh_soft_seal_facts facts = {0};
    kh_status status = KH_OK;
    bool destroys;

    if (!kh_soft_seal_exists(store))
        status = kh_soft_manifest_write(store, seal, err);
    /* A rename that is seen may not be durable yet if a crash of ours came between:
     * nothing is destroyed before it is. */
    if (status == KH_OK)
        status = kh_soft_sync(store->fd, store->directory, err);
    if (status == KH_OK)
        status = kh_soft_seal_read(store, &facts, err);
    /* Both must say so: what the seal was made for, and this call. */
    destroys = !facts.keep_source && !seal->keep_source;
    if (status == KH_OK && destroys)
        status = destroy(store, err);
    if (status == KH_OK)
        store->host->log(store->host, KH_LOG_NOTICE, "sealed %s for %s (migration %s)%s",
            store->directory, facts.destination, facts.migration,
            facts.keep_source ? ", key and deposits kept"
                              : ", key and deposits destroyed");
    return status;
}

kh_status kh_soft_seal(
    struct kh_soft_store *store, const struct kh_seal *seal, struct kh_error *err)
{
    kh_status status;

    if (store->host->mode != KH_OPEN_MIGRATE)
        return kh_fail(err, KH_REFUSED,
            "%s can be sealed only by a migration, which keeps writers out",
            store->directory);
    (void)pthread_mutex_lock(&store->write_mutex);
    status = seal_locked(store, seal, err);
    (void)pthread_mutex_unlock(&store->write_mutex);
    return status;
}
