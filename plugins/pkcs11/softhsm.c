#include "plugins/pkcs11/softhsm.h"

#include "plugins/pkcs11/softdir.h"
#include "plugins/pkcs11/softguard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Less than this free beside the token's file, and the next key does not fit. */
#define ROOM_FOR_A_KEY 16384

struct search {
    const struct kh_host *host;
    const char *state_dir;
    const char *token_dir;
    const char *serial;
    struct kh_softhsm *found;
};

/* A serial number is the last 16 hexadecimal digits of the token's UUID. */
static bool uuid_has_serial(const char *uuid, const char *serial)
{
    char tail[17];

    if (!kh_softguard_is_uuid(uuid))
        return false;
    (void)snprintf(tail, sizeof tail, "%.4s%.12s", uuid + 19, uuid + 24);
    return strcmp(tail, serial) == 0;
}

static kh_status put_back(
    const struct search *search, const char *uuid, struct kh_error *err)
{
    const struct kh_host *host = search->host;
    unsigned char data[KH_TOKEN_FILE_MAX];
    size_t len;
    char path[PATH_MAX];
    char dir[PATH_MAX];
    struct stat st;
    struct stat owner;
    kh_status status;

    if (snprintf(dir, sizeof dir, "%s/%s", search->token_dir, uuid) >= (int)sizeof dir ||
        snprintf(path, sizeof path, "%s/%s/token.object", search->token_dir, uuid) >=
            (int)sizeof path)
        return kh_fail(err, KH_INVALID, "%s: path too long", search->token_dir);
    /* The directory of a token that was deleted is gone too: nothing is brought back
     * then. */
    if (stat(dir, &owner) != 0 || (stat(path, &st) == 0 && st.st_size > 0))
        return KH_OK;
    status = kh_softcopy_find(search->state_dir, uuid, data, &len, err);
    if (status != KH_OK)
        return status == KH_NOT_FOUND ? KH_OK : status;
    status = host->file_write(host, path, data, len, 0600, false, err);
    if (status != KH_OK)
        return status;
    if (geteuid() == 0 && owner.st_uid != 0 &&
        chown(path, owner.st_uid, owner.st_gid) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: chown: %s", path, strerror(errno));
    host->log(host, KH_LOG_ERROR,
        "SoftHSM's token file %s was empty or missing (a crash during a login does that) "
        "and was "
        "put back from the copy in %s",
        path, search->state_dir);
    return KH_OK;
}

/* Every copy in state_dir names a token that we have used. */
static kh_status mend_entry(void *arg, const char *name, struct kh_error *err)
{
    const struct search *search = arg;
    char uuid[KH_UUID_LEN + 1];

    if (strncmp(name, "softhsm-", 8) != 0)
        return KH_OK;
    (void)snprintf(uuid, sizeof uuid, "%.*s", KH_UUID_LEN, name + 8);
    if (!kh_softguard_is_uuid(uuid))
        return KH_OK;
    if (strcmp(name + 8 + KH_UUID_LEN, ".guard") == 0)
        return kh_softguard_undo(search->host, search->token_dir, uuid, err);
    return put_back(search, uuid, err);
}

kh_status kh_softhsm_configure(const struct kh_host *host, struct kh_error *err)
{
    const char *conf = host->option_string(host, "softhsm2_conf");

    if (conf && setenv("SOFTHSM2_CONF", conf, 1) != 0)
        return kh_fail(err, KH_FATAL, "SOFTHSM2_CONF: %s", strerror(errno));
    return KH_OK;
}

kh_status kh_softhsm_mend(const struct kh_host *host, struct kh_error *err)
{
    char token_dir[PATH_MAX];
    struct search search = {.host = host, .token_dir = token_dir};
    kh_status st = kh_softhsm_configure(host, err);

    if (st != KH_OK)
        return st;
    if (!kh_softdir_tokens(token_dir, sizeof token_dir))
        return KH_OK;
    search.state_dir = host->option_string(host, "state_dir");
    return kh_softdir_each(search.state_dir, mend_entry, &search, err);
}

static kh_status match_entry(void *arg, const char *name, struct kh_error *err)
{
    struct search *search = arg;
    struct kh_softhsm *out = search->found;

    if (!uuid_has_serial(name, search->serial))
        return KH_OK;
    if (snprintf(out->dir, sizeof out->dir, "%s/%s", search->token_dir, name) >=
            (int)sizeof out->dir ||
        snprintf(out->file, sizeof out->file, "%s/%s/token.object", search->token_dir,
            name) >= (int)sizeof out->file)
        return kh_fail(err, KH_INVALID, "%s: path too long", search->token_dir);
    (void)snprintf(out->uuid, sizeof out->uuid, "%s", name);
    out->active = true;
    return KH_OK;
}

/* Where the token with SERIAL has its directory; inactive when it has none we know of. */
static kh_status locate(struct kh_softhsm *out, const struct kh_host *host,
    const char *serial, struct kh_error *err)
{
    char token_dir[PATH_MAX];
    struct search search = {
        .host = host, .token_dir = token_dir, .serial = serial, .found = out};
    kh_status st;

    if (!kh_softdir_tokens(token_dir, sizeof token_dir))
        return KH_OK;
    st = kh_softdir_each(token_dir, match_entry, &search, err);
    if (st == KH_OK && !out->active)
        host->log(host, KH_LOG_WARNING,
            "SoftHSM's directory of token %s was not found in %s: its file is not "
            "guarded",
            serial, token_dir);
    return st;
}

kh_status kh_softhsm_attach(struct kh_softhsm *softhsm, const struct kh_host *host,
    const struct kh_module *module, const char *serial, struct kh_error *err)
{
    unsigned char data[KH_TOKEN_FILE_MAX];
    struct kh_softhsm found = {.active = false};
    size_t len;
    kh_status st;

    if (!kh_module_quirk(module, KH_QUIRK_TOKEN_FILE))
        return KH_OK;
    st = locate(&found, host, serial, err);
    if (st != KH_OK)
        return st;
    /* At a recovery it is the same again, and others may be reading it. */
    if (softhsm->active != found.active || strcmp(softhsm->file, found.file) != 0)
        *softhsm = found;
    if (!softhsm->active)
        return KH_OK;
    /* The first login ever must not be without a copy; a later one leaves the good copy
     * alone. */
    st = kh_softcopy_find(
        host->option_string(host, "state_dir"), softhsm->uuid, data, &len, err);
    return st == KH_NOT_FOUND ? kh_softhsm_refresh(softhsm, host, err) : st;
}

kh_status kh_softhsm_refresh(
    struct kh_softhsm *softhsm, const struct kh_host *host, struct kh_error *err)
{
    unsigned char data[KH_TOKEN_FILE_MAX];
    size_t len;
    kh_status st;

    if (!softhsm->active)
        return KH_OK;
    st = kh_softdir_read(softhsm->file, data, &len, err);
    if (st != KH_OK)
        return st == KH_NOT_FOUND
                   ? kh_fail(err, KH_UNAVAILABLE, "%s: gone", softhsm->file)
                   : st;
    if (len == 0)
        return kh_fail(err, KH_UNAVAILABLE,
            "SoftHSM's token file %s is empty: another process was killed during its "
            "login",
            softhsm->file);
    return kh_softcopy_keep(host, softhsm->uuid, data, len, err);
}

bool kh_softhsm_present(const struct kh_softhsm *softhsm)
{
    struct stat st;

    return !softhsm->active || (stat(softhsm->file, &st) == 0 && st.st_size > 0);
}

bool kh_softhsm_full(const struct kh_softhsm *softhsm)
{
    struct statvfs vfs;

    if (!softhsm->active || statvfs(softhsm->dir, &vfs) != 0)
        return false;
    return (uint64_t)vfs.f_bavail * vfs.f_frsize < ROOM_FOR_A_KEY ||
           (vfs.f_files > 0 && vfs.f_favail == 0);
}

kh_status kh_softhsm_guard(
    struct kh_softhsm *softhsm, const struct kh_host *host, struct kh_error *err)
{
    return softhsm->active ? kh_softguard_set(softhsm, host, err) : KH_OK;
}

void kh_softhsm_unguard(struct kh_softhsm *softhsm, const struct kh_host *host)
{
    if (softhsm->active && softhsm->guard != KH_GUARD_NONE)
        kh_softguard_clear(softhsm, host);
}
