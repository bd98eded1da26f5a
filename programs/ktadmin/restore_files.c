#include "core/fileio.h"
#include "core/secmem.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/restore.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void kh_restore_finding(struct kh_restore *r, const char *format, ...)
{
    char line[2048];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(line, sizeof line, format, list);
    va_end(list);
    fputs("ktadmin restore: finding: ", stderr);
    kh_print_text(stderr, line);
    fputc('\n', stderr);
    r->findings++;
}

kh_status kh_restore_place(const struct kh_restore *r, const char *path,
    char out[PATH_MAX], struct kh_error *err)
{
    /* The manifest's paths are absolute. One with ".." could leave INTO. */
    if (strstr(path, "/../") ||
        (strlen(path) >= 3 && strcmp(path + strlen(path) - 3, "/..") == 0))
        return kh_fail(err, KH_INVALID, "%.200s: not a path that a backup writes", path);
    if (snprintf(out, PATH_MAX, "%s%s", r->into ? r->into : "", path) >= PATH_MAX)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", path);
    return KH_OK;
}

kh_status kh_restore_aside(
    const struct kh_restore *r, const char *path, struct kh_error *err)
{
    char aside[PATH_MAX];

    if (snprintf(aside, sizeof aside, "%s.before-restore-%s", path, r->stamp) >= PATH_MAX)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", path);
    if (rename(path, aside) == 0) {
        fprintf(stderr, "ktadmin restore: moved %s to %s\n", path, aside);
        return KH_OK;
    }
    return errno == ENOENT ? KH_OK
                           : kh_fail(err, KH_UNAVAILABLE, "cannot move %s aside: %s",
                                 path, strerror(errno));
}

/* A member that belongs into a file of its own. */
static bool is_file(const struct kh_backup_member *m)
{
    return m->path && m->role != KH_ROLE_CATALOG && m->role != KH_ROLE_KEYS;
}

enum there { NOT_THERE, SAME, OTHER };

static enum there compare(const char *path, const struct kh_backup_member *m)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct kh_error ignored = {0};
    char *real = realpath(path, NULL);
    kh_status st;

    if (!real)
        return errno == ENOENT ? NOT_THERE : OTHER;
    st = kh_file_read(real, KH_BACKUP_FILE_MAX, &text, &ignored);
    free(real);
    return st == KH_OK && kh_buf_equal(&text, &m->data) ? SAME : OTHER;
}

kh_status kh_restore_files_check(struct kh_restore *r, struct kh_error *err)
{
    const struct kh_backup_manifest *manifest = &r->staging.manifest;
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < manifest->count; i++) {
        const struct kh_backup_member *m = &manifest->members[i];
        char path[PATH_MAX];

        if (!is_file(m))
            continue;
        st = kh_restore_place(r, m->path, path, err);
        if (st == KH_OK && !r->replace && !r->keep && compare(path, m) == OTHER)
            kh_restore_finding(r,
                "%s is there, and is another than in the backup: --replace moves it "
                "aside, --keep-configuration leaves it as it is",
                path);
    }
    return st;
}

/* Names, not numbers: on another host they are others. */
static kh_status give(
    const char *path, const struct kh_backup_member *m, struct kh_error *err)
{
    const struct passwd *user = m->owner[0] ? getpwnam(m->owner) : NULL;
    const struct group *group = m->group[0] ? getgrnam(m->group) : NULL;

    if (geteuid() != 0)
        return KH_OK;
    if (!user && m->owner[0])
        fprintf(stderr, "ktadmin restore: note: there is no user %s for %s\n", m->owner,
            path);
    if (lchown(path, user ? user->pw_uid : (uid_t)-1,
            group ? group->gr_gid : (gid_t)-1) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot give %s to %s: %s", path, m->owner,
            strerror(errno));
    return KH_OK;
}

static kh_status write_one(const struct kh_restore *r, const struct kh_backup_member *m,
    const char *path, struct kh_error *err)
{
    kh_status st = kh_parent_make(path, 0755, err);

    if (st == KH_OK && r->replace)
        st = kh_restore_aside(r, path, err);
    /* Never readable for others before it has its owner. */
    if (st == KH_OK)
        st = kh_file_write(path, m->data.data, m->data.len, 0600, true, err);
    if (st == KH_OK)
        st = give(path, m, err);
    if (st == KH_OK && chmod(path, m->mode & 0777) != 0)
        st = kh_fail(
            err, KH_UNAVAILABLE, "cannot set the mode of %s: %s", path, strerror(errno));
    if (st == KH_OK)
        printf("restored %s\n", path);
    return st;
}

kh_status kh_restore_files(struct kh_restore *r, struct kh_error *err)
{
    const struct kh_backup_manifest *manifest = &r->staging.manifest;
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < manifest->count; i++) {
        const struct kh_backup_member *m = &manifest->members[i];
        char path[PATH_MAX];
        enum there there;

        if (!is_file(m))
            continue;
        st = kh_restore_place(r, m->path, path, err);
        if (st != KH_OK)
            return st;
        there = compare(path, m);
        if (there == NOT_THERE || (there == OTHER && r->replace))
            st = write_one(r, m, path, err);
        else
            printf("left     %s: %s\n", path, there == SAME ? "it is the same" : "kept");
    }
    return st;
}
