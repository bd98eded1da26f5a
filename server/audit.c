#include "server/audit.h"

#include "core/fileio.h"
#include "core/log.h"
#include "server/audit_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static kh_status take_lock(struct kh_audit *audit, struct kh_error *err)
{
    char *what = NULL;
    char *path = NULL;
    kh_status st;

    if (asprintf(&path, "%s.lock", audit->path) < 0)
        path = NULL;
    if (path && asprintf(&what, "the audit log %s", audit->path) < 0)
        what = NULL;
    st = what ? kh_lock(path, what, &audit->lock, err)
              : kh_fail(err, KH_FATAL, "no memory for the audit log");
    free(path);
    free(what);
    return st;
}

/* The end of the file against the head that was noted: it may be behind the file, because
 * it is written later, but never before it. */
static kh_status compare(
    struct kh_audit *audit, const struct kh_audit_link *head, struct kh_error *err)
{
    if (audit->good_end == 0) {
        audit->link = *head; /* moved away, or the first of all */
        return KH_OK;
    }
    if (audit->link.seq < head->seq)
        return kh_fail(err, KH_CORRUPT,
            "%s ends at entry %" PRIu64 ", but %" PRIu64 " were written: entries were "
            "removed; move the file away, and the chain goes on in a new one",
            audit->path, audit->link.seq, head->seq);
    if (audit->link.seq == head->seq && strcmp(audit->link.hash, head->hash) != 0)
        return kh_fail(err, KH_CORRUPT,
            "%s: entry %" PRIu64 " is not the one that was written; move the file away, "
            "and the chain goes on in a new one",
            audit->path, head->seq);
    return KH_OK;
}

static kh_status open_all(struct kh_audit *audit, struct kh_error *err)
{
    struct kh_audit_link head = KH_AUDIT_ORIGIN;
    kh_status st = take_lock(audit, err);

    if (st == KH_OK)
        st = kh_audit_file_open(audit->path, &audit->fd, err);
    if (st == KH_OK)
        st = kh_audit_head_open(audit, &head, err);
    if (st == KH_OK)
        st = kh_audit_file_end(audit, err);
    if (st == KH_OK)
        st = compare(audit, &head, err);
    if (st != KH_OK)
        return st;
    if (audit->torn)
        kh_log(KH_LOG_WARNING,
            "%s: its last write was interrupted; what is torn is marked and kept",
            audit->path);
    kh_log(KH_LOG_NOTICE, "%s: the audit log goes on behind entry %" PRIu64 ", head %s",
        audit->path, audit->link.seq, audit->link.hash);
    return kh_audit_note(audit, KH_AUDIT_START, err);
}

/* What open_all got so far. */
static void release(struct kh_audit *audit)
{
    if (audit->fd >= 0)
        (void)close(audit->fd);
    if (audit->head_fd >= 0)
        (void)close(audit->head_fd);
    kh_unlock(audit->lock);
    pthread_cond_destroy(&audit->changed);
    pthread_mutex_destroy(&audit->mutex);
    free(audit->text);
    free(audit->path);
    free(audit);
}

kh_status kh_audit_open(struct kh_audit **out, const char *path, struct kh_error *err)
{
    struct kh_audit *audit = malloc(sizeof *audit);
    kh_status st;

    *out = NULL;
    if (!audit)
        return kh_fail(err, KH_FATAL, "no memory for the audit log");
    *audit = (struct kh_audit){.path = strdup(path),
        .lock = -1,
        .head_fd = -1,
        .mutex = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER,
        .last = &audit->first,
        .fd = -1,
        .text = malloc((KH_AUDIT_GROUP_MAX + 2) * (size_t)KH_AUDIT_LINE_MAX),
        .link = KH_AUDIT_ORIGIN};
    st = audit->path && audit->text
             ? open_all(audit, err)
             : kh_fail(err, KH_FATAL, "no memory for the audit log");
    if (st != KH_OK) {
        release(audit);
        return st;
    }
    *out = audit;
    return KH_OK;
}

static kh_status change_file(struct kh_audit *audit, struct kh_error *err)
{
    struct stat now = {0};
    struct stat sb = {0};
    int fd = -1;
    kh_status st = kh_audit_file_open(audit->path, &fd, err);

    if (st != KH_OK)
        return st;
    if (fstat(fd, &sb) != 0 || fstat(audit->fd, &now) != 0)
        st = kh_fail(err, KH_UNAVAILABLE, "%s: %s", audit->path, strerror(errno));
    else if (sb.st_dev == now.st_dev && sb.st_ino == now.st_ino) {
        (void)close(fd);
        return KH_OK;
    } else if (sb.st_size > 0)
        st = kh_fail(err, KH_REFUSED,
            "%s: is another file and not empty; the audit log goes on in the one that "
            "was "
            "renamed; move this one away and reload again",
            audit->path);
    if (st != KH_OK) {
        (void)close(fd);
        return st;
    }
    (void)close(audit->fd);
    audit->fd = fd;
    audit->good_end = 0;
    audit->torn = false;
    return kh_audit_note(audit, KH_AUDIT_ROTATE, err);
}

kh_status kh_audit_reopen(struct kh_audit *audit, struct kh_error *err)
{
    kh_status st;

    kh_audit_take(audit);
    st = change_file(audit, err);
    kh_audit_give(audit);
    return st;
}

void kh_audit_close(struct kh_audit *audit)
{
    if (!audit)
        return;
    kh_log(KH_LOG_NOTICE, "%s: the audit log ends at entry %" PRIu64 ", head %s",
        audit->path, audit->link.seq, audit->link.hash);
    release(audit);
}
