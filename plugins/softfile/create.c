#include "plugins/softfile/create.h"

#include "plugins/softfile/files.h"
#include "plugins/softfile/names.h"
#include "plugins/softfile/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

/* Whom the files belong to that are made here: not the process's user when root makes the
 * store of another. */
static uid_t us(void)
{
    /* Only root can differ; a sandbox may forbid anybody else to ask. */
    return geteuid() == 0 ? (uid_t)setfsuid((uid_t)-1) : geteuid();
}

static kh_status sync_parent(char *path, char *slash, struct kh_error *err)
{
    KH_SOFT_CLEANUP_FD int fd = -1;
    char kept = *slash;

    *slash = '\0';
    fd = open(*path ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *slash = kept;
    return fd >= 0 ? kh_soft_sync(fd, path, err)
                   : kh_fail(err, KH_UNAVAILABLE, "cannot open the parent of %s: %s",
                         path, strerror(errno));
}

/* mkdir -p. What is there already keeps its mode. */
static kh_status make_directories(const char *directory, struct kh_error *err)
{
    char path[PATH_MAX];
    char *end = path;
    kh_status status = KH_OK;

    if (snprintf(path, sizeof path, "%s", directory) >= (int)sizeof path)
        return kh_fail(err, KH_INVALID, "path too long: %.64s...", directory);
    while (status == KH_OK && *end) {
        char *slash = end;
        char kept;

        end = slash + 1 + strcspn(slash + 1, "/");
        kept = *end;
        *end = '\0';
        if (mkdir(path, 0700) == 0)
            status = sync_parent(path, slash, err);
        else if (errno != EEXIST && errno != EISDIR)
            status = kh_fail(err, KH_UNAVAILABLE, "cannot make directory %s: %s", path,
                strerror(errno));
        *end = kept;
    }
    return status;
}

static bool is_ours(const char *file)
{
    static const char *const names[] = {".", "..", KH_SOFT_DEPOSITS, KH_SOFT_KEY_FILE,
        KH_SOFT_SERVE_LOCK, KH_SOFT_WRITE_LOCK, ".ssl"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(file, names[i]) == 0)
            return true;
    }
    return kh_soft_is_debris(file);
}

/* The first entry of directory DIRFD for which OURS is false, in FOUND; "" when there is
 * none. */
static kh_status find_foreign(int dirfd, bool (*ours)(const char *file),
    char found[KH_SOFT_FILE_SIZE], struct kh_error *err)
{
    int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;

    if (!dir) {
        kh_soft_close_fd(&copy);
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot list a directory: %s", strerror(errno));
    }
    found[0] = '\0';
    while (!found[0] && (entry = readdir(dir)) != NULL) {
        if (!ours(entry->d_name))
            snprintf(found, KH_SOFT_FILE_SIZE, "%s", entry->d_name);
    }
    (void)closedir(dir);
    return KH_OK;
}

static bool is_dots(const char *file)
{
    return strcmp(file, ".") == 0 || strcmp(file, "..") == 0;
}

static kh_status check_foreign(int fd, const char *directory, struct kh_error *err)
{
    char found[KH_SOFT_FILE_SIZE] = "";
    kh_status status = find_foreign(fd, is_ours, found, err);

    if (status == KH_OK && found[0])
        return kh_fail(err, KH_REFUSED,
            "%s is not empty and no key store: it holds %.100s; choose an empty "
            "directory",
            directory, found);
    return status;
}

static kh_status make_deposits(int fd, const char *directory, struct kh_error *err)
{
    KH_SOFT_CLEANUP_FD int deposits = -1;
    char found[KH_SOFT_FILE_SIZE] = "";
    kh_status status;

    if (mkdirat(fd, KH_SOFT_DEPOSITS, 0700) != 0 && errno != EEXIST)
        return kh_fail(err, KH_UNAVAILABLE, "cannot make %s/%s: %s", directory,
            KH_SOFT_DEPOSITS, strerror(errno));
    deposits =
        openat(fd, KH_SOFT_DEPOSITS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (deposits < 0 || fchmod(deposits, 0700) != 0)
        return kh_fail(
            err, KH_REFUSED, "%s/%s: %s", directory, KH_SOFT_DEPOSITS, strerror(errno));
    status = find_foreign(deposits, is_dots, found, err);
    if (status == KH_OK && found[0])
        return kh_fail(err, KH_REFUSED,
            "%s holds deposits but no %s: put it back from a backup", directory,
            KH_SOFT_CERT_FILE);
    return status == KH_OK ? kh_soft_sync(fd, directory, err) : status;
}

/* A key that is there may have sealed something: it is used, not replaced. */
static kh_status make_key(
    struct kh_soft_keys *keys, int fd, const char *directory, struct kh_error *err)
{
    const char *type = keys->host->option_string(keys->host, "key_type");
    kh_status status = KH_OK;

    if (faccessat(fd, KH_SOFT_KEY_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return kh_soft_keys_load_key(keys, fd, directory, us(), err);
    status = kh_soft_keys_passphrase(keys, true, err);
    if (status == KH_OK)
        status = kh_soft_keys_generate(keys, type ? type : "ec", err);
    return status == KH_OK ? kh_soft_keys_save_key(keys, directory, err) : status;
}

static bool is_store(int fd)
{
    return faccessat(fd, KH_SOFT_CERT_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
           faccessat(fd, KH_SOFT_SEAL_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static kh_status make_store(
    struct kh_soft_keys *keys, int fd, const char *directory, struct kh_error *err)
{
    kh_status status = make_deposits(fd, directory, err);

    if (status == KH_OK)
        status = make_key(keys, fd, directory, err);
    if (status == KH_OK)
        status = kh_soft_keys_certify(keys, err);
    if (status == KH_OK)
        status = kh_soft_keys_save_cert(keys, directory, err);
    if (status == KH_OK)
        keys->host->log(
            keys->host, KH_LOG_NOTICE, "made a legacy store in %s", directory);
    return status;
}

static kh_status create_locked(
    struct kh_soft_keys *keys, int fd, const char *directory, struct kh_error *err)
{
    char path[PATH_MAX];
    kh_status status;
    int lock = -1;

    if (snprintf(path, sizeof path, "%s/%s", directory, KH_SOFT_WRITE_LOCK) >=
        (int)sizeof path)
        return kh_fail(err, KH_INVALID, "path too long: %.64s...", directory);
    status = keys->host->lock(keys->host, path, directory, &lock, err);
    if (status != KH_OK)
        return status;
    if (!is_store(fd))
        status = make_store(keys, fd, directory, err);
    keys->host->unlock(keys->host, lock);
    return status;
}

kh_status kh_soft_create(
    struct kh_soft_keys *keys, const char *directory, struct kh_error *err)
{
    KH_SOFT_CLEANUP_FD int fd = -1;
    char note[KH_SOFT_NOTE_SIZE];
    struct stat st;
    kh_status status = make_directories(directory, err);

    if (status != KH_OK)
        return status;
    fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return kh_fail(err, KH_REFUSED,
            "%s: is not a directory (a symbolic link is not followed)", directory);
    if (fd < 0 || fstat(fd, &st) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot open %s: %s", directory, strerror(errno));
    if (is_store(fd))
        return KH_OK;
    status = check_foreign(fd, directory, err);
    if (status == KH_OK && kh_soft_flaw(&st, S_IFDIR, us(), note))
        status = kh_fail(err, KH_REFUSED, "%s: %s", directory, note);
    if (status == KH_OK)
        status = create_locked(keys, fd, directory, err);
    EVP_PKEY_free(keys->key);
    X509_free(keys->cert);
    keys->key = NULL;
    keys->cert = NULL;
    return status;
}
