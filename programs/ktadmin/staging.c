#include "core/backup/facts.h"
#include "core/secmem.h"
#include "programs/ktadmin/restore.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

kh_status kh_staging_make(
    struct kh_staging *staging, const char *directory, struct kh_error *err)
{
    const char *tmp = directory ? directory : getenv("TMPDIR");

    memset(staging, 0, sizeof *staging);
    staging->fd = -1;
    if (!tmp || *tmp != '/')
        tmp = "/tmp";
    if (snprintf(staging->directory, sizeof staging->directory,
            "%s/.keyhsm-restore-XXXXXX", tmp) >= PATH_MAX - 64 ||
        !mkdtemp(staging->directory)) {
        staging->directory[0] = '\0';
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot write to %s: %s", tmp, strerror(errno));
    }
    (void)snprintf(staging->catalog, sizeof staging->catalog, "%.*s/" KH_BACKUP_CATALOG,
        PATH_MAX - 64, staging->directory);
    return KH_OK;
}

static kh_status no_write(const struct kh_staging *s, struct kh_error *err)
{
    return kh_fail(
        err, KH_UNAVAILABLE, "cannot write %s: %s", s->catalog, strerror(errno));
}

static kh_status begin(void *arg, struct kh_backup_member *member, struct kh_error *err)
{
    struct kh_staging *s = arg;

    s->member = member;
    if (member->role == KH_ROLE_KEYS)
        return KH_OK;
    if (member->role != KH_ROLE_CATALOG) {
        kh_status st = kh_buf_alloc(&member->data, (size_t)member->size, err);

        member->data.len = 0; /* grows as it is filled */
        return st;
    }
    s->fd = open(s->catalog, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return s->fd >= 0 ? KH_OK : no_write(s, err);
}

static kh_status chunk(void *arg, const void *data, size_t len, struct kh_error *err)
{
    struct kh_staging *s = arg;
    const char *at = data;

    if (s->member->role != KH_ROLE_CATALOG) {
        struct kh_buf *to = &s->member->data;

        if (s->member->role == KH_ROLE_KEYS)
            return KH_OK;
        memcpy(to->data + to->len, data, len);
        to->len += len;
        return KH_OK;
    }
    while (len > 0) {
        ssize_t n = write(s->fd, at, len);

        if (n < 0 && errno != EINTR)
            return no_write(s, err);
        if (n > 0) {
            at += n;
            len -= (size_t)n;
        }
    }
    return KH_OK;
}

static kh_status end(void *arg, struct kh_error *err)
{
    struct kh_staging *s = arg;
    bool ok = true;

    if (s->fd >= 0) {
        ok = fsync(s->fd) == 0;
        ok = close(s->fd) == 0 && ok;
    }
    s->fd = -1;
    return ok ? KH_OK : no_write(s, err);
}

kh_status kh_staging_fill(
    struct kh_staging *staging, struct kh_backup_opened *opened, struct kh_error *err)
{
    const struct kh_backup_taker taker = {begin, chunk, end, staging};

    return kh_backup_pass(opened, &staging->manifest, &taker, err);
}

kh_status kh_staging_check(const struct kh_staging *staging,
    const struct kh_backup_facts *facts, struct kh_error *err)
{
    struct kh_backup_facts found = {0};
    kh_status st = kh_backup_facts_read(&found, staging->catalog, true, err);

    if (st != KH_OK)
        return st;
    if (found.generation != facts->generation || found.versions != facts->versions ||
        strcmp(found.identity, facts->identity) != 0 ||
        strcmp(found.contents, facts->contents) != 0)
        return kh_fail(
            err, KH_CORRUPT, "the catalog in the backup is not what its manifest says");
    return KH_OK;
}

static int remove_entry(
    const char *path, const struct stat *sb, int type, struct FTW *walk)
{
    (void)sb;
    (void)type;
    (void)walk;
    (void)remove(path);
    return 0;
}

void kh_staging_free(struct kh_staging *staging)
{
    if (staging->directory[0] && staging->fd >= 0)
        (void)close(staging->fd);
    if (staging->directory[0])
        (void)nftw(staging->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    kh_backup_manifest_free(&staging->manifest);
    memset(staging, 0, sizeof *staging);
}
