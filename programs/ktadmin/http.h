/*
 * HTTPS to a daemon, by libcurl: TLS 1.2 or newer, mutual, no proxy, no redirect,
 * deadlines, and a ceiling on what an answer may be.
 */
#ifndef KH_KTADMIN_HTTP_H
#define KH_KTADMIN_HTTP_H

#include <keyhsm/types.h>

struct kh_http;
struct kh_identity; /* identity.h */
struct kh_peer;     /* peer.h */

struct kh_http_options {
    const char *server;   /* https://HOST[:PORT] */
    const char *certfile; /* the client's certificate, with its chain, PEM */
    const char
        *keyfile;   /* its key: PEM (PKCS#8 or PKCS#1) or a URI that OSSL_STORE knows */
    bool negotiate; /* show a Kerberos ticket; CERTFILE and KEYFILE may then be NULL */
    const char *socket; /* connect to this socket of the host; NULL: to SERVER's port.
                           Borrowed, outlives the handle */
    const char *cacert; /* PEM; NULL: the system's authorities */
    const char *passphrase_source; /* of the key, as in core/secret.h; NULL: none */
    /* Both are borrowed, and outlive the handle. IDENTITY: in place of certfile, keyfile
     * and passphrase_source. PEER: in place of authorities, it alone decides whether the
     * daemon is the right one. */
    const struct kh_identity *identity;
    struct kh_peer *peer;
};

struct kh_http_request {
    const char *method;
    const char *path;         /* below the server, with its query; percent-encoded */
    const char *accept;       /* NULL: application/json */
    const char *content_type; /* NULL: no body */
    const struct kh_buf *body;
};

struct kh_http_response {
    long status;
    struct kh_buf body;       /* secret memory */
    char deposit_version[16]; /* header Deposit-Version, or "" */
    char deposit_created[32]; /* header Deposit-Created, or "" */
};

/* Reads certificate and key and makes a handle; connects to nothing. KH_INVALID: a URL,
 * file or passphrase is wrong. One thread only. */
KH_CHECK kh_status kh_http_open(
    struct kh_http **out, const struct kh_http_options *options, struct kh_error *err);
void kh_http_close(struct kh_http *http);

/* One request on a connection that is kept. Any HTTP status is KH_OK. KH_UNAVAILABLE: no
 * answer, the handshake failed, or the answer is over the limit. */
KH_CHECK kh_status kh_http_run(struct kh_http *http,
    const struct kh_http_request *request, struct kh_http_response *response,
    struct kh_error *err);
/* Wipes and zeroes. */
void kh_http_response_free(struct kh_http_response *response);
#define KH_CLEANUP_RESPONSE __attribute__((cleanup(kh_http_response_free)))

#endif
