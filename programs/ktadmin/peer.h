/* The daemon at the other end of a TLS connection: who it must be, and who it was. */
#ifndef KH_KTADMIN_PEER_H
#define KH_KTADMIN_PEER_H

#include <keyhsm/types.h>

#include <openssl/ssl.h>

#define KH_PEER_HEX 65 /* SHA-256 in hex, and NUL */

/* Zero-initialise. One connection at a time. */
struct kh_peer {
    char wanted[KH_PEER_HEX]; /* SHA-256 of its certificate; "": whoever it is */
    X509 *seen;               /* the certificate it showed last, or NULL; owned */
    int alert;                /* the TLS alert it sent last; 0: none */
};

/* From now on connections of CTX go to WANTED only, and PEER notes what they meet. Names,
 * dates and authorities are not looked at. PEER outlives CTX. */
void kh_peer_watch(struct kh_peer *peer, SSL_CTX *ctx);

/* True when a certificate was shown, and it was not the one wanted. */
bool kh_peer_differs(const struct kh_peer *peer);

void kh_peer_free(struct kh_peer *peer);
#define KH_CLEANUP_PEER __attribute__((cleanup(kh_peer_free)))

#endif
