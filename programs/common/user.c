#include "programs/common/user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LOCKED_MEMORY = 256 << 20 };

kh_status kh_user_find(struct kh_user *user, const char *name, struct kh_error *err)
{
    const struct passwd *entry;

    errno = 0;
    entry = getpwnam(name);
    if (!entry)
        return kh_fail(err, KH_NOT_FOUND, "there is no user '%.64s'%s%s", name,
            errno ? ": " : "", errno ? strerror(errno) : "");
    if (snprintf(user->name, sizeof user->name, "%s", name) >= (int)sizeof user->name)
        return kh_fail(err, KH_INVALID, "'%.64s...': too long for a user", name);
    user->uid = entry->pw_uid;
    user->gid = entry->pw_gid;
    return KH_OK;
}

/* The hard limit is root's to raise, so it comes first; a container may keep root from
 * it. Then it is as high as it can be, and the daemon says whether that is enough. */
static void let_it_lock_memory(void)
{
    const struct rlimit wanted = {LOCKED_MEMORY, LOCKED_MEMORY};
    struct rlimit now;

    if (getrlimit(RLIMIT_MEMLOCK, &now) != 0 || now.rlim_cur >= wanted.rlim_cur ||
        setrlimit(RLIMIT_MEMLOCK, &wanted) == 0)
        return;
    now.rlim_cur = now.rlim_max;
    (void)setrlimit(RLIMIT_MEMLOCK, &now);
}

bool kh_user_become(const struct kh_user *user)
{
    const struct rlimit core = {0, 0};

    let_it_lock_memory();
    if (setrlimit(RLIMIT_CORE, &core) != 0 || initgroups(user->name, user->gid) != 0 ||
        setresgid(user->gid, user->gid, user->gid) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0)
        return false;
    if (user->uid != 0 && setuid(0) == 0) {
        errno = EPERM; /* there was a way back */
        return false;
    }
    return true;
}

kh_status kh_user_give(
    const struct kh_user *user, int fd, const char *path, struct kh_error *err)
{
    if (fchown(fd, user->uid, user->gid) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: cannot be given to user %s: %s", path,
            user->name, strerror(errno));
    return KH_OK;
}
