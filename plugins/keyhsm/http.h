/*
 * HTTPS to keyhsmd, by libcurl: TLS 1.2 or newer, mutual, no proxy, no redirect,
 * deadlines, and a ceiling on what an answer may be. One struct kh_http is one connection
 * that is kept open between requests; it is for one thread at a time.
 */
#ifndef KH_REMOTE_HTTP_H
#define KH_REMOTE_HTTP_H

#include "plugins/keyhsm/identity.h"
#include "plugins/keyhsm/pin.h"

struct kh_http;

/* What all connections share; outlives them. */
struct kh_http_shared {
    const struct kh_remote_settings *settings;
    const char *server; /* without a slash at the end */
    struct kh_identity identity;
    bool pinned;
    struct kh_pin pin;
};

/* What became of a request. */
typedef enum kh_fate {
    KH_NOT_SENT, /* no connection: keyhsmd does not know of it */
    KH_ANSWERED,
    KH_LOST, /* sent, and the connection ended before the answer: done or not */
    KH_LATE  /* sent, and not answered in time: done, or not yet */
} kh_fate;

/* One request and its answer. Free with kh_exchange_free. */
struct kh_exchange {
    const char *method;
    const char *path;          /* with its query */
    const struct kh_buf *body; /* JSON, or NULL */
    bool repeatable;           /* twice is the same as once */
    bool bytes;                /* the answer is wanted as bytes, not as JSON */

    kh_fate fate;
    long status;          /* HTTP's, when answered */
    unsigned retry_after; /* seconds; 0: not said */
    struct kh_buf answer; /* secret memory */
};

/* Makes a handle; connects to nothing. */
KH_CHECK kh_status kh_http_new(
    struct kh_http **out, const struct kh_http_shared *shared, struct kh_error *err);
void kh_http_free(struct kh_http *http);

/* Frees it, and says nothing to the peer: for a connection that is another process's. */
void kh_http_forget(struct kh_http *http);

/*
 * Sends it and fills the lower half. Any HTTP status is KH_OK. KH_UNAVAILABLE, with
 * address and cause: no answer, or one over the limit. KH_REFUSED: the server's
 * certificate is not the pinned one. KH_BUSY: secret memory is used up. What is not
 * repeatable is never sent twice, not even where libcurl would.
 */
KH_CHECK kh_status kh_http_run(
    struct kh_http *http, struct kh_exchange *exchange, struct kh_error *err);

/* Wipes the answer and forgets the lower half. */
void kh_exchange_free(const struct kh_host *host, struct kh_exchange *exchange);

#endif
