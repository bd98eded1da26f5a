#include "core/backend.h"

#include "core/backend_check.h"
#include "core/backend_open.h"
#include "core/deposit.h"
#include "core/name.h"

#include <string.h>

/* How often roll tries again when other callers take its version number. */
enum { ROLL_TRIES = 64 };

/* What every method about one deposit begins with. */
static kh_status need_named(const struct kh_backend *b, uint32_t capability,
    const char *what, const char *name, struct kh_error *err)
{
    kh_status st = kh_backend_need(b, capability, what, err);

    return st == KH_OK ? kh_check_name_length(name, err) : st;
}

kh_status kh_backend_put(struct kh_backend *backend, const struct kh_deposit *deposit,
    kh_put_mode mode, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = kh_backend_need(backend, KH_CAP_WRITE, "store deposits", err);

    if (st == KH_OK)
        st = kh_check_deposit(deposit, kh_backend_data_max(backend),
            backend->plugin->capabilities & KH_CAP_LEGACY_NAMES, err);
    if (st != KH_OK)
        return st;
    if (mode != KH_PUT_NEW && mode != KH_PUT_VERSION)
        return kh_fail(err, KH_INVALID, "%d is no way to put a deposit", (int)mode);
    err = kh_backend_enter(backend, &call, KH_CALL_PUT, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->put(backend->ctx, deposit, mode, err), err);
}

/* What came back must be what was asked for. */
static kh_status check_got(const struct kh_backend *b, const struct kh_deposit *deposit,
    const char *name, uint32_t version, struct kh_error *err)
{
    if (strcmp(deposit->name, name) == 0 &&
        (version == KH_LATEST || version == deposit->version))
        return KH_OK;
    return kh_fail(err, KH_CORRUPT,
        "backend '%s' gave another deposit than the one asked for", b->name);
}

kh_status kh_backend_get(struct kh_backend *backend, const char *name, uint32_t version,
    bool with_deleted, struct kh_deposit *deposit, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = need_named(backend, KH_CAP_READ, "give deposits back", name, err);

    memset(deposit, 0, sizeof *deposit);
    if (st == KH_OK)
        st = kh_check_version(version, KH_LATEST, err);
    if (st != KH_OK)
        return st;
    err = kh_backend_enter(backend, &call, KH_CALL_GET, err);
    st = kh_backend_leave(backend, &call,
        backend->plugin->get(backend->ctx, name, version, with_deleted, deposit, err),
        err);
    if (st == KH_OK)
        st = check_got(backend, deposit, name, version, err);
    if (st != KH_OK)
        kh_deposit_free(deposit);
    return st;
}

kh_status kh_backend_stat(struct kh_backend *backend, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = need_named(backend, KH_CAP_LIST, "tell what it holds", name, err);

    memset(stat, 0, sizeof *stat);
    if (st == KH_OK)
        st = kh_check_version(version, KH_LATEST, err);
    if (st != KH_OK)
        return st;
    err = kh_backend_enter(backend, &call, KH_CALL_STAT, err);
    return kh_backend_leave(backend, &call,
        backend->plugin->stat(backend->ctx, name, version, stat, err), err);
}

kh_status kh_backend_list(struct kh_backend *backend, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    static const struct kh_cursor beginning;
    struct kh_backend_call call;
    kh_status st = kh_backend_need(backend, KH_CAP_LIST, "tell what it holds", err);

    *count = 0;
    if (st != KH_OK)
        return st;
    if (max == 0)
        return kh_fail(err, KH_INVALID, "a listing of no entries was asked for");
    memset(items, 0, max * sizeof *items);
    err = kh_backend_enter(backend, &call, KH_CALL_LIST, err);
    st = kh_backend_leave(backend, &call,
        backend->plugin->list(
            backend->ctx, after ? after : &beginning, items, max, count, err),
        err);
    if (st == KH_OK && *count > max)
        st = kh_fail(err, KH_FATAL, "backend '%s' listed more than it was asked for",
            backend->name);
    if (st != KH_OK)
        *count = 0;
    return st;
}

typedef kh_status (*change_fn)(
    void *ctx, const char *name, uint32_t version, struct kh_error *err);

/* remove, restore and purge have one shape. */
static change_fn change_of(
    const struct kh_plugin *plugin, kh_call what, const char **does)
{
    switch (what) {
    case KH_CALL_REMOVE:
        *does = "delete deposits";
        return plugin->remove;
    case KH_CALL_RESTORE:
        *does = "undelete deposits";
        return plugin->restore;
    default:
        *does = "purge deposits";
        return plugin->purge;
    }
}

static kh_status change(struct kh_backend *b, kh_call what, const char *name,
    uint32_t version, struct kh_error *err)
{
    struct kh_backend_call call;
    const char *does;
    change_fn method = change_of(b->plugin, what, &does);
    kh_status st = need_named(b, KH_CAP_WRITE, does, name, err);

    if (st == KH_OK)
        st = kh_check_version(version, KH_ALL_VERSIONS, err);
    if (st != KH_OK)
        return st;
    err = kh_backend_enter(b, &call, what, err);
    return kh_backend_leave(b, &call, method(b->ctx, name, version, err), err);
}

kh_status kh_backend_remove(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err)
{
    return change(backend, KH_CALL_REMOVE, name, version, err);
}

kh_status kh_backend_restore(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err)
{
    return change(backend, KH_CALL_RESTORE, name, version, err);
}

kh_status kh_backend_purge(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err)
{
    return change(backend, KH_CALL_PURGE, name, version, err);
}

kh_status kh_backend_fingerprint(struct kh_backend *backend, const char *name,
    uint32_t version, unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = need_named(
        backend, KH_CAP_EXPORT | KH_CAP_HARDWARE, "take part in a migration", name, err);

    memset(digest, 0, KH_FINGERPRINT_LEN);
    if (st == KH_OK)
        st = kh_check_version(version, 0, err);
    if (st != KH_OK)
        return st;
    err = kh_backend_enter(backend, &call, KH_CALL_FINGERPRINT, err);
    return kh_backend_leave(backend, &call,
        backend->plugin->fingerprint(backend->ctx, name, version, digest, err), err);
}

kh_status kh_backend_attest(
    struct kh_backend *backend, const char *name, uint32_t version, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st = need_named(
        backend, KH_CAP_HARDWARE, "attest keys: they are not in hardware", name, err);

    if (st == KH_OK)
        st = kh_check_version(version, 0, err);
    if (st != KH_OK)
        return st;
    err = kh_backend_enter(backend, &call, KH_CALL_ATTEST, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->attest(backend->ctx, name, version, err), err);
}

void kh_backend_attest_round(struct kh_backend *backend, bool begin)
{
    struct kh_backend_call call;

    if (!backend->plugin->attest_round)
        return;
    (void)kh_backend_enter(backend, &call, KH_CALL_ATTEST_ROUND, NULL);
    backend->plugin->attest_round(backend->ctx, begin);
    (void)!kh_backend_leave(backend, &call, KH_OK, &call.own);
}

kh_status kh_backend_roll(
    struct kh_backend *backend, struct kh_deposit *deposit, struct kh_error *err)
{
    char name[KH_NAME_ESCAPED_MAX];
    kh_status st = KH_EXISTS;

    for (int i = 0; st == KH_EXISTS && i < ROLL_TRIES; i++) {
        struct kh_stat stat;

        st = kh_backend_stat(backend, deposit->name, KH_LATEST, &stat, err);
        if (st != KH_OK)
            return st;
        if (stat.state != KH_ACTIVE)
            return kh_fail(err, KH_REFUSED,
                "'%.300s' is deleted; undelete it before a new version",
                kh_name_escape(deposit->name, name, sizeof name));
        if (stat.highest >= KH_VERSION_MAX)
            return kh_fail(err, KH_REFUSED,
                "'%.300s' has reached the last version number",
                kh_name_escape(deposit->name, name, sizeof name));
        deposit->version = stat.highest + 1;
        st = kh_backend_put(backend, deposit, KH_PUT_VERSION, err);
    }
    if (st == KH_EXISTS)
        return kh_fail(err, KH_BUSY, "'%.300s': other callers roll it faster; try again",
            kh_name_escape(deposit->name, name, sizeof name));
    return st;
}
