/*
 * An open backend `keyhsm`: the connections to one keyhsmd, and what may be done again
 * when one fails. The methods are those of keyhsm/plugin.h, thread safe.
 */
#ifndef KH_REMOTE_H
#define KH_REMOTE_H

#include "plugins/keyhsm/pool.h"
#include "plugins/keyhsm/url.h"
#include "plugins/keyhsm/wire.h"

struct kh_remote {
    const struct kh_host *host;
    struct kh_remote_settings settings;
    struct kh_http_shared shared;
    char *server; /* the address without a slash at the end */
    struct kh_pool *pool;
    bool open; /* its first answer was good */
};

/* ---- remote.c ---- */

/* Reads keys and certificates, connects, and asks who is there. In KH_OPEN_MIGRATE
 * KH_REFUSED unless keyhsmd's backend keeps keys in hardware. In KH_OPEN_SERVE a keyhsmd
 * that cannot be reached is no error: its address may be right and its time not. */
KH_CHECK kh_status kh_remote_open(
    struct kh_remote **out, const struct kh_host *host, struct kh_error *err);
/* Its first half, for who has REMOTE->host and REMOTE->settings already: what can be
 * found wrong without a connection, and the pool. Free with kh_remote_close either way.
 */
KH_CHECK kh_status kh_remote_prepare(struct kh_remote *remote, struct kh_error *err);
/* NULL is fine. */
void kh_remote_close(struct kh_remote *remote);

/* ---- call.c ---- */

/*
 * One request and its answer: KH_OK for 2xx, else the status that the refusal stands for.
 * A repeatable one that got lost is sent once more; in a migration a busy keyhsmd is
 * asked again a few times. EXCHANGE->fate tells what became of the last try; EXCHANGE is
 * to be freed either way.
 */
KH_CHECK kh_status kh_remote_call(
    struct kh_remote *remote, struct kh_exchange *exchange, struct kh_error *err);
/* The same for a deposit's path. */
KH_CHECK kh_status kh_remote_call_path(struct kh_remote *remote,
    struct kh_exchange *exchange, const struct kh_path *path, struct kh_error *err);

/* ---- deposits.c ---- */

KH_CHECK kh_status kh_remote_put(struct kh_remote *remote,
    const struct kh_deposit *deposit, kh_put_mode mode, struct kh_error *err);
KH_CHECK kh_status kh_remote_get(struct kh_remote *remote, const struct kh_path *path,
    struct kh_deposit *deposit, struct kh_error *err);
KH_CHECK kh_status kh_remote_remove(
    struct kh_remote *remote, const char *name, uint32_t version, struct kh_error *err);
KH_CHECK kh_status kh_remote_restore(
    struct kh_remote *remote, const char *name, uint32_t version, struct kh_error *err);
KH_CHECK kh_status kh_remote_purge(
    struct kh_remote *remote, const char *name, uint32_t version, struct kh_error *err);

/* ---- facts.c ---- */

/* What keyhsmd says of its own backend. */
KH_CHECK kh_status kh_remote_ask(
    struct kh_remote *remote, struct kh_wire_backend *backend, struct kh_error *err);
KH_CHECK kh_status kh_remote_probe(struct kh_remote *remote, struct kh_error *err);
KH_CHECK kh_status kh_remote_info(
    struct kh_remote *remote, struct kh_info *info, struct kh_error *err);
KH_CHECK kh_status kh_remote_random(
    struct kh_remote *remote, struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status kh_remote_usage(
    struct kh_remote *remote, struct kh_usage *usage, struct kh_error *err);
KH_CHECK kh_status kh_remote_stat(struct kh_remote *remote, const char *name,
    uint32_t version, struct kh_stat *stat, struct kh_error *err);
KH_CHECK kh_status kh_remote_list(struct kh_remote *remote, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err);
KH_CHECK kh_status kh_remote_backed_up(struct kh_remote *remote, struct kh_error *err);
KH_CHECK kh_status kh_remote_reserve(
    struct kh_remote *remote, uint64_t versions, struct kh_error *err);
KH_CHECK kh_status kh_remote_fingerprint(struct kh_remote *remote, const char *name,
    uint32_t version, unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err);
KH_CHECK kh_status kh_remote_attest(
    struct kh_remote *remote, const char *name, uint32_t version, struct kh_error *err);

/* ---- keys.c ---- */

/* After an answer that got lost, KH_UNAVAILABLE says when it is not known whether the key
 * was made. */
KH_CHECK kh_status kh_remote_key_create(
    struct kh_remote *remote, struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status kh_remote_key_stat(struct kh_remote *remote, const char *name,
    struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status kh_remote_key_list(struct kh_remote *remote, const char *after,
    struct kh_named_key *keys, size_t max, size_t *count, struct kh_error *err);
KH_CHECK kh_status kh_remote_key_use(struct kh_remote *remote, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status kh_remote_key_change(struct kh_remote *remote, const char *name,
    kh_key_change change, struct kh_error *err);

#endif
