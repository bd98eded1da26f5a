#include "programs/ktadmin/peer.h"

#include "server/trust.h"
#include "tests/lib/testlib.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

/* Both ends of a TLS connection, in memory. */
struct link {
    SSL_CTX *server_ctx;
    SSL_CTX *client_ctx;
    SSL *server;
    SSL *client;
};

static const char *dir;

static void make_certificates(void)
{
    dir = kh_test_dir();
    CU_ASSERT_EQUAL_FATAL(
        kh_test_shell("cd '%s' && for n in one two; do openssl req -x509 -newkey ec "
                      "-pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$n -days 30 "
                      "-keyout $n.key -out $n.pem 2>err || exit 1; done",
            dir),
        0);
}

static SSL_CTX *server_of(const char *name)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    char *certificate = kh_test_path(dir, "%s.pem", name);
    char *key = kh_test_path(dir, "%s.key", name);

    CU_ASSERT_EQUAL_FATAL(SSL_CTX_use_certificate_chain_file(ctx, certificate), 1);
    CU_ASSERT_EQUAL_FATAL(SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM), 1);
    free(key);
    free(certificate);
    return ctx;
}

static void open_link(struct link *link, const char *name, struct kh_peer *peer)
{
    BIO *near = NULL;
    BIO *far = NULL;

    link->server_ctx = server_of(name);
    link->client_ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(link->client_ctx, SSL_VERIFY_PEER, NULL);
    kh_peer_watch(peer, link->client_ctx);
    link->server = SSL_new(link->server_ctx);
    link->client = SSL_new(link->client_ctx);
    CU_ASSERT_EQUAL_FATAL(BIO_new_bio_pair(&near, 0, &far, 0), 1);
    SSL_set_bio(link->server, near, near);
    SSL_set_bio(link->client, far, far);
    SSL_set_accept_state(link->server);
    SSL_set_connect_state(link->client);
}

/* Turns until both are done, or the client has failed. */
static bool shake_hands(struct link *link)
{
    for (int i = 0; i < 20; i++) {
        int client = SSL_do_handshake(link->client);
        int server;

        if (client != 1 && SSL_get_error(link->client, client) != SSL_ERROR_WANT_READ)
            return false;
        server = SSL_do_handshake(link->server);
        if (client == 1 && server == 1)
            return true;
    }
    return false;
}

static void close_link(struct link *link)
{
    SSL_free(link->client);
    SSL_free(link->server);
    SSL_CTX_free(link->client_ctx);
    SSL_CTX_free(link->server_ctx);
    ERR_clear_error();
}

static bool meet(const char *name, struct kh_peer *peer)
{
    struct link link;
    bool met;

    open_link(&link, name, peer);
    met = shake_hands(&link);
    if (met)
        CU_ASSERT_EQUAL(SSL_get_verify_result(link.client), X509_V_OK);
    close_link(&link);
    return met;
}

static void want(struct kh_peer *peer, const char *name)
{
    char *path = kh_test_path(dir, "%s.pem", name);
    BIO *bio = BIO_new_file(path, "r");
    X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(certificate);
    kh_cert_fingerprint(certificate, peer->wanted);
    X509_free(certificate);
    BIO_free(bio);
    free(path);
}

static void whoever_it_is_can_be_looked_at(void)
{
    struct kh_peer peer = {0};
    char hex[KH_PEER_HEX];
    struct kh_peer two = {0};

    make_certificates();
    CU_ASSERT_TRUE(meet("two", &peer));
    CU_ASSERT_PTR_NOT_NULL_FATAL(peer.seen);
    kh_cert_fingerprint(peer.seen, hex);
    want(&two, "two");
    CU_ASSERT_STRING_EQUAL(hex, two.wanted);
    CU_ASSERT_FALSE(kh_peer_differs(&peer));
    CU_ASSERT_EQUAL(peer.alert, 0);
    kh_peer_free(&peer);
    CU_ASSERT_PTR_NULL(peer.seen);
}

static void only_the_one_wanted_is_met(void)
{
    struct kh_peer peer = {0};

    make_certificates();
    want(&peer, "one");
    CU_ASSERT_TRUE(meet("one", &peer));
    CU_ASSERT_FALSE(kh_peer_differs(&peer));
    CU_ASSERT_FALSE(meet("two", &peer));
    CU_ASSERT_TRUE(kh_peer_differs(&peer));
    CU_ASSERT_TRUE(meet("one", &peer));
    CU_ASSERT_FALSE(kh_peer_differs(&peer));
    kh_peer_free(&peer);
}

static void one_byte_of_the_fingerprint_counts(void)
{
    struct kh_peer peer = {0};

    make_certificates();
    want(&peer, "one");
    peer.wanted[63] = peer.wanted[63] == '0' ? '1' : '0';
    CU_ASSERT_FALSE(meet("one", &peer));
    CU_ASSERT_TRUE(kh_peer_differs(&peer));
    kh_peer_free(&peer);
}

/* As keyhsmd does with a stranger: with TLS 1.3 the client's handshake is long done. */
static void an_alert_after_the_handshake_is_noted(void)
{
    struct kh_peer peer = {0};
    struct link link;
    char byte;

    make_certificates();
    open_link(&link, "one", &peer);
    SSL_set_verify(link.server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    for (int i = 0; i < 20; i++) {
        (void)SSL_do_handshake(link.client);
        (void)SSL_do_handshake(link.server);
    }
    CU_ASSERT_TRUE(SSL_is_init_finished(link.client));
    CU_ASSERT(SSL_read(link.client, &byte, 1) <= 0);
    CU_ASSERT_EQUAL(peer.alert, SSL_AD_CERTIFICATE_REQUIRED);
    close_link(&link);
    kh_peer_free(&peer);
}

static void a_goodbye_is_no_alert(void)
{
    struct kh_peer peer = {0};
    struct link link;
    char byte;

    make_certificates();
    open_link(&link, "one", &peer);
    CU_ASSERT_TRUE(shake_hands(&link));
    (void)SSL_shutdown(link.server);
    CU_ASSERT(SSL_read(link.client, &byte, 1) <= 0);
    CU_ASSERT_EQUAL(peer.alert, 0);
    close_link(&link);
    kh_peer_free(&peer);
}

#define T(name)                                                                          \
    {                                                                                    \
#name, name                                                                      \
    }

int main(void)
{
    static const struct kh_test tests[] = {
        T(whoever_it_is_can_be_looked_at),
        T(only_the_one_wanted_is_met),
        T(one_byte_of_the_fingerprint_counts),
        T(an_alert_after_the_handshake_is_noted),
        T(a_goodbye_is_no_alert),
    };

    return kh_test_main("peer", tests, sizeof tests / sizeof tests[0]);
}
