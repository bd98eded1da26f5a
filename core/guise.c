#include "core/guise.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DEPTH = 8, PASSWD_TEXT = 16384 };

static const struct kh_guise root_itself;

/* What lies under the one that is on. */
static _Thread_local struct kh_guise below[DEPTH];
static _Thread_local size_t depth;

/* An owner who has no name has the group of the file alone. */
static void find_groups(struct kh_guise *guise)
{
    int count = KH_GUISE_GROUPS;
    char text[PASSWD_TEXT];
    struct passwd entry;
    struct passwd *found = NULL;

    guise->groups[0] = guise->gid;
    guise->group_count = 1;
    if (getpwuid_r(guise->uid, &entry, text, sizeof text, &found) == 0 && found &&
        getgrouplist(entry.pw_name, guise->gid, guise->groups, &count) >= 0)
        guise->group_count = (size_t)count;
}

void kh_guise_of(struct kh_guise *guise, const char *path)
{
    char at[PATH_MAX];
    struct stat st;
    char *slash;

    *guise = root_itself;
    if (geteuid() != 0 || !path || *path != '/' || strlen(path) >= sizeof at)
        return;
    memcpy(at, path, strlen(path) + 1);
    while (stat(at, &st) != 0) {
        slash = strrchr(at, '/');
        if (errno != ENOENT || !slash || slash == at)
            return;
        *slash = '\0';
    }
    if (st.st_uid == 0)
        return;
    guise->uid = st.st_uid;
    guise->gid = st.st_gid;
    find_groups(guise);
}

/* What the thread is now. */
static void read_state(struct kh_guise *guise)
{
    int count = getgroups(KH_GUISE_GROUPS, guise->groups);

    guise->uid = (uid_t)setfsuid((uid_t)-1);
    guise->gid = (gid_t)setfsgid((gid_t)-1);
    guise->group_count = count > 0 ? (size_t)count : 0;
}

/* With its user the kernel takes every right over files from a thread. This one comes
 * back, as a tool reads what root's configuration names. */
static void keep_reading(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &head, data) != 0)
        return;
    data[0].effective |= data[0].permitted & (1U << CAP_DAC_READ_SEARCH);
    (void)syscall(SYS_capset, &head, data);
}

/* The system call, as glibc's setgroups is for all threads. Groups and group first: they
 * need root's rights. */
static void become(const struct kh_guise *guise)
{
    (void)setfsuid(0);
    (void)syscall(SYS_setgroups, guise->group_count, guise->groups);
    (void)setfsgid(guise->gid);
    (void)setfsuid(guise->uid);
    if (guise->uid != 0)
        keep_reading();
}

void kh_guise_push(const struct kh_guise *guise)
{
    struct kh_guise *was;
    uid_t now;

    if (depth == DEPTH)
        abort(); /* a loop in the program */
    was = &below[depth++];
    was->uid = (uid_t)-1; /* nothing changes */
    /* The kernel is asked last: this stands around every call of a backend. */
    if ((guise && guise->uid == 0) || geteuid() != 0)
        return;
    now = kh_guise_user();
    if (now == (guise ? guise->uid : 0))
        return;
    read_state(was);
    become(guise ? guise : &root_itself);
}

void kh_guise_pop(void)
{
    if (depth == 0)
        abort();
    if (below[--depth].uid != (uid_t)-1)
        become(&below[depth]);
}

uid_t kh_guise_user(void)
{
    /* Only root can differ; a sandbox may forbid anybody else to ask. */
    return geteuid() == 0 ? (uid_t)setfsuid((uid_t)-1) : geteuid();
}
