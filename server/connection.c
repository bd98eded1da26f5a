#include "server/connection.h"

#include "server/trust.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int ssl_index = -1;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Runs inside SSL_free: the connection is gone, whoever ended it. */
static void on_ssl_free(
    void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    struct kh_conn *conn = ptr;

    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    if (!conn)
        return;
    if (conn->request) { /* its answer has nowhere to go */
        conn->request->ev = NULL;
        conn->request->conn = NULL;
    }
    *conn->link = conn->next;
    if (conn->next)
        conn->next->link = conn->link;
    atomic_fetch_sub(&conn->owner->count, 1);
    if (conn->state == KH_CONN_HANDSHAKE && !SSL_is_init_finished(conn->ssl))
        atomic_fetch_add(&conn->owner->failed, 1);
    free(conn);
}

static void make_index(void)
{
    ssl_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_ssl_free);
}

struct kh_conn *kh_conn_new(struct kh_conns *conns, SSL *ssl, uint64_t deadline)
{
    struct kh_conn *conn = calloc(1, sizeof *conn);

    pthread_once(&once, make_index);
    if (!conn || ssl_index < 0 || SSL_set_ex_data(ssl, ssl_index, conn) != 1) {
        free(conn);
        return NULL;
    }
    conn->owner = conns;
    conn->ssl = ssl;
    conn->deadline = deadline;
    conn->next = conns->first;
    conn->link = &conns->first;
    if (conn->next)
        conn->next->link = &conn->next;
    conns->first = conn;
    atomic_fetch_add(&conns->count, 1);
    atomic_fetch_add(&conns->accepted, 1);
    return conn;
}

struct kh_conn *kh_conn_of(const SSL *ssl)
{
    return ssl && ssl_index >= 0 ? SSL_get_ex_data(ssl, ssl_index) : NULL;
}

static void read_peer(struct kh_conn *conn, const struct kh_tls *tls, X509 *peer)
{
    struct tm end = {0};

    kh_cert_fingerprint(peer, conn->principal.fingerprint);
    kh_cert_subject(peer, conn->principal.subject, sizeof conn->principal.subject);
    kh_cert_common_name(peer, conn->principal.user, sizeof conn->principal.user);
    conn->pinned = kh_trust_pinned(kh_tls_trust(tls), peer);
    conn->identified = ASN1_TIME_to_tm(X509_get0_notAfter(peer), &end) == 1;
    conn->not_after = timegm(&end);
}

bool kh_conn_identify(struct kh_conn *conn, const struct kh_tls *tls)
{
    X509 *peer;

    if (!conn->identified) {
        peer = SSL_get0_peer_certificate(conn->ssl);
        if (!peer)
            return kh_tls_client_optional(tls);
        if (SSL_get_verify_result(conn->ssl) != X509_V_OK)
            return false;
        read_peer(conn, tls, peer);
    }
    return conn->identified && time(NULL) <= conn->not_after;
}

void kh_conn_cut(struct kh_conn *conn)
{
    int fd = SSL_get_fd(conn->ssl);

    if (fd >= 0)
        (void)shutdown(fd, SHUT_RDWR);
}
