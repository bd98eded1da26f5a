#include "server/kms/groups_system.h"

#include "server/kms/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_BUFFER = 4 * 1024,
    LAST_BUFFER = 4 * 1024 * 1024, /* a group with very many members */
    GROUPS_MAX = 65536             /* NGROUPS_MAX of the kernel */
};

/* The primary group of USER. KH_NOT_FOUND: the system does not know USER. */
static kh_status primary(const char *user, gid_t *gid, struct kh_error *err)
{
    struct passwd entry;
    struct passwd *found = NULL;
    char *buffer = NULL;
    int rc = ERANGE;

    for (size_t size = FIRST_BUFFER; rc == ERANGE && size <= LAST_BUFFER; size *= 4) {
        free(buffer);
        buffer = malloc(size);
        if (!buffer)
            return kh_fail(err, KH_UNAVAILABLE, "no memory for a user's groups");
        rc = getpwnam_r(user, &entry, buffer, size, &found);
    }
    if (found)
        *gid = entry.pw_gid;
    free(buffer);
    if (found)
        return KH_OK;
    /* POSIX has 0 for "no such user"; some sources say it in their own way. */
    if (rc == 0 || rc == ENOENT || rc == ESRCH || rc == EPERM)
        return kh_fail(err, KH_NOT_FOUND, "the system knows no user %s", user);
    return kh_fail(err, KH_UNAVAILABLE, "the groups of %s: %s", user, strerror(rc));
}

/* Adds the name of GID; a group without one is none that a list could name. */
static kh_status add_name(gid_t gid, struct kms_names *names, struct kh_error *err)
{
    struct group entry;
    struct group *found = NULL;
    char *buffer = NULL;
    int rc = ERANGE;
    kh_status st = KH_OK;

    for (size_t size = FIRST_BUFFER; rc == ERANGE && size <= LAST_BUFFER; size *= 4) {
        free(buffer);
        buffer = malloc(size);
        if (!buffer)
            return kh_fail(err, KH_UNAVAILABLE, "no memory for a user's groups");
        rc = getgrgid_r(gid, &entry, buffer, size, &found);
    }
    if (found)
        st = kms_names_add(names, entry.gr_name, strlen(entry.gr_name), err);
    else if (rc != 0 && rc != ENOENT && rc != ESRCH && rc != EPERM)
        st = kh_fail(
            err, KH_UNAVAILABLE, "the name of group %u: %s", (unsigned)gid, strerror(rc));
    free(buffer);
    return st;
}

kh_status kms_groups_system(
    const char *user, struct kms_names *names, struct kh_error *err)
{
    struct kh_error why = {0};
    gid_t *gids = NULL;
    gid_t gid = 0;
    int count = 64;
    kh_status st = primary(user, &gid, &why);

    if (st == KH_NOT_FOUND)
        return KH_OK;
    if (st != KH_OK)
        return kh_fail(err, st, "%s", why.message);
    for (;;) {
        int room = count;
        gid_t *more = realloc(gids, (size_t)room * sizeof *gids);

        if (!more) {
            free(gids);
            return kh_fail(err, KH_UNAVAILABLE, "no memory for a user's groups");
        }
        gids = more;
        if (getgrouplist(user, gid, gids, &count) >= 0)
            break;
        if (count <= room || count > GROUPS_MAX) {
            free(gids);
            return kh_fail(err, KH_UNAVAILABLE, "the groups of %s cannot be read", user);
        }
    }
    for (int i = 0; st == KH_OK && i < count; i++)
        st = add_name(gids[i], names, err);
    free(gids);
    return st;
}
