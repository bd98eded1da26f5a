/*
 * Emptying a directory. The top level is shared by several threads: freeing a file's
 * blocks can take milliseconds (a disk that is told of each, "discard"), and a store may
 * hold 50,000 files.
 */
#include "plugins/softfile/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum {
    DEPTH_MAX = 8, /* a store is two levels deep; foreign trees a little more */
    HELPERS = 7    /* beside the caller */
};

/* One pass over one directory. */
struct pass {
    int dirfd;
    unsigned depth;
    DIR *dir;
    pthread_mutex_t lock; /* guards what follows, and DIR */
    bool found;
    kh_status status; /* of the first failure */
    struct kh_error error;
};

static kh_status empty_to_depth(int dirfd, unsigned depth, struct kh_error *err);

static kh_status remove_entry(
    int dirfd, const char *file, unsigned depth, struct kh_error *err)
{
    KH_SOFT_CLEANUP_FD int fd = -1;
    kh_status status;

    if (unlinkat(dirfd, file, 0) == 0 || errno == ENOENT)
        return KH_OK;
    if (errno != EISDIR && errno != EPERM)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot remove %s: %s", file, strerror(errno));
    fd = openat(dirfd, file, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot open %s: %s", file, strerror(errno));
    status = empty_to_depth(fd, depth + 1, err);
    if (status == KH_OK && unlinkat(dirfd, file, AT_REMOVEDIR) != 0)
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot remove %s: %s", file, strerror(errno));
    return status;
}

/* Holding the lock. False: the end, or somebody failed. */
static bool next_name(struct pass *pass, char name[NAME_MAX + 1])
{
    struct dirent *entry;

    while (pass->status == KH_OK && (entry = readdir(pass->dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        pass->found = true;
        snprintf(name, NAME_MAX + 1, "%s", entry->d_name);
        return true;
    }
    return false;
}

static void *remove_entries(void *arg)
{
    struct pass *pass = arg;
    char name[NAME_MAX + 1];

    (void)pthread_mutex_lock(&pass->lock);
    while (next_name(pass, name)) {
        struct kh_error err = {0};
        kh_status status;

        (void)pthread_mutex_unlock(&pass->lock);
        status = remove_entry(pass->dirfd, name, pass->depth, &err);
        (void)pthread_mutex_lock(&pass->lock);
        if (status != KH_OK && pass->status == KH_OK) {
            pass->status = status;
            pass->error = err;
        }
    }
    (void)pthread_mutex_unlock(&pass->lock);
    return NULL;
}

/* Below the top there are too few entries for helpers; without any the caller does it
 * all. */
static void work(struct pass *pass)
{
    pthread_t helpers[HELPERS];
    unsigned started = 0;

    while (pass->depth == 0 && started < HELPERS &&
           pthread_create(&helpers[started], NULL, remove_entries, pass) == 0)
        started++;
    (void)remove_entries(pass);
    while (started > 0)
        (void)pthread_join(helpers[--started], NULL);
}

/* A pass may miss entries while others go, so passes are made until one finds nothing. */
static kh_status empty_once(int dirfd, unsigned depth, bool *found, struct kh_error *err)
{
    struct pass pass = {.dirfd = dirfd, .depth = depth};
    int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    pass.dir = copy >= 0 ? fdopendir(copy) : NULL;
    if (!pass.dir) {
        kh_soft_close_fd(&copy);
        return kh_fail(
            err, KH_UNAVAILABLE, "cannot list a directory: %s", strerror(errno));
    }
    (void)pthread_mutex_init(&pass.lock, NULL);
    work(&pass);
    (void)pthread_mutex_destroy(&pass.lock);
    (void)closedir(pass.dir);
    *found = pass.found;
    if (pass.status != KH_OK)
        *err = pass.error;
    return pass.status;
}

static kh_status empty_to_depth(int dirfd, unsigned depth, struct kh_error *err)
{
    kh_status status = KH_OK;
    bool found = true;

    if (depth > DEPTH_MAX)
        return kh_fail(err, KH_REFUSED,
            "directories are nested more than %d deep: not ours", DEPTH_MAX);
    while (status == KH_OK && found)
        status = empty_once(dirfd, depth, &found, err);
    return status;
}

kh_status kh_soft_empty(int dirfd, struct kh_error *err)
{
    return empty_to_depth(dirfd, 0, err);
}
