/* Named keys of keyhsmd. */
#include "plugins/keyhsm/remote.h"

#include <keyhsm/key_words.h>
#include <string.h>

enum { PAGE_MAX = 1000 }; /* of keyhsmd */

static struct kh_path path_of(const char *name, const char *below)
{
    return (struct kh_path){
        .name = name, .below = below, .version = KH_LATEST, .key = true};
}

static kh_status send_create(struct kh_remote *remote, struct kh_named_key *key,
    kh_fate *fate, struct kh_error *err)
{
    struct kh_named_key made = {0};
    struct kh_buf body = {0};
    struct kh_exchange e = {.method = "POST", .path = "/v1/keys", .body = &body};
    kh_status st = kh_wire_key_wish(remote->host, key, &body, err);

    if (st == KH_OK)
        st = kh_remote_call(remote, &e, err);
    if (st == KH_NOT_FOUND) /* an older keyhsmd does not know the path */
        st = kh_fail(err, KH_REFUSED, "keyhsmd at %s has no named keys", remote->server);
    if (st == KH_OK)
        st = kh_wire_key(remote->host, &e.answer, &made, err);
    *fate = e.fate;
    remote->host->buf_free(remote->host, &body);
    kh_exchange_free(remote->host, &e);
    if (st == KH_OK && strcmp(made.name, key->name) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "%s made another key than '%s'",
            remote->server, key->name);
    if (st == KH_OK)
        *key = made;
    return st;
}

/*
 * A create that got lost was done or not. What is not there is asked for once more; what
 * is there may be ours or an earlier one, which nothing tells apart: a key cannot be
 * compared as a deposit is.
 */
kh_status kh_remote_key_create(
    struct kh_remote *remote, struct kh_named_key *key, struct kh_error *err)
{
    struct kh_named_key there = {0};
    struct kh_error why = {0};
    kh_fate fate = KH_NOT_SENT;
    kh_status st = send_create(remote, key, &fate, err);
    kh_status found;

    if (st == KH_OK || (fate != KH_LOST && fate != KH_LATE))
        return st;
    found = kh_remote_key_stat(remote, key->name, &there, &why);
    if (found == KH_NOT_FOUND && fate == KH_LOST)
        return send_create(remote, key, &fate, err);
    return kh_fail(err, KH_UNAVAILABLE,
        "%s gave no answer: whether the key '%s' was made is not known%s", remote->server,
        key->name, found == KH_OK ? "; there is one of that name now" : "");
}

kh_status kh_remote_key_stat(struct kh_remote *remote, const char *name,
    struct kh_named_key *key, struct kh_error *err)
{
    const struct kh_path path = path_of(name, "");
    struct kh_exchange e = {.method = "GET", .repeatable = true};
    kh_status st = kh_remote_call_path(remote, &e, &path, err);

    if (st == KH_OK)
        st = kh_wire_key(remote->host, &e.answer, key, err);
    kh_exchange_free(remote->host, &e);
    return st;
}

kh_status kh_remote_key_list(struct kh_remote *remote, const char *after,
    struct kh_named_key *keys, size_t max, size_t *count, struct kh_error *err)
{
    char escaped[3 * KH_NAME_MAX + 1];
    char path[KH_PATH_SIZE];
    struct kh_exchange e = {.method = "GET", .path = path, .repeatable = true};
    size_t found = max < PAGE_MAX ? max : PAGE_MAX;
    kh_status st;

    snprintf(path, sizeof path, "/v1/keys?limit=%zu%s%s", found, after ? "&after=" : "",
        after ? kh_url_escape(after, escaped) : "");
    st = kh_remote_call(remote, &e, err);
    if (st == KH_NOT_FOUND)
        st = kh_fail(err, KH_REFUSED, "keyhsmd at %s has no named keys", remote->server);
    if (st == KH_OK)
        st = kh_wire_keys(remote->host, &e.answer, keys, &found, err);
    kh_exchange_free(remote->host, &e);
    if (st == KH_OK)
        *count = found;
    else
        memset(keys, 0, max * sizeof *keys);
    return st;
}

static const char *path_for(kh_key_scheme scheme)
{
    switch (kh_key_scheme_purpose(scheme)) {
    case KH_KEY_DECRYPT:
        return "/decrypt";
    case KH_KEY_DERIVE:
        return "/derive";
    case KH_KEY_WRAP:
        return scheme == KH_SCHEME_AES_WRAP ? "/wrap" : "/unwrap";
    default:
        return "/sign";
    }
}

/* Another signature of the same is as good: a use may be sent again. */
kh_status kh_remote_key_use(struct kh_remote *remote, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err)
{
    const struct kh_path path = path_of(name, path_for(use->scheme));
    struct kh_buf body = {0};
    struct kh_exchange e = {.method = "POST", .body = &body, .repeatable = true};
    kh_status st = kh_wire_key_use(remote->host, use, &body, err);

    if (st == KH_OK)
        st = kh_remote_call_path(remote, &e, &path, err);
    if (st == KH_OK)
        st = kh_wire_output(remote->host, &e.answer, out, err);
    remote->host->buf_free(remote->host, &body);
    kh_exchange_free(remote->host, &e);
    return st;
}

static kh_status send_change(struct kh_remote *remote, const char *name,
    kh_key_change change, kh_fate *fate, struct kh_error *err)
{
    const struct kh_path path = path_of(name, change == KH_KEY_REMOVE    ? ""
                                              : change == KH_KEY_RESTORE ? "/undelete"
                                                                         : "/purge");
    struct kh_exchange e = {.method = change == KH_KEY_REMOVE ? "DELETE" : "POST",
        .repeatable = change != KH_KEY_PURGE};
    kh_status st = kh_remote_call_path(remote, &e, &path, err);

    *fate = e.fate;
    kh_exchange_free(remote->host, &e);
    return st;
}

/* A second purge finds nothing: after one that got lost, that is what was wanted. */
kh_status kh_remote_key_change(struct kh_remote *remote, const char *name,
    kh_key_change change, struct kh_error *err)
{
    struct kh_named_key there = {0};
    struct kh_error why = {0};
    kh_fate fate = KH_NOT_SENT;
    kh_status st = send_change(remote, name, change, &fate, err);
    kh_status found;

    if (st == KH_OK || change != KH_KEY_PURGE || (fate != KH_LOST && fate != KH_LATE))
        return st;
    found = kh_remote_key_stat(remote, name, &there, &why);
    if (found == KH_NOT_FOUND)
        return KH_OK;
    if (found != KH_OK || fate == KH_LATE)
        return st;
    st = send_change(remote, name, change, &fate, err);
    return st == KH_NOT_FOUND ? KH_OK : st;
}
