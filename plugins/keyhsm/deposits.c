/* What changes something at keyhsmd, and what is known when its answer is not. */
#include "plugins/keyhsm/remote.h"

#include <openssl/crypto.h>
#include <string.h>

/* How often a create that got lost is sent again. */
enum { PUT_TRIES = 3 };

static kh_status send_put(struct kh_remote *remote, const struct kh_deposit *deposit,
    kh_put_mode mode, kh_fate *fate, struct kh_error *err)
{
    const struct kh_path path = {.name = deposit->name,
        .below = "",
        .version = deposit->version,
        .new_deposit = mode == KH_PUT_NEW};
    struct kh_buf body = {0};
    struct kh_exchange e = {.method = "PUT", .body = &body};
    kh_status st = kh_wire_body(remote->host, deposit, &body, err);

    if (st == KH_OK)
        st = kh_remote_call_path(remote, &e, &path, err);
    *fate = e.fate;
    remote->host->buf_free(remote->host, &body);
    kh_exchange_free(remote->host, &e);
    return st;
}

static bool equal(const struct kh_deposit *a, const struct kh_deposit *b)
{
    bool same = a->version == b->version && a->state == b->state &&
                a->created == b->created && a->attrs.count == b->attrs.count &&
                a->data.len == b->data.len;

    for (size_t i = 0; same && i < a->attrs.count; i++)
        same = strcmp(a->attrs.list[i].name, b->attrs.list[i].name) == 0 &&
               strcmp(a->attrs.list[i].value, b->attrs.list[i].value) == 0;
    return same && (a->data.len == 0 ||
                       CRYPTO_memcmp(a->data.data, b->data.data, a->data.len) == 0);
}

/* KH_OK: keyhsmd holds DEPOSIT. KH_EXISTS: another one of its name and version.
 * KH_NOT_FOUND: none. */
static kh_status read_back(
    struct kh_remote *remote, const struct kh_deposit *deposit, struct kh_error *err)
{
    const struct kh_path path = {
        .name = deposit->name, .below = "", .version = deposit->version, .deleted = true};
    struct kh_deposit there = {0};
    kh_status st = kh_remote_get(remote, &path, &there, err);

    if (st == KH_OK && !equal(deposit, &there))
        st = kh_fail(err, KH_EXISTS, "'%s' version %u exists, with other content",
            deposit->name, deposit->version);
    remote->host->deposit_free(remote->host, &there);
    return st;
}

/*
 * After a create without an answer: it was done, or not, or is being done. What is there
 * is read and compared; what is not there is sent again. An earlier one of the same name,
 * version, time and content cannot be told from our own, and need not be.
 */
static kh_status settle(struct kh_remote *remote, const struct kh_deposit *deposit,
    kh_put_mode mode, kh_fate fate, struct kh_error *err)
{
    struct kh_error lost = *err;

    for (int i = 0; i < PUT_TRIES; i++) {
        struct kh_error why = {0};
        kh_status st = read_back(remote, deposit, &why);
        if (st == KH_OK)
            return st;
        if (st == KH_EXISTS)
            return kh_fail(err, st, "%s", why.message);
        if (st != KH_NOT_FOUND || fate == KH_LATE)
            break;
        st = send_put(remote, deposit, mode, &fate, err);
        if (st == KH_EXISTS) { /* by ours after all, or by somebody else's */
            kh_status again = read_back(remote, deposit, &why);

            return again == KH_OK ? KH_OK : st;
        }
        if (fate != KH_LOST && fate != KH_LATE)
            return st;
        lost = *err;
    }
    return kh_fail(err, KH_UNAVAILABLE,
        "%.380s; whether '%.80s' version %u was stored is not known", lost.message,
        deposit->name, deposit->version);
}

kh_status kh_remote_put(struct kh_remote *remote, const struct kh_deposit *deposit,
    kh_put_mode mode, struct kh_error *err)
{
    kh_fate fate = KH_NOT_SENT;
    kh_status st = send_put(remote, deposit, mode, &fate, err);

    if (st == KH_OK || (fate != KH_LOST && fate != KH_LATE))
        return st;
    return settle(remote, deposit, mode, fate, err);
}

kh_status kh_remote_get(struct kh_remote *remote, const struct kh_path *path,
    struct kh_deposit *deposit, struct kh_error *err)
{
    struct kh_exchange e = {.method = "GET", .repeatable = true};
    kh_status st = kh_remote_call_path(remote, &e, path, err);

    if (st == KH_OK)
        st = kh_wire_deposit(remote->host, &e.answer, deposit, err);
    kh_exchange_free(remote->host, &e);
    if (st != KH_OK)
        remote->host->deposit_free(remote->host, deposit);
    else
        snprintf(deposit->name, sizeof deposit->name, "%s", path->name);
    return st;
}

/* Twice is the same as once. */
static kh_status change(struct kh_remote *remote, const char *method,
    const struct kh_path *path, struct kh_error *err)
{
    struct kh_exchange e = {.method = method, .repeatable = true};
    kh_status st = kh_remote_call_path(remote, &e, path, err);

    kh_exchange_free(remote->host, &e);
    return st;
}

kh_status kh_remote_remove(
    struct kh_remote *remote, const char *name, uint32_t version, struct kh_error *err)
{
    const struct kh_path path = {.name = name, .below = "", .version = version};

    return change(remote, "DELETE", &path, err);
}

kh_status kh_remote_restore(
    struct kh_remote *remote, const char *name, uint32_t version, struct kh_error *err)
{
    const struct kh_path path = {.name = name, .below = "/undelete", .version = version};

    return change(remote, "POST", &path, err);
}

static kh_status send_purge(struct kh_remote *remote, const struct kh_path *path,
    kh_fate *fate, struct kh_error *err)
{
    struct kh_exchange e = {.method = "POST"};
    kh_status st = kh_remote_call_path(remote, &e, path, err);

    *fate = e.fate;
    kh_exchange_free(remote->host, &e);
    return st;
}

/* A second purge finds nothing: after one that got lost, that is what was wanted. */
kh_status kh_remote_purge(
    struct kh_remote *remote, const char *name, uint32_t version, struct kh_error *err)
{
    const struct kh_path path = {.name = name, .below = "/purge", .version = version};
    kh_fate fate = KH_NOT_SENT;
    kh_status st = send_purge(remote, &path, &fate, err);
    struct kh_error why = {0};
    struct kh_stat stat = {0};
    kh_status there;

    if (st == KH_OK || (fate != KH_LOST && fate != KH_LATE))
        return st;
    there = kh_remote_stat(
        remote, name, version == KH_ALL_VERSIONS ? KH_LATEST : version, &stat, &why);
    if (there == KH_NOT_FOUND)
        return KH_OK;
    if (there != KH_OK || fate == KH_LATE)
        return st;
    st = send_purge(remote, &path, &fate, err);
    return st == KH_NOT_FOUND ? KH_OK : st;
}
