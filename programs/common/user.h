/* The user that a daemon runs as when root starts it without systemd. */
#ifndef KH_PROGRAMS_USER_H
#define KH_PROGRAMS_USER_H

#include <keyhsm/types.h>
#include <sys/types.h>

#define KH_USER_NAME 64

struct kh_user {
    char name[KH_USER_NAME];
    uid_t uid;
    gid_t gid;
};

/* Looks NAME up. KH_NOT_FOUND: there is none. Not thread safe. */
KH_CHECK kh_status kh_user_find(
    struct kh_user *user, const char *name, struct kh_error *err);

/* For a child before it executes the daemon, as root: becomes USER for good, with its
 * groups, and with the limits that the unit would set: memory may be locked (256 MiB), no
 * core dumps. False, with errno, when that cannot be; the child must end then. */
bool kh_user_become(const struct kh_user *user);

/* Gives the open file FD to USER. KH_UNAVAILABLE; PATH is for the message. */
KH_CHECK kh_status kh_user_give(
    const struct kh_user *user, int fd, const char *path, struct kh_error *err);

#endif
