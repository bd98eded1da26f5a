#include "plugins/pkcs11/statedir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

uid_t kh_files_user(void)
{
    /* Only root can differ; a sandbox may forbid anybody else to ask. */
    return geteuid() == 0 ? (uid_t)setfsuid((uid_t)-1) : geteuid();
}

kh_status kh_statedir_look(const char *path, bool *there, struct kh_error *err)
{
    struct stat st;

    *there = lstat(path, &st) == 0;
    if (!*there && errno == ENOENT)
        return KH_OK;
    if (!*there)
        return kh_fail(
            err, KH_UNAVAILABLE, "state_dir %s: %s", path, strerrordesc_np(errno));
    if (!S_ISDIR(st.st_mode))
        return kh_fail(err, KH_REFUSED, "state_dir %s: not a directory", path);
    if (st.st_uid != kh_files_user())
        return kh_fail(err, KH_REFUSED,
            "state_dir %s: belongs to uid %u, not to this process's %u", path,
            (unsigned)st.st_uid, (unsigned)kh_files_user());
    if ((st.st_mode & 07777) != 0700)
        return kh_fail(err, KH_REFUSED, "state_dir %s: mode %04o, expected 0700", path,
            (unsigned)st.st_mode & 07777);
    return KH_OK;
}

static kh_status check_directory(const char *path, struct kh_error *err)
{
    bool there;
    kh_status st;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return kh_fail(err, KH_UNAVAILABLE, "state_dir %s: cannot be made: %s", path,
            strerrordesc_np(errno));
    st = kh_statedir_look(path, &there, err);
    if (st == KH_OK && !there)
        st = kh_fail(err, KH_UNAVAILABLE, "state_dir %s: gone", path);
    return st;
}

kh_status kh_statedir_open(struct kh_store *store, struct kh_error *err)
{
    const char *path = store->host->option_string(store->host, "state_dir");
    char lock[sizeof store->state_dir + 8];
    char what[sizeof store->state_dir + 32];
    kh_status status;

    (void)snprintf(store->state_dir, sizeof store->state_dir, "%s", path);
    status = check_directory(store->state_dir, err);
    if (status != KH_OK)
        return status;
    (void)snprintf(lock, sizeof lock, "%s/lock", store->state_dir);
    (void)snprintf(what, sizeof what, "state directory %s", store->state_dir);
    return store->host->lock(store->host, lock, what, &store->lock, err);
}

void kh_statedir_close(struct kh_store *store)
{
    if (store->lock >= 0)
        store->host->unlock(store->host, store->lock);
    store->lock = -1;
}

kh_status kh_statedir_room(struct kh_store *store, uint64_t *bytes, struct kh_error *err)
{
    struct statvfs fs;

    if (statvfs(store->state_dir, &fs) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "state_dir %s: %s", store->state_dir,
            strerrordesc_np(errno));
    *bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return KH_OK;
}

/* ---- the generation's note
 * -------------------------------------------------------------- */

static uint32_t tag_number(const struct kh_store *store)
{
    const unsigned char *t = store->tag;

    return (uint32_t)t[0] << 24 | (uint32_t)t[1] << 16 | (uint32_t)t[2] << 8 | t[3];
}

static void note_path(const struct kh_store *store, char path[1100])
{
    (void)snprintf(path, 1100, "%s/generation", store->state_dir);
}

/* False: there is no note. */
static kh_status read_note(const char *path, bool *there, uint32_t *tag,
    uint64_t *generation, struct kh_error *err)
{
    char text[64] = "";
    unsigned long long value = 0;
    unsigned noted = 0;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    *there = fd >= 0;
    if (fd < 0 && errno == ENOENT)
        return KH_OK;
    if (fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", path, strerrordesc_np(errno));
    n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0 || sscanf(text, "catalog %8x generation %19llu", &noted, &value) != 2)
        return kh_fail(err, KH_CORRUPT, "%s: not what keyhsm writes there", path);
    *tag = noted;
    *generation = value;
    return KH_OK;
}

kh_status kh_statedir_check(struct kh_store *store, struct kh_error *err)
{
    char path[1100];
    uint32_t noted_tag = 0;
    uint64_t noted = 0;
    uint64_t here = 0;
    bool there = false;
    kh_status status;

    note_path(store, path);
    status = read_note(path, &there, &noted_tag, &noted, err);
    if (status != KH_OK || !there)
        return status;
    if (noted_tag != tag_number(store))
        return kh_fail(err, KH_CORRUPT,
            "the catalog in %s is not the one that was last used here (%08x): it was "
            "lost or "
            "replaced. Put the right catalog.db back; nothing was changed on the token",
            store->state_dir, noted_tag);
    status = store->catalog->generation(store->catalog, &here, err);
    if (status == KH_OK && here < noted)
        return kh_fail(err, KH_CORRUPT,
            "the catalog in %s is an old copy: generation %llu, it had come to %llu. Put "
            "the newest "
            "catalog.db back; nothing was changed on the token",
            store->state_dir, (unsigned long long)here, (unsigned long long)noted);
    return status;
}

kh_status kh_statedir_note(struct kh_store *store, struct kh_error *err)
{
    char path[1100];
    char text[64];
    uint64_t here = 0;
    int n;
    kh_status status = store->catalog->generation(store->catalog, &here, err);

    if (status != KH_OK)
        return status;
    note_path(store, path);
    n = snprintf(text, sizeof text, "catalog %08x generation %llu\n", tag_number(store),
        (unsigned long long)here);
    return store->host->file_write(store->host, path, text, (size_t)n, 0600, false, err);
}
