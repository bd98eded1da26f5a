#include "tests/unit/provider/module/keyring.h"

#include <openssl/ssl.h>
#include <string.h>

/* libssl as it is, its server's key one of ours; the client knows the default provider
 * alone. */

static SSL_CTX *server_of(const char *name, int version, const char *ciphers)
{
    EVP_PKEY *key = keyring_key(name, NULL);
    SSL_CTX *ctx = SSL_CTX_new_ex(keyring.app, NULL, TLS_server_method());
    X509 *cert;

    CU_ASSERT_PTR_NOT_NULL_FATAL(key);
    cert = keyring_certificate(key, strcmp(name, "ed") == 0 ? NULL : "SHA256", false);
    CU_ASSERT_PTR_NOT_NULL_FATAL(cert);
    CU_ASSERT_EQUAL(SSL_CTX_use_certificate(ctx, cert), 1);
    CU_ASSERT_EQUAL(SSL_CTX_use_PrivateKey(ctx, key), 1);
    CU_ASSERT_EQUAL(SSL_CTX_check_private_key(ctx), 1);
    CU_ASSERT_EQUAL(SSL_CTX_set_min_proto_version(ctx, version), 1);
    CU_ASSERT_EQUAL(SSL_CTX_set_max_proto_version(ctx, version), 1);
    if (ciphers)
        CU_ASSERT_EQUAL(SSL_CTX_set_cipher_list(ctx, ciphers), 1);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ctx;
}

static SSL_CTX *client_of(SSL_CTX *server)
{
    SSL_CTX *ctx = SSL_CTX_new_ex(keyring.plain, NULL, TLS_client_method());
    unsigned char *der = NULL;
    int len = i2d_X509(SSL_CTX_get0_certificate(server), &der);
    const unsigned char *at = der;
    X509 *cert = X509_new_ex(keyring.plain, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(d2i_X509(&cert, &at, len));
    CU_ASSERT_EQUAL(X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    OPENSSL_free(der);
    X509_free(cert);
    return ctx;
}

struct link {
    SSL *server;
    SSL *client;
};

static struct link connect_both(SSL_CTX *server, SSL_CTX *client)
{
    struct link l = {SSL_new(server), SSL_new(client)};
    BIO *one = NULL, *two = NULL;

    CU_ASSERT_EQUAL_FATAL(BIO_new_bio_pair(&one, 0, &two, 0), 1);
    SSL_set_bio(l.server, one, one);
    SSL_set_bio(l.client, two, two);
    SSL_set_accept_state(l.server);
    SSL_set_connect_state(l.client);
    return l;
}

static bool stuck(const SSL *ssl, int result)
{
    int error = SSL_get_error(ssl, result);

    return result != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE;
}

/* Turn by turn until both are through. False: one of them will never be; what it left is
 * on the queue. */
static bool shake(const struct link *l)
{
    for (int turn = 0; turn < 20; turn++) {
        int c = SSL_do_handshake(l->client);
        int s = stuck(l->client, c) ? -1 : SSL_do_handshake(l->server);

        if (stuck(l->client, c) || stuck(l->server, s))
            return false;
        if (c == 1 && s == 1)
            return true;
    }
    return false;
}

static bool talk(const struct link *l)
{
    char line[6] = "";

    return SSL_write(l->server, "hello", 5) == 5 &&
           SSL_read(l->client, line, sizeof line) == 5 && strcmp(line, "hello") == 0;
}

static void drop(struct link *l)
{
    SSL_free(l->server);
    SSL_free(l->client);
}

static void check_tls(const char *name, int version, const char *ciphers)
{
    SSL_CTX *server = server_of(name, version, ciphers);
    SSL_CTX *client = client_of(server);
    struct link l = connect_both(server, client);
    int before = atomic_load(&keyring.uses);

    CU_ASSERT_TRUE(shake(&l));
    CU_ASSERT_EQUAL(SSL_get_verify_result(l.client), X509_V_OK);
    CU_ASSERT_EQUAL(SSL_version(l.client), version);
    CU_ASSERT_TRUE(talk(&l));
    CU_ASSERT_EQUAL(atomic_load(&keyring.uses), before + 1);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
    ERR_print_errors_fp(stderr);
    drop(&l);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void servers_of_tls_1_3(void)
{
    check_tls("p256", TLS1_3_VERSION, NULL);
    check_tls("p384", TLS1_3_VERSION, NULL);
    check_tls("rsa", TLS1_3_VERSION, NULL); /* RSA-PSS */
    check_tls("ed", TLS1_3_VERSION, NULL);
}

static void servers_of_tls_1_2(void)
{
    check_tls("p256", TLS1_2_VERSION, NULL);
    check_tls("p384", TLS1_2_VERSION, NULL);
    check_tls("rsa", TLS1_2_VERSION, "ECDHE");
    check_tls("ed", TLS1_2_VERSION, NULL);
}

/* RSA without a key exchange is decryption with PKCS #1 v1.5, which no key of ours does.
 */
static void key_transport_of_tls_1_2_is_refused(void)
{
    SSL_CTX *server = server_of("rsa", TLS1_2_VERSION, "AES128-GCM-SHA256");
    SSL_CTX *client = client_of(server);
    struct link l = connect_both(server, client);

    CU_ASSERT_FALSE(shake(&l));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_REFUSED, "'rsa' was not made to decrypt"));
    drop(&l);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

/* What stands stands; whoever comes now is turned away, in words. */
static void a_key_deleted_in_the_middle_of_a_session(void)
{
    SSL_CTX *server = server_of("p256", TLS1_3_VERSION, NULL);
    SSL_CTX *client = client_of(server);
    struct link old = connect_both(server, client);
    struct link new = connect_both(server, client);

    CU_ASSERT_TRUE(shake(&old));
    atomic_store(&keyring.fail, KH_NOT_FOUND);
    CU_ASSERT_TRUE(talk(&old));
    CU_ASSERT_FALSE(shake(&new));
    CU_ASSERT_TRUE(keyring_failed(KH_REASON_NOT_FOUND, "'p256': told to fail"));
    CU_ASSERT_TRUE(talk(&old));
    atomic_store(&keyring.fail, KH_OK);
    drop(&new);
    new = connect_both(server, client);
    CU_ASSERT_TRUE(shake(&new));
    drop(&new);
    drop(&old);
    SSL_CTX_free(client);
    SSL_CTX_free(server);
}

static void another_key_s_certificate_is_noticed(void)
{
    SSL_CTX *server = server_of("p256", TLS1_3_VERSION, NULL);
    EVP_PKEY *other = keyring_key("agree256", NULL);

    CU_ASSERT_EQUAL(SSL_CTX_use_PrivateKey(server, other), 0);
    ERR_clear_error();
    EVP_PKEY_free(other);
    SSL_CTX_free(server);
}

/* The client's key in the HSM: the other side of the same coin. */
static void a_client_shows_its_certificate_with_our_key(void)
{
    SSL_CTX *client = server_of("p256", TLS1_3_VERSION, NULL);
    SSL_CTX *ours = SSL_CTX_new_ex(keyring.app, NULL, TLS_client_method());
    EVP_PKEY *key = keyring_key("p256", NULL);
    EVP_PKEY *plain = EVP_PKEY_Q_keygen(keyring.app, NULL, "EC", "P-256");
    SSL_CTX *server = SSL_CTX_new_ex(keyring.app, NULL, TLS_server_method());
    X509 *cert = keyring_certificate(plain, "SHA256", false);
    struct link l;

    CU_ASSERT_EQUAL(SSL_CTX_use_certificate(ours, SSL_CTX_get0_certificate(client)), 1);
    CU_ASSERT_EQUAL(SSL_CTX_use_PrivateKey(ours, key), 1);
    CU_ASSERT_EQUAL(SSL_CTX_use_certificate(server, cert), 1);
    CU_ASSERT_EQUAL(SSL_CTX_use_PrivateKey(server, plain), 1);
    CU_ASSERT_EQUAL(X509_STORE_add_cert(
                        SSL_CTX_get_cert_store(server), SSL_CTX_get0_certificate(client)),
        1);
    SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    l = connect_both(server, ours);
    CU_ASSERT_TRUE(shake(&l));
    CU_ASSERT_TRUE(talk(&l));
    ERR_print_errors_fp(stderr);
    drop(&l);
    X509_free(cert);
    SSL_CTX_free(server);
    EVP_PKEY_free(plain);
    EVP_PKEY_free(key);
    SSL_CTX_free(ours);
    SSL_CTX_free(client);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"servers of tls 1 3", servers_of_tls_1_3},
        {"servers of tls 1 2", servers_of_tls_1_2},
        {"key transport of tls 1 2 is refused", key_transport_of_tls_1_2_is_refused},
        {"a key deleted in the middle of a session",
            a_key_deleted_in_the_middle_of_a_session},
        {"another key's certificate is noticed", another_key_s_certificate_is_noticed},
        {"a client shows its certificate with our key",
            a_client_shows_its_certificate_with_our_key},
    };
    int status;

    keyring_open("default,keyhsm");
    status = kh_test_main("provider keys: TLS", tests, sizeof tests / sizeof tests[0]);
    keyring_close();
    return status;
}
