/* The daemon that runs, seen from outside: who holds its port, and is it ready? */
#ifndef KH_KEYHSM_PEER_H
#define KH_KEYHSM_PEER_H

#include "server/settings.h"

#include <openssl/ssl.h>

enum kh_peer_kind {
    KH_PEER_NONE,   /* nobody listens */
    KH_PEER_DAEMON, /* TLS, and the certificate of the configuration */
    KH_PEER_OTHER   /* somebody else */
};

struct kh_peer {
    const struct kh_settings *settings;
    enum kh_peer_kind kind;
    char address[320]; /* "localhost port 9090" */
    uint16_t port;     /* 0: not known, the kernel chooses and there is no port_file */
};

/* Looks who listens on the port of SETTINGS (for port 0: the one in port_file), which
 * must outlive PEER. CERTIFICATE is the one that a daemon of this configuration shows;
 * NULL: none is known, so whoever listens is KH_PEER_OTHER. Takes some seconds at most.
 * SIGPIPE must be ignored. */
void kh_peer_look(
    const struct kh_settings *settings, X509 *certificate, struct kh_peer *peer);

struct kh_peer_answer {
    unsigned status; /* of HTTP */
    char body[512];  /* its begin, as one line */
};

/* GET PATH from the daemon, with certificate and key of CREDENTIALS (a context of
 * TLS_client_method), whose certificate is also the only one believed. KH_UNAVAILABLE: no
 * answer, or a refusal in the handshake. */
KH_CHECK kh_status kh_peer_get(const struct kh_peer *peer, SSL_CTX *credentials,
    const char *path, struct kh_peer_answer *answer, struct kh_error *err);

/* Would a daemon with these settings let the certificate of CREDENTIALS in? Asking it in
 * vain would leave a refusal in its log. */
bool kh_peer_believes(const struct kh_tls_options *tls, SSL_CTX *credentials);

/* Could a daemon open the port now? KH_UNAVAILABLE: no. Leaves nothing open. */
KH_CHECK kh_status kh_peer_port_free(
    const struct kh_settings *settings, struct kh_error *err);

#endif
