#include "programs/keyhsm/peer.h"

#include "core/crypto.h"
#include "server/trust.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_SECONDS = 5, ANSWER_MAX = 8192 };

/* ---- addresses ------------------------------------------------------------------- */

/* 0 when it is not known. */
static uint16_t port_of(const struct kh_settings *settings)
{
    unsigned port = 0;
    FILE *file;

    if (settings->port != 0 || !settings->port_file)
        return settings->port;
    file = fopen(settings->port_file, "re");
    if (!file)
        return 0;
    if (fscanf(file, "%5u", &port) != 1 || port > UINT16_MAX)
        port = 0;
    (void)fclose(file);
    return (uint16_t)port;
}

/* To listen on, or to connect to; as the daemon resolves it (server/listen.c). NULL when
 * it has none. */
static struct addrinfo *resolve(
    const struct kh_settings *settings, uint16_t port, int flags)
{
    struct addrinfo hints = {.ai_flags = flags, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    const char *host = settings->listen;
    char text[8];

    if (host && strcmp(host, "localhost") == 0) {
        host = NULL;
        hints.ai_flags = 0;
    }
    snprintf(text, sizeof text, "%u", (unsigned)port);
    return getaddrinfo(host, text, &hints, &list) == 0 ? list : NULL;
}

static int connect_to(const struct addrinfo *address)
{
    const struct timeval patience = {PATIENCE_SECONDS, 0};
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0 &&
        connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    close(fd);
    return -1;
}

static int reach(const struct kh_peer *peer)
{
    struct addrinfo *list = peer->port ? resolve(peer->settings, peer->port, 0) : NULL;
    int fd = -1;

    for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = connect_to(a);
    if (list)
        freeaddrinfo(list);
    return fd;
}

kh_status kh_peer_port_free(const struct kh_settings *settings, struct kh_error *err)
{
    struct addrinfo *list = resolve(settings, settings->port, AI_PASSIVE);
    int why = 0;
    int on = 1;

    for (const struct addrinfo *a = list; a && why == 0; a = a->ai_next) {
        int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            continue; /* a family that this machine lacks */
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (a->ai_family == AF_INET6)
            (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 && errno != EADDRNOTAVAIL)
            why = errno;
        close(fd);
    }
    if (list)
        freeaddrinfo(list);
    if (why != 0)
        return kh_fail(err, KH_UNAVAILABLE, "port %u cannot be opened: %s",
            (unsigned)settings->port, strerror(why));
    return KH_OK;
}

/* ---- TLS -------------------------------------------------------------------------- */

/* Keeps the certificate that was shown, and goes on: who it is gets compared after. */
static int keep_certificate(X509_STORE_CTX *ctx, void *arg)
{
    X509 **kept = arg;
    X509 *shown = X509_STORE_CTX_get0_cert(ctx);

    if (!*kept && X509_up_ref(shown) == 1)
        *kept = shown;
    return 1;
}

/* For SSL_CTX_set_cert_verify_callback: this certificate and no other. */
static int only_this(X509_STORE_CTX *ctx, void *arg)
{
    return X509_cmp(X509_STORE_CTX_get0_cert(ctx), arg) == 0;
}

/* A connection through the handshake, or NULL. Frees FD. */
static SSL *shake_hands(SSL_CTX *ctx, int fd)
{
    BIO *bio = BIO_new_socket(fd, BIO_CLOSE);
    SSL *ssl = bio ? SSL_new(ctx) : NULL;

    if (!bio)
        close(fd);
    if (!ssl) {
        BIO_free(bio);
        return NULL;
    }
    SSL_set_bio(ssl, bio, bio);
    if (SSL_connect(ssl) == 1)
        return ssl;
    SSL_free(ssl);
    return NULL;
}

void kh_peer_look(
    const struct kh_settings *settings, X509 *certificate, struct kh_peer *peer)
{
    SSL_CTX *ctx;
    X509 *shown = NULL;
    int fd;

    *peer = (struct kh_peer){.settings = settings, .port = port_of(settings)};
    snprintf(peer->address, sizeof peer->address, "%.255s port %u",
        settings->listen ? settings->listen : "*",
        (unsigned)(peer->port ? peer->port : settings->port));
    fd = reach(peer);
    if (fd < 0)
        return;
    peer->kind = KH_PEER_OTHER;
    ctx = certificate ? SSL_CTX_new(TLS_client_method()) : NULL;
    if (!ctx) {
        close(fd);
        return;
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, keep_certificate, &shown);
    SSL_free(shake_hands(ctx, fd)); /* without a certificate of ours it may well fail */
    ERR_clear_error();
    if (shown && X509_cmp(shown, certificate) == 0)
        peer->kind = KH_PEER_DAEMON;
    X509_free(shown);
    SSL_CTX_free(ctx);
}

bool kh_peer_believes(const struct kh_tls_options *tls, SSL_CTX *credentials)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    struct kh_trust *trust = NULL;
    bool yes = store && ctx && kh_trust_new(&trust, tls->trust_dir, NULL) == KH_OK;

    if (yes && tls->ca_file)
        (void)X509_STORE_load_file(store, tls->ca_file);
    yes = yes &&
          X509_STORE_CTX_init(ctx, store, SSL_CTX_get0_certificate(credentials), NULL) ==
              1 &&
          X509_STORE_CTX_set_default(ctx, "ssl_client") == 1 &&
          kh_trust_verify(ctx, trust) == 1;
    kh_trust_free(trust);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return yes;
}

/* ---- HTTP ------------------------------------------------------------------------- */

static size_t read_all(SSL *ssl, char *out, size_t size)
{
    size_t len = 0;

    while (len < size) {
        int n = SSL_read(ssl, out + len, (int)(size - len));

        if (n <= 0)
            break;
        len += (size_t)n;
    }
    return len;
}

static kh_status parse(char *text, struct kh_peer_answer *answer, struct kh_error *err)
{
    const char *body = strstr(text, "\r\n\r\n");

    if (sscanf(text, "HTTP/1.1 %3u", &answer->status) != 1 || !body)
        return kh_fail(err, KH_UNAVAILABLE, "keyhsmd closed the connection: %s",
            kh_crypto_reason("no answer"));
    snprintf(answer->body, sizeof answer->body, "%s", body + 4);
    for (char *c = answer->body; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = ' ';
    }
    return KH_OK;
}

kh_status kh_peer_get(const struct kh_peer *peer, SSL_CTX *credentials, const char *path,
    struct kh_peer_answer *answer, struct kh_error *err)
{
    char text[ANSWER_MAX + 1];
    int fd = reach(peer);
    size_t len;
    SSL *ssl;
    int n;

    *answer = (struct kh_peer_answer){0};
    if (fd < 0)
        return kh_fail(err, KH_UNAVAILABLE, "nobody listens on %s", peer->address);
    SSL_CTX_set_verify(credentials, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(
        credentials, only_this, SSL_CTX_get0_certificate(credentials));
    ssl = shake_hands(credentials, fd);
    if (!ssl)
        return kh_fail(err, KH_UNAVAILABLE, "keyhsmd on %s: no handshake: %s",
            peer->address, kh_crypto_reason("it closed the connection"));
    n = snprintf(text, sizeof text,
        "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    len = SSL_write(ssl, text, n) == n ? read_all(ssl, text, ANSWER_MAX) : 0;
    text[len] = '\0';
    SSL_free(ssl);
    return parse(text, answer, err);
}
