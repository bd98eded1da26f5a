/*
 * Root's tools work on what belongs to a daemon's user. Whatever a backend makes there (a
 * catalog, its log, a lock, the files of a software token) has to be that user's, from
 * its first moment: a tool that is killed must not leave behind what the daemon cannot
 * open. So root puts a guise on: for files the thread is the owner of the place, in the
 * owner's groups; it still reads everything. Links that the owner has laid lead nowhere
 * that the owner could not go.
 *
 * A guise is a thread's; a thread that is started under it keeps it. Who is not root
 * never changes.
 */
#ifndef KH_CORE_GUISE_H
#define KH_CORE_GUISE_H

#include <keyhsm/types.h>
#include <sys/types.h>

#define KH_GUISE_GROUPS 64

struct kh_guise {
    uid_t uid; /* 0: none */
    gid_t gid;
    size_t group_count;
    gid_t groups[KH_GUISE_GROUPS];
};

/* Of the owner of PATH, or of the nearest directory above it that exists. None when PATH
 * is NULL or relative, when the owner is root, and for everybody who is not root. Thread
 * safe. */
void kh_guise_of(struct kh_guise *guise, const char *path);

/* Puts GUISE on, over the one that the thread has; NULL: root itself. One without a user
 * changes nothing: a backend that needs none works in that of its caller. At most 8 lie
 * over each other. Each is taken off again by one kh_guise_pop. */
void kh_guise_push(const struct kh_guise *guise);
/* The guise before the last push. */
void kh_guise_pop(void);

/* Whom the files belong to that this thread makes: the effective user, or the guise. */
uid_t kh_guise_user(void);

#endif
