/*
 * One record per TLS connection: state, absolute deadline, identity. It hangs on the SSL
 * object (ex_data), whose free callback unlinks it exactly when the engine frees the
 * connection. Loop thread only.
 */
#ifndef KH_SERVER_CONNECTION_H
#define KH_SERVER_CONNECTION_H

#include "server/http.h"

#include <openssl/ssl.h>
#include <time.h>

typedef enum kh_conn_state {
    KH_CONN_HANDSHAKE, /* until the first byte of the first request */
    KH_CONN_READING,
    KH_CONN_BUSY,    /* a request is with its handler */
    KH_CONN_WRITING, /* the answer is on its way */
    KH_CONN_IDLE
} kh_conn_state;

struct kh_conns;

struct kh_conn {
    struct kh_conn *next;
    struct kh_conn **link;
    struct kh_conns *owner;
    SSL *ssl;
    kh_conn_state state;
    uint64_t deadline;          /* monotonic milliseconds */
    struct kh_request *request; /* while KH_CONN_BUSY */
    bool identified;
    bool pinned;
    bool last; /* the next answer closes it */
    time_t not_after;
    struct kh_principal principal;
};

struct kh_conns {
    struct kh_conn *first;
    struct kh_http *http; /* whose they are */
    uint64_t request_ms;  /* what a request gets once its first byte is there */
    uint64_t idle_ms;
    atomic_uint count;
    atomic_ullong accepted;
    atomic_ullong failed; /* ended before the handshake had succeeded */
};

/* Attaches a record to SSL, in state HANDSHAKE. NULL: no memory. */
struct kh_conn *kh_conn_new(struct kh_conns *conns, SSL *ssl, uint64_t deadline);
/* The record of SSL, or NULL. */
struct kh_conn *kh_conn_of(const SSL *ssl);

/* Fills principal on the first call. False when there is no verified, unexpired peer: the
 * caller must not answer. A resumed session's certificate is checked for expiry here.
 * Where a certificate is optional, a peer that showed none is anonymous: true, and the
 * principal is empty. */
bool kh_conn_identify(struct kh_conn *conn, const struct kh_tls *tls);

/* Both directions off at once: the engine sees the end of file and frees the connection.
 */
void kh_conn_cut(struct kh_conn *conn);

#endif
