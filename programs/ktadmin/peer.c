#include "programs/ktadmin/peer.h"

#include "server/trust.h"

#include <openssl/x509_vfy.h>
#include <string.h>

/* Takes the place of libcrypto's verification. */
static int look(X509_STORE_CTX *ctx, void *arg)
{
    struct kh_peer *peer = arg;
    X509 *shown = X509_STORE_CTX_get0_cert(ctx);
    bool right;

    if (!shown || X509_up_ref(shown) != 1)
        return 0;
    X509_free(peer->seen);
    peer->seen = shown;
    right = !*peer->wanted || !kh_peer_differs(peer);
    X509_STORE_CTX_set_error(
        ctx, right ? X509_V_OK : X509_V_ERR_APPLICATION_VERIFICATION);
    return right;
}

/* With TLS 1.3 a client learns that its certificate was refused after the handshake, and
 * libcurl only says that nothing could be read. */
static void note_alert(const SSL *ssl, int where, int code)
{
    struct kh_peer *peer = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));

    if (peer && where == SSL_CB_READ_ALERT && (code & 0xff) != SSL_AD_CLOSE_NOTIFY)
        peer->alert = code & 0xff;
}

void kh_peer_watch(struct kh_peer *peer, SSL_CTX *ctx)
{
    peer->alert = 0;
    SSL_CTX_set_app_data(ctx, peer);
    SSL_CTX_set_info_callback(ctx, note_alert);
    SSL_CTX_set_cert_verify_callback(ctx, look, peer);
}

bool kh_peer_differs(const struct kh_peer *peer)
{
    char hex[KH_PEER_HEX];

    if (!peer->seen || !*peer->wanted)
        return false;
    kh_cert_fingerprint(peer->seen, hex);
    return strcmp(hex, peer->wanted) != 0;
}

void kh_peer_free(struct kh_peer *peer)
{
    X509_free(peer->seen);
    *peer = (struct kh_peer){0};
}
