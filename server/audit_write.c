#include "server/audit_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { GROUP_MAX = KH_AUDIT_GROUP_MAX };

/* A line that is to be written, and where the chain is behind it. */
struct line {
    size_t end;
    struct kh_audit_link link;
    struct kh_audit_waiter *waiter; /* NULL: audit.recover */
};

struct group {
    char *text; /* audit->text: room for GROUP_MAX + 1 lines and the mark */
    size_t len;
    off_t begin; /* where it stands in the file */
    struct line lines[GROUP_MAX + 1];
    size_t count;
};

static kh_status no_memory(struct kh_error *err)
{
    return kh_fail(err, KH_FATAL, "no memory for the audit log");
}

static kh_status add_line(struct group *group, struct kh_audit_link *link,
    struct kh_audit_waiter *waiter, const struct kh_audit_torn *torn)
{
    static const struct kh_audit_entry recover = {.operation = KH_AUDIT_RECOVER};
    size_t len = kh_audit_line_make(
        group->text + group->len, waiter ? waiter->entry : &recover, torn, link);

    if (len == 0)
        return KH_FATAL;
    group->len += len;
    group->lines[group->count++] = (struct line){group->len, *link, waiter};
    return KH_OK;
}

/* The mark and audit.recover, when bytes of an interrupted write stand in the file. */
static kh_status add_recovery(struct kh_audit *audit, struct group *group,
    struct kh_audit_link *link, struct kh_error *err)
{
    struct kh_audit_torn torn;
    kh_status st;

    if (!audit->torn)
        return KH_OK;
    st = kh_audit_file_torn(audit, &torn, err);
    if (st != KH_OK)
        return st;
    memcpy(group->text, KH_AUDIT_TORN, sizeof KH_AUDIT_TORN - 1);
    group->len = sizeof KH_AUDIT_TORN - 1;
    return add_line(group, link, NULL, &torn) == KH_OK ? KH_OK : no_memory(err);
}

/* Where the file ends now, so where the next write begins. */
static kh_status find_end(struct kh_audit *audit, off_t *end, struct kh_error *err)
{
    struct stat sb;

    if (fstat(audit->fd, &sb) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: cannot be written: %s", audit->path,
            strerror(errno));
    if (sb.st_nlink == 0)
        return kh_fail(err, KH_UNAVAILABLE,
            "%s: the audit log was deleted; reload the daemon to make a new one",
            audit->path);
    /* Somebody may have made a copy and emptied it (logrotate's copytruncate). */
    if (sb.st_size < audit->good_end)
        audit->torn = false;
    if (!audit->torn)
        audit->good_end = sb.st_size;
    *end = sb.st_size;
    return KH_OK;
}

/* Writes the text of GROUP; *WRITTEN is how much of it got there. */
static kh_status write_text(struct kh_audit *audit, const struct group *group,
    size_t *written, struct kh_error *err)
{
    for (*written = 0; *written < group->len;) {
        ssize_t n = write(audit->fd, group->text + *written, group->len - *written);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return kh_fail(err, KH_UNAVAILABLE, "%s: cannot be written: %s", audit->path,
                strerror(errno));
        *written += (size_t)n;
    }
    return KH_OK;
}

/* Makes the lines that are whole in the file durable, and has the chain go on behind
 * them. *WHOLE is their number. */
static kh_status settle(struct kh_audit *audit, const struct group *group, size_t written,
    size_t *whole, struct kh_error *err)
{
    for (*whole = 0; *whole < group->count && group->lines[*whole].end <= written;)
        ++*whole;
    if (*whole > 0) {
        const struct line *last = &group->lines[*whole - 1];

        audit->link = last->link;
        audit->good_end = group->begin + (off_t)last->end;
        audit->torn = written > last->end;
    } else {
        audit->torn = audit->torn || written > 0;
    }
    if (*whole > 0 && fdatasync(audit->fd) != 0)
        return kh_fail(err, KH_FATAL, "%s: cannot be made durable: %s", audit->path,
            strerror(errno));
    return KH_OK;
}

static void answer(
    struct kh_audit_waiter *waiter, kh_status st, const struct kh_error *why)
{
    waiter->status = st;
    if (st != KH_OK)
        waiter->error = *why;
}

/* Builds and writes GROUP of WAITERS; *WHOLE lines of it are durable. */
static kh_status run(struct kh_audit *audit, struct group *group,
    struct kh_audit_waiter *waiters, size_t *whole, struct kh_error *err)
{
    struct kh_audit_link link = audit->link;
    struct kh_error why = {0};
    size_t written = 0;
    kh_status synced;
    kh_status st = find_end(audit, &group->begin, err);

    if (st == KH_OK)
        st = add_recovery(audit, group, &link, err);
    for (struct kh_audit_waiter *w = waiters; st == KH_OK && w; w = w->next) {
        if (add_line(group, &link, w, NULL) != KH_OK)
            st = no_memory(err);
    }
    if (st != KH_OK)
        return st;
    st = write_text(audit, group, &written, err);
    synced = settle(audit, group, written, whole, &why);
    if (synced != KH_OK) {
        audit->failed = true;
        *whole = 0;
        *err = why;
        return synced;
    }
    if (*whole > 0)
        kh_audit_head_note(audit);
    return st;
}

void kh_audit_append(struct kh_audit *audit, struct kh_audit_waiter *waiters)
{
    struct group group = {.text = audit->text};
    struct kh_error why = {0};
    size_t whole = 0;
    kh_status st;

    if (audit->failed)
        st = kh_fail(
            &why, KH_FATAL, "%s: an earlier entry was not made durable", audit->path);
    else
        st = run(audit, &group, waiters, &whole, &why);
    for (struct kh_audit_waiter *w = waiters; w; w = w->next)
        answer(w, st, &why);
    /* Some may stand in the file although the write as a whole failed. */
    for (size_t i = 0; i < whole; i++) {
        if (group.lines[i].waiter)
            answer(group.lines[i].waiter, KH_OK, NULL);
    }
}

kh_status kh_audit_note(
    struct kh_audit *audit, const char *operation, struct kh_error *err)
{
    const struct kh_audit_entry entry = {.operation = operation};
    struct kh_audit_waiter waiter = {.entry = &entry};

    kh_audit_append(audit, &waiter);
    if (waiter.status != KH_OK && err)
        *err = waiter.error;
    return waiter.status;
}

void kh_audit_take(struct kh_audit *audit)
{
    pthread_mutex_lock(&audit->mutex);
    while (audit->busy)
        pthread_cond_wait(&audit->changed, &audit->mutex);
    audit->busy = true;
    pthread_mutex_unlock(&audit->mutex);
}

void kh_audit_give(struct kh_audit *audit)
{
    pthread_mutex_lock(&audit->mutex);
    audit->busy = false;
    pthread_cond_broadcast(&audit->changed);
    pthread_mutex_unlock(&audit->mutex);
}

/* At most GROUP_MAX from the front of the queue. With the mutex held. */
static struct kh_audit_waiter *take_group(struct kh_audit *audit)
{
    struct kh_audit_waiter *group = audit->first;
    struct kh_audit_waiter **end = &group;

    for (unsigned n = 0; n < GROUP_MAX && *end; n++)
        end = &(*end)->next;
    audit->first = *end;
    if (!audit->first)
        audit->last = &audit->first;
    *end = NULL;
    return group;
}

/* Writes for everybody who waits, while others queue up. With the mutex held, which is
 * given up in between. */
static void lead(struct kh_audit *audit)
{
    struct kh_audit_waiter *group = take_group(audit);

    audit->busy = true;
    pthread_mutex_unlock(&audit->mutex);
    kh_audit_append(audit, group);
    pthread_mutex_lock(&audit->mutex);
    audit->busy = false;
    /* A waiter may be gone as soon as it is done and the mutex free. */
    while (group) {
        struct kh_audit_waiter *next = group->next;

        group->done = true;
        group = next;
    }
    pthread_cond_broadcast(&audit->changed);
}

kh_status kh_audit_write(
    struct kh_audit *audit, const struct kh_audit_entry *entry, struct kh_error *err)
{
    struct kh_audit_waiter me = {.entry = entry};

    pthread_mutex_lock(&audit->mutex);
    *audit->last = &me;
    audit->last = &me.next;
    while (!me.done) {
        if (audit->busy)
            pthread_cond_wait(&audit->changed, &audit->mutex);
        else
            lead(audit);
    }
    pthread_mutex_unlock(&audit->mutex);
    if (me.status != KH_OK && err)
        *err = me.error;
    return me.status;
}
