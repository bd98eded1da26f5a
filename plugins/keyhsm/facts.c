/* What only looks: may be asked again at any time. */
#include "plugins/keyhsm/remote.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE_MAX = 1000 }; /* of keyhsmd */

kh_status kh_remote_ask(
    struct kh_remote *remote, struct kh_wire_backend *backend, struct kh_error *err)
{
    struct kh_exchange e = {.method = "GET", .path = "/v1/backend", .repeatable = true};
    kh_status st = kh_remote_call(remote, &e, err);

    if (st == KH_NOT_FOUND || st == KH_REFUSED) {
        if (e.fate == KH_ANSWERED)
            st = kh_fail(err, KH_UNAVAILABLE,
                "%s answers, but not as a keyhsmd of this version", remote->server);
    }
    if (st == KH_OK)
        st = kh_wire_info(&e.answer, backend, err);
    kh_exchange_free(remote->host, &e);
    return st;
}

kh_status kh_remote_probe(struct kh_remote *remote, struct kh_error *err)
{
    struct kh_exchange e = {.method = "GET", .path = "/readyz", .repeatable = true};
    kh_status st = kh_remote_call(remote, &e, err);

    kh_exchange_free(remote->host, &e);
    if (st != KH_OK) /* whatever it is, the place is not usable */
        err->status = st = KH_UNAVAILABLE;
    return st;
}

kh_status kh_remote_info(
    struct kh_remote *remote, struct kh_info *info, struct kh_error *err)
{
    struct kh_wire_backend backend;
    kh_status st = kh_remote_ask(remote, &backend, err);
    int len;

    if (st != KH_OK)
        return st;
    /* None stays none: a migration does not go where it cannot tell the place. */
    len = snprintf(info->identity, sizeof info->identity, "%s%s",
        *backend.info.identity ? "keyhsm:" : "", backend.info.identity);
    if ((size_t)len >= sizeof info->identity) {
        memset(info, 0, sizeof *info);
        return kh_fail(err, KH_INVALID, "the identity of the backend at %s is too long",
            remote->server);
    }
    snprintf(info->place, sizeof info->place, "keyhsmd %.100s, %.140s", remote->server,
        backend.info.place);
    memcpy(info->key_scope, backend.info.key_scope, sizeof info->key_scope);
    memcpy(info->profile, backend.info.profile, sizeof info->profile);
    memcpy(info->sealed_for, backend.info.sealed_for, sizeof info->sealed_for);
    info->data_max = backend.info.data_max;
    info->versions = backend.info.versions;
    info->keys = backend.info.keys;
    info->max_keys = backend.info.max_keys;
    info->sealed = backend.info.sealed;
    info->read_only = backend.info.read_only || !(backend.capabilities & KH_CAP_WRITE);
    return KH_OK;
}

/* Drawn twice is as good as once. An older keyhsmd does not know the path. */
kh_status kh_remote_random(
    struct kh_remote *remote, struct kh_buf *out, struct kh_error *err)
{
    char text[32];
    struct kh_buf body = {.data = (unsigned char *)text};
    struct kh_exchange e = {
        .method = "POST", .path = "/v1/random", .body = &body, .repeatable = true};
    kh_status st;

    body.len = body.cap =
        (size_t)snprintf(text, sizeof text, "{\"bytes\":%zu}", out->len);
    st = kh_remote_call(remote, &e, err);
    if (st == KH_NOT_FOUND)
        st = kh_fail(
            err, KH_REFUSED, "keyhsmd at %s gives no random bytes", remote->server);
    if (st == KH_OK && e.answer.len != out->len)
        st = kh_fail(err, KH_UNAVAILABLE,
            "keyhsmd at %s gave %zu random bytes, and %zu were asked for", remote->server,
            e.answer.len, out->len);
    if (st == KH_OK)
        memcpy(out->data, e.answer.data, out->len);
    kh_exchange_free(remote->host, &e);
    return st;
}

/* An older keyhsmd does not know the path. */
kh_status kh_remote_usage(
    struct kh_remote *remote, struct kh_usage *usage, struct kh_error *err)
{
    struct kh_exchange e = {
        .method = "GET", .path = "/v1/backend/usage", .repeatable = true};
    kh_status st = kh_remote_call(remote, &e, err);

    if (st == KH_NOT_FOUND)
        st = kh_fail(err, KH_REFUSED, "keyhsmd at %s does not count what it stores",
            remote->server);
    if (st == KH_OK)
        st = kh_wire_usage(&e.answer, usage, err);
    kh_exchange_free(remote->host, &e);
    return st;
}

kh_status kh_remote_stat(struct kh_remote *remote, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    const struct kh_path path = {.name = name, .below = "/stat", .version = version};
    struct kh_exchange e = {.method = "GET", .repeatable = true};
    struct kh_stat found = {0};
    kh_status st = kh_remote_call_path(remote, &e, &path, err);

    if (st == KH_OK)
        st = kh_wire_stat(&e.answer, &found, err);
    kh_exchange_free(remote->host, &e);
    if (st == KH_OK) {
        snprintf(found.name, sizeof found.name, "%s", name);
        *stat = found;
    }
    return st;
}

kh_status kh_remote_list(struct kh_remote *remote, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err)
{
    char path[KH_PATH_SIZE];
    char escaped[3 * KH_NAME_MAX + 1];
    struct kh_exchange e = {.method = "GET", .path = path, .repeatable = true};
    size_t found = 0;
    kh_status st;

    max = max < PAGE_MAX ? max : PAGE_MAX;
    if (after->started && *after->name)
        snprintf(path, sizeof path, "/v1/versions?limit=%zu&after=%s&version=%u", max,
            kh_url_escape(after->name, escaped),
            after->version < KH_VERSION_MAX ? after->version : KH_VERSION_MAX);
    else
        snprintf(path, sizeof path, "/v1/versions?limit=%zu", max);
    st = kh_remote_call(remote, &e, err);
    if (st == KH_OK)
        st = kh_wire_items(&e.answer, items, max, &found, err);
    kh_exchange_free(remote->host, &e);
    if (st == KH_OK)
        *count = found;
    else
        memset(items, 0, max * sizeof *items);
    return st;
}

kh_status kh_remote_reserve(
    struct kh_remote *remote, uint64_t versions, struct kh_error *err)
{
    char path[64];
    struct kh_exchange e = {.method = "GET", .path = path, .repeatable = true};
    kh_status st;

    if (versions == 0)
        return KH_OK;
    snprintf(path, sizeof path, "/v1/backend/room?versions=%llu",
        (unsigned long long)versions);
    st = kh_remote_call(remote, &e, err);
    kh_exchange_free(remote->host, &e);
    return st;
}

/* A keyhsmd that does not know the question has no such rule either. */
kh_status kh_remote_backed_up(struct kh_remote *remote, struct kh_error *err)
{
    char path[] = "/v1/backend/backed-up";
    struct kh_exchange e = {.method = "GET", .path = path, .repeatable = true};
    kh_status st = kh_remote_call(remote, &e, err);

    kh_exchange_free(remote->host, &e);
    return st == KH_NOT_FOUND ? KH_OK : st;
}

kh_status kh_remote_fingerprint(struct kh_remote *remote, const char *name,
    uint32_t version, unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err)
{
    const struct kh_path path = {
        .name = name, .below = "/fingerprint", .version = version};
    struct kh_exchange e = {.method = "GET", .repeatable = true};
    kh_status st = kh_remote_call_path(remote, &e, &path, err);

    if (st == KH_OK)
        st = kh_wire_fingerprint(&e.answer, digest, err);
    kh_exchange_free(remote->host, &e);
    return st;
}

kh_status kh_remote_attest(
    struct kh_remote *remote, const char *name, uint32_t version, struct kh_error *err)
{
    const struct kh_path path = {.name = name, .below = "/attest", .version = version};
    struct kh_exchange e = {.method = "GET", .repeatable = true};
    kh_status st = kh_remote_call_path(remote, &e, &path, err);

    kh_exchange_free(remote->host, &e);
    return st;
}
