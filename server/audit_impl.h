/* Inside the audit log. For server/audit*.c only. */
#ifndef KH_SERVER_AUDIT_IMPL_H
#define KH_SERVER_AUDIT_IMPL_H

#include "server/audit_line.h"

#include <pthread.h>
#include <sys/types.h>

/* Entries of one write at most; an audit.recover may come on top. */
#define KH_AUDIT_GROUP_MAX 32

/* A thread in kh_audit_write. */
struct kh_audit_waiter {
    const struct kh_audit_entry *entry;
    kh_status status;
    struct kh_error error;
    bool done;
    struct kh_audit_waiter *next;
};

struct kh_audit {
    char *path;
    int lock;    /* of PATH.lock */
    int head_fd; /* PATH.head */

    pthread_mutex_t mutex; /* over the queue and BUSY */
    pthread_cond_t changed;
    struct kh_audit_waiter *first;
    struct kh_audit_waiter **last;
    bool busy; /* one thread has the file, and with it all that follows */

    int fd;
    char *text;                /* of one write: KH_AUDIT_GROUP_MAX + 2 lines */
    struct kh_audit_link link; /* the last entry */
    off_t good_end;            /* where it ends in the file */
    bool torn;                 /* bytes that are no entry stand behind it */
    bool failed;               /* fdatasync failed: what is on the disk is not known */
};

/* audit_file.c */

/* Opens PATH to read and append; makes it, durably, when there is none. */
KH_CHECK kh_status kh_audit_file_open(const char *path, int *fd, struct kh_error *err);

/* Finds the last entry: *LINK (untouched when there is none), *GOOD_END and *TORN of
 * struct kh_audit. KH_CORRUPT when the last line is neither an entry nor torn. */
KH_CHECK kh_status kh_audit_file_end(struct kh_audit *audit, struct kh_error *err);

/* What stands behind the last entry, as it will be once it is marked. */
KH_CHECK kh_status kh_audit_file_torn(
    const struct kh_audit *audit, struct kh_audit_torn *torn, struct kh_error *err);

/* audit_head.c */

/* Opens PATH.head, makes it when there is none, and reads it: *HEAD is unchanged when it
 * holds nothing that can be read. */
KH_CHECK kh_status kh_audit_head_open(
    struct kh_audit *audit, struct kh_audit_link *head, struct kh_error *err);
/* Notes audit->link. Not durable, and no more than a second witness: a failure is logged
 * and nothing else. */
void kh_audit_head_note(const struct kh_audit *audit);

/* audit_write.c */

/* Appends the entries of WAITERS (a list; may be NULL) as one write and sets their
 * status. The caller has AUDIT for itself (busy, or nobody else knows it). What was torn
 * is marked first. */
void kh_audit_append(struct kh_audit *audit, struct kh_audit_waiter *waiters);
/* Appends one entry of the log's own. As kh_audit_append. */
KH_CHECK kh_status kh_audit_note(
    struct kh_audit *audit, const char *operation, struct kh_error *err);
/* Waits until AUDIT is the caller's alone, and gives it back. */
void kh_audit_take(struct kh_audit *audit);
void kh_audit_give(struct kh_audit *audit);

#endif
