#include "programs/ktadmin/confdir.h"

#include "core/fileio.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

kh_status kh_confdir_path(
    char out[PATH_MAX], const char *confdir, const char *file, struct kh_error *err)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", confdir, file);

    if (n < 0 || n >= PATH_MAX)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", confdir);
    return KH_OK;
}

kh_status kh_confdir_give(const char *confdir, const char *path, struct kh_error *err)
{
    struct stat st;

    if (geteuid() != 0)
        return KH_OK;
    if (stat(confdir, &st) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot look at %s: %s", confdir, strerror(errno));
    if (lchown(path, st.st_uid, st.st_gid) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot give %s to the owner of %s: %s", path,
            confdir, strerror(errno));
    return KH_OK;
}

kh_status kh_confdir_make_ssl(const char *confdir, struct kh_error *err)
{
    char path[PATH_MAX];
    struct stat st;
    kh_status status = kh_confdir_path(path, confdir, KH_CONFDIR_SSL, err);

    if (status != KH_OK)
        return status;
    if (mkdir(path, 0700) == 0) {
        status = kh_confdir_give(confdir, path, err);
        return status == KH_OK ? kh_dir_sync(confdir, err) : status;
    }
    if (errno != EEXIST)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot make directory %s: %s", path, strerror(errno));
    if (lstat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return kh_fail(err, KH_REFUSED,
            "%s is no directory (a symbolic link is not followed)", path);
    if (st.st_mode & 022)
        return kh_fail(err, KH_REFUSED,
            "%s: others may write into it; run: chmod 0700 %s", path, path);
    return KH_OK;
}
