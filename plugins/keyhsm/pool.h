/* The connections to keyhsmd: a few, kept open, handed out one request at a time. */
#ifndef KH_REMOTE_POOL_H
#define KH_REMOTE_POOL_H

#include "plugins/keyhsm/http.h"

struct kh_pool;

/* As many as SHARED's settings say; none is opened yet. SHARED outlives it. */
KH_CHECK kh_status kh_pool_new(
    struct kh_pool **out, const struct kh_http_shared *shared, struct kh_error *err);
/* No connection may be out. NULL is fine. */
void kh_pool_free(struct kh_pool *pool);

/* In the child of a fork, before anything else is asked of POOL: the connections are the
 * parent's, who goes on using them. They are forgotten without a word on the wire, those
 * that were out too. */
void kh_pool_forked(struct kh_pool *pool);

/* The connection that was used last of those that are free. Waits for one as long as a
 * request may take, then KH_BUSY. Thread safe. */
KH_CHECK kh_status kh_pool_take(
    struct kh_pool *pool, struct kh_http **http, struct kh_error *err);
void kh_pool_give(struct kh_pool *pool, struct kh_http *http);

#endif
