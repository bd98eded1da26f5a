#include "plugins/pkcs11/confirmed.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct confirmed {
    char tag[2 * KH_TAG_LEN + 1];
    char contents[65];
    long long time; /* of the backup */
};

#define WHAT_TO_DO                                                                       \
    "Nothing is lost, all is copied. On the host of the HSM: ktadmin backup; back up "   \
    "the "                                                                               \
    "token; ktadmin backup confirm. Then run the migration again"

/* *THERE: false when there is no such file. */
static kh_status read_confirmed(const struct kh_store *store, struct confirmed *out,
    bool *there, struct kh_error *err)
{
    char path[sizeof store->state_dir + 32];
    char text[256] = "";
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "%s/backup-confirmed", store->state_dir);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *there = fd >= 0;
    if (fd < 0 && errno == ENOENT)
        return KH_OK;
    if (fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s: %s", path, strerrordesc_np(errno));
    n = read(fd, text, sizeof text - 1);
    (void)close(fd);
    if (n <= 0 ||
        sscanf(text, "catalog %8[0-9a-f] contents %64[0-9a-f] generation %*u time %19lld",
            out->tag, out->contents, &out->time) != 3)
        return kh_fail(
            err, KH_CORRUPT, "%s: not what ktadmin backup confirm writes there", path);
    return KH_OK;
}

static kh_status hold_now(
    struct kh_store *store, struct confirmed *out, struct kh_error *err)
{
    unsigned char digest[32] = {0};
    kh_status status = store->catalog->contents(store->catalog, digest, err);

    for (size_t i = 0; i < KH_TAG_LEN; i++)
        (void)snprintf(out->tag + 2 * i, 3, "%02x", store->tag[i]);
    for (size_t i = 0; i < sizeof digest; i++)
        (void)snprintf(out->contents + 2 * i, 3, "%02x", digest[i]);
    return status;
}

kh_status kh_store_backed_up(struct kh_store *store, struct kh_error *err)
{
    struct confirmed noted = {.time = 0};
    struct confirmed now = {.time = 0};
    char when[40] = "";
    struct tm tm;
    time_t at;
    bool there = false;
    kh_status status;

    if (!store->host->option_bool(store->host, "require_backup"))
        return KH_OK;
    status = read_confirmed(store, &noted, &there, err);
    if (status == KH_OK && there)
        status = hold_now(store, &now, err);
    if (status != KH_OK)
        return status;
    if (!there)
        return kh_fail(
            err, KH_REFUSED, "require_backup: no backup was confirmed yet. " WHAT_TO_DO);
    if (strcmp(noted.tag, now.tag) == 0 && strcmp(noted.contents, now.contents) == 0)
        return KH_OK;
    at = (time_t)noted.time;
    if (gmtime_r(&at, &tm))
        (void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return kh_fail(err, KH_REFUSED,
        "require_backup: the backup that was confirmed, of %s, does not hold what is "
        "stored now. " WHAT_TO_DO,
        when);
}
