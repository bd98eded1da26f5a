#include "plugins/pkcs11/softguard.h"

#include "plugins/pkcs11/softdir.h"
#include "plugins/pkcs11/statedir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

bool kh_softguard_is_uuid(const char *text)
{
    for (size_t i = 0; i < KH_UUID_LEN; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return text[KH_UUID_LEN] == '\0';
}

static void guard_path(char out[PATH_MAX], const struct kh_host *host, const char *uuid)
{
    (void)snprintf(out, PATH_MAX, "%s/softhsm-%s.guard",
        host->option_string(host, "state_dir"), uuid);
}

/* Reads and changes the inode's immutable flag. 0, or an errno value. */
static int set_immutable(const char *path, bool on, bool *was)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int flags = 0;
    int rc = 0;

    if (fd < 0)
        return errno;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) != 0) {
        rc = errno;
    } else {
        *was = flags & FS_IMMUTABLE_FL;
        flags = on ? flags | FS_IMMUTABLE_FL : flags & ~FS_IMMUTABLE_FL;
        if (*was != on && ioctl(fd, FS_IOC_SETFLAGS, &flags) != 0)
            rc = errno;
    }
    (void)close(fd);
    return rc;
}

static kh_status leave_note(const struct kh_softhsm *softhsm, const struct kh_host *host,
    const char *text, struct kh_error *err)
{
    char path[PATH_MAX];

    guard_path(path, host, softhsm->uuid);
    return host->file_write(host, path, text, strlen(text), 0600, false, err);
}

static void remove_note(const struct kh_host *host, const char *uuid)
{
    char path[PATH_MAX];

    guard_path(path, host, uuid);
    (void)unlink(path);
}

static kh_status guard_as_root(
    struct kh_softhsm *softhsm, const struct kh_host *host, struct kh_error *err)
{
    bool was = false;
    int rc;
    kh_status st = leave_note(softhsm, host, "immutable\n", err);

    if (st != KH_OK)
        return st;
    rc = set_immutable(softhsm->file, true, &was);
    if (rc == 0 && !was) {
        softhsm->guard = KH_GUARD_IMMUTABLE;
        return KH_OK;
    }
    /* An administrator's own immutable flag is his to remove. */
    remove_note(host, softhsm->uuid);
    if (rc != 0)
        host->log(host, KH_LOG_INFO,
            "%s: not guarded during the login (%s); a copy is kept in state_dir",
            softhsm->file, strerror(rc));
    return KH_OK;
}

kh_status kh_softguard_set(
    struct kh_softhsm *softhsm, const struct kh_host *host, struct kh_error *err)
{
    char text[32];
    struct stat st;
    kh_status status;

    softhsm->guard = KH_GUARD_NONE;
    if (kh_files_user() == 0)
        return guard_as_root(softhsm, host, err);
    if (stat(softhsm->file, &st) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", softhsm->file, strerror(errno));
    if (st.st_uid != kh_files_user() || !(st.st_mode & 0200))
        return KH_OK;
    softhsm->mode = st.st_mode & 0777;
    (void)snprintf(text, sizeof text, "mode %03o\n", softhsm->mode);
    status = leave_note(softhsm, host, text, err);
    if (status != KH_OK)
        return status;
    if (chmod(softhsm->file, 0400) == 0)
        softhsm->guard = KH_GUARD_MODE;
    else
        remove_note(host, softhsm->uuid);
    return KH_OK;
}

void kh_softguard_clear(struct kh_softhsm *softhsm, const struct kh_host *host)
{
    bool was;
    int rc = 0;

    if (softhsm->guard == KH_GUARD_IMMUTABLE)
        rc = set_immutable(softhsm->file, false, &was);
    else if (chmod(softhsm->file, softhsm->mode) != 0)
        rc = errno;
    if (rc == 0)
        remove_note(host, softhsm->uuid);
    else /* the note stays: the next start tries again */
        host->log(host, KH_LOG_WARNING, "%s: still guarded after the login: %s",
            softhsm->file, strerror(rc));
    softhsm->guard = KH_GUARD_NONE;
}

kh_status kh_softguard_undo(const struct kh_host *host, const char *token_dir,
    const char *uuid, struct kh_error *err)
{
    unsigned char note[KH_TOKEN_FILE_MAX];
    size_t len;
    char path[PATH_MAX];
    char file[PATH_MAX];
    unsigned mode;
    bool was;
    int rc = 0;
    kh_status st;

    guard_path(path, host, uuid);
    st = kh_softdir_read(path, note, &len, err);
    if (st != KH_OK)
        return st;
    note[len < sizeof note ? len : sizeof note - 1] = '\0';
    if (snprintf(file, sizeof file, "%s/%s/token.object", token_dir, uuid) >=
        (int)sizeof file)
        return kh_fail(err, KH_INVALID, "%s: path too long", token_dir);
    if (strcmp((char *)note, "immutable\n") == 0)
        rc = set_immutable(file, false, &was);
    else if (sscanf((char *)note, "mode %3o", &mode) == 1 &&
             chmod(file, mode & 0777) != 0)
        rc = errno;
    if (rc != 0 && rc != ENOENT)
        return kh_fail(err, KH_UNAVAILABLE,
            "%s: a guard left by a crash cannot be removed: %s", file, strerror(rc));
    host->log(
        host, KH_LOG_WARNING, "%s: a crash during a login had left it guarded", file);
    remove_note(host, uuid);
    return KH_OK;
}
