/*
 * An open legacy store: its directory, keys and locks.
 *
 * Locks, in the order they are taken:
 *   serve.lock   a daemon, from open to close: a second daemon is refused
 *   write_mutex  one writer of this process at a time
 *   write.lock   a migration, from open to close; anybody else for one write
 *   list_mutex   the window of a listing; never held together with the others
 * Reads take none: a version's file is never changed once it has its name.
 */
#ifndef KH_SOFTFILE_STORE_H
#define KH_SOFTFILE_STORE_H

#include "plugins/softfile/keys.h"
#include "plugins/softfile/known.h"
#include "plugins/softfile/window.h"

#include <pthread.h>
#include <sys/types.h>

#define KH_SOFT_DEPOSITS "deposits"
#define KH_SOFT_SEAL_FILE "seal.json"
#define KH_SOFT_SERVE_LOCK "serve.lock"
#define KH_SOFT_WRITE_LOCK "write.lock"

struct kh_soft_store {
    const struct kh_host *host;
    const char *directory; /* of the configuration, which outlives the store */
    int fd;                /* of the directory */
    int deposits; /* of deposits/; -1 in a sealed store whose deposits are destroyed */
    uid_t owner;
    gid_t group;
    char identity[KH_SOFT_IDENTITY_SIZE];
    size_t data_max;
    struct kh_soft_keys keys;
    int serve_lock;   /* -1: not held */
    int write_lock;   /* -1: not held; a migration holds it all the time */
    uint64_t busy_at; /* when a write last gave up waiting; under write_mutex */
    pthread_mutex_t write_mutex;
    pthread_mutex_t list_mutex;
    struct kh_soft_window window;
    struct kh_soft_known *known; /* NULL unless a migration has it open, not sealed */
};

/* Opens the store as HOST's options and mode say. See kh_plugin.open. */
KH_CHECK kh_status kh_soft_store_open(
    struct kh_soft_store **out, const struct kh_host *host, struct kh_error *err);
/* NULL is fine. */
void kh_soft_store_close(struct kh_soft_store *store);

/* From begin to end no other thread and no other process writes. KH_BUSY, with the pid,
 * when another process keeps the lock (a migration); KH_REFUSED when the store is sealed.
 */
KH_CHECK kh_status kh_soft_write_begin(struct kh_soft_store *store, struct kh_error *err);
void kh_soft_write_end(struct kh_soft_store *store);

/* What root makes in the store of another user is given to that user, who could not read
 * it otherwise. FILE is below DIRFD. */
KH_CHECK kh_status kh_soft_give(
    const struct kh_soft_store *store, int dirfd, const char *file, struct kh_error *err);

#endif
