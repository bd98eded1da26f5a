#include "core/fileio.h"
#include "programs/ktadmin/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SCRATCH ".keyhsm-backup-"
#define SUFFIX ".khb"

static const char *const leavings[] = {"part", "catalog.db", "catalog.db-journal",
    "catalog.db-wal", "catalog.db-shm", "keys.csv"};

static kh_status unavailable(const char *what, const char *path, struct kh_error *err)
{
    return kh_fail(err, KH_UNAVAILABLE, "%s %s: %s", what, path, strerror(errno));
}

/* ---- names
 * ------------------------------------------------------------------------------ */

/* "keyhsm-HOST-", what this host's backups begin with. */
static void own_prefix(char out[300])
{
    char host[256] = "";

    if (gethostname(host, sizeof host - 1) != 0 || !*host)
        (void)snprintf(host, sizeof host, "localhost");
    for (char *c = host; *c; c++) {
        if (!strchr(
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-", *c))
            *c = '_';
    }
    (void)snprintf(out, 300, "keyhsm-%s-", host);
}

/* True for PREFIX, "20261124T180000Z", perhaps "-2", and the suffix. */
static bool is_own(const char *name, const char *prefix)
{
    static const char form[] = "ddddddddTddddddZ";
    size_t len = strlen(prefix);
    const char *at = name + len;

    if (strncmp(name, prefix, len) != 0)
        return false;
    for (size_t i = 0; form[i]; i++, at++) {
        if (form[i] == 'd' ? (*at < '0' || *at > '9') : *at != form[i])
            return false;
    }
    if (*at == '-') {
        size_t digits = strspn(at + 1, "0123456789");

        if (digits < 1 || digits > 2)
            return false;
        at += 1 + digits;
    }
    return strcmp(at, SUFFIX) == 0;
}

/* ---- beginning
 * -------------------------------------------------------------------------- */

static void remove_scratch(const char *directory)
{
    char path[PATH_MAX];

    for (size_t i = 0; i < sizeof leavings / sizeof *leavings; i++) {
        if (snprintf(path, sizeof path, "%s/%s", directory, leavings[i]) <
            (int)sizeof path)
            (void)unlink(path);
    }
    (void)rmdir(directory);
}

/* Under the lock: whoever left them is dead. */
static void clear_leavings(const char *directory)
{
    char path[PATH_MAX];
    DIR *dir = opendir(directory);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        if (strncmp(entry->d_name, SCRATCH, strlen(SCRATCH)) == 0 &&
            strlen(entry->d_name) == strlen(SCRATCH) + 6 &&
            snprintf(path, sizeof path, "%s/%s", directory, entry->d_name) <
                (int)sizeof path)
            remove_scratch(path);
    }
    if (dir)
        (void)closedir(dir);
}

static kh_status find_place(struct kh_backup_output *out, const char *file,
    const char *directory, struct kh_error *err)
{
    char given[PATH_MAX];
    char copy[PATH_MAX];

    if (snprintf(given, sizeof given, "%s", file ? file : directory) >= PATH_MAX - 320)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", given);
    /* The last part of --output-dir is made when only it is missing. */
    if (!file && mkdir(given, 0700) == 0)
        fprintf(stderr, "ktadmin backup: made %s\n", given);
    memcpy(copy, given, sizeof copy);
    if (!realpath(file ? dirname(copy) : given, out->directory))
        return unavailable("cannot write to", given, err);
    if (!file)
        return KH_OK;
    memcpy(copy, given, sizeof copy);
    if (snprintf(out->path, sizeof out->path, "%s/%s", out->directory, basename(copy)) >=
        PATH_MAX)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", given);
    if (access(out->path, F_OK) == 0)
        return kh_fail(err, KH_EXISTS, "%s: exists already", out->path);
    return KH_OK;
}

static kh_status take_lock(struct kh_backup_output *out, struct kh_error *err)
{
    char lock[PATH_MAX];
    char what[PATH_MAX + 32];

    (void)snprintf(what, sizeof what, "backup directory %s", out->directory);
    if (snprintf(lock, sizeof lock, "%s/.keyhsm-backup.lock", out->directory) >= PATH_MAX)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", out->directory);
    return kh_lock(lock, what, &out->lock, err);
}

kh_status kh_backup_output_begin(struct kh_backup_output *out, const char *file,
    const char *directory, struct kh_error *err)
{
    kh_status st;

    memset(out, 0, sizeof *out);
    out->lock = out->fd = -1;
    st = find_place(out, file, directory, err);
    if (st == KH_OK)
        st = take_lock(out, err);
    if (st != KH_OK)
        return st;
    clear_leavings(out->directory);
    if (snprintf(out->scratch, sizeof out->scratch, "%s/" SCRATCH "XXXXXX",
            out->directory) >= PATH_MAX - 32 ||
        !mkdtemp(out->scratch)) {
        out->scratch[0] = '\0';
        return unavailable("cannot write to", out->directory, err);
    }
    (void)snprintf(out->part, sizeof out->part, "%.*s/part", PATH_MAX - 16, out->scratch);
    out->fd = open(out->part, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return out->fd >= 0 ? KH_OK : unavailable("cannot make", out->part, err);
}

/* ---- its name
 * --------------------------------------------------------------------------- */

static kh_status link_as(const struct kh_backup_output *out, struct kh_error *err)
{
    if (link(out->part, out->path) == 0)
        return kh_dir_sync(out->directory, err);
    return errno == EEXIST ? kh_fail(err, KH_EXISTS, "%s: exists already", out->path)
                           : unavailable("cannot make", out->path, err);
}

kh_status kh_backup_output_keep(struct kh_backup_output *out, struct kh_error *err)
{
    char prefix[300];
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    kh_status st = KH_EXISTS;

    if (out->path[0])
        return link_as(out, err);
    own_prefix(prefix);
    (void)gmtime_r(&now, &tm);
    (void)strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
    for (int i = 1; st == KH_EXISTS && i < 100; i++) {
        char more[8] = "";

        if (i > 1)
            (void)snprintf(more, sizeof more, "-%d", i);
        (void)snprintf(out->path, sizeof out->path, "%.*s/%s%s%s" SUFFIX, PATH_MAX - 360,
            out->directory, prefix, stamp, more);
        st = link_as(out, err);
    }
    return st;
}

/* ---- rotation
 * --------------------------------------------------------------------------- */

static char wanted_prefix[300];

static int is_wanted(const struct dirent *entry)
{
    return is_own(entry->d_name, wanted_prefix);
}

/* By time; "-2" is the second of one second. */
static int by_age(const struct dirent **a, const struct dirent **b)
{
    size_t at = strlen(wanted_prefix) + strlen("20261124T180000Z");
    int order = strncmp((*a)->d_name, (*b)->d_name, at);
    long of_a = strtol((*a)->d_name + at, NULL, 10);
    long of_b = strtol((*b)->d_name + at, NULL, 10);

    return order ? order : (of_b > of_a) - (of_b < of_a);
}

kh_status kh_backup_output_rotate(
    const struct kh_backup_output *out, unsigned keep, struct kh_error *err)
{
    struct dirent **list = NULL;
    int count;
    kh_status st = KH_OK;

    if (keep == 0)
        return KH_OK;
    own_prefix(wanted_prefix);
    count = scandir(out->directory, &list, is_wanted, by_age);
    if (count < 0)
        return unavailable("cannot look into", out->directory, err);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        struct stat sb;

        (void)snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 300, out->directory,
            list[i]->d_name);
        free(list[i]);
        if (st == KH_OK && i + (int)keep < count && strcmp(path, out->path) != 0 &&
            lstat(path, &sb) == 0 && S_ISREG(sb.st_mode) && sb.st_uid == geteuid()) {
            st = kh_file_remove(path, err);
            if (st == KH_OK)
                fprintf(stderr, "ktadmin backup: removed %s\n", path);
        }
    }
    free(list);
    return st;
}

void kh_backup_output_free(struct kh_backup_output *out)
{
    if (out->fd >= 0)
        (void)close(out->fd);
    if (out->scratch[0])
        remove_scratch(out->scratch);
    kh_unlock(out->lock);
}
