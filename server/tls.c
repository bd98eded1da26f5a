#include "server/tls.h"

#include "core/crypto.h"
#include "core/secmem.h"
#include "core/secret.h"
#include "server/credentials.h"
#include "server/trust.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_COUNT = 6, SESSION_SECONDS = 300 };

struct kh_tls {
    struct kh_tls_options options;
    char *copies[OPTION_COUNT];
    struct kh_buf passphrase;
    struct kh_trust *trust;
    SSL_CTX *ctx;
    pthread_mutex_t mutex; /* over the next, which others than the loop look at */
    X509 *certificate;     /* the server's own, in use */
};

static const char suites12[] = "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-"
                               "SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
                               "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-"
                               "SHA256:ECDHE-RSA-AES128-GCM-SHA256";

/* HTTP/1.1 or nothing: a client that offers protocols must offer ours (RFC 7301). */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *outlen,
    const unsigned char *in, unsigned inlen, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;

    (void)ssl, (void)arg;
    if (SSL_select_next_proto(&chosen, outlen, ours, sizeof ours - 1, in, inlen) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/* Curves alone: a handshake over a large finite field would cost the loop's thread dozens
 * of milliseconds before anybody is known. FIPS providers have no X25519. */
static bool set_groups(SSL_CTX *ctx)
{
    char all[] = "X25519:P-256:P-384:P-521"; /* the macro takes away const */
    char approved[] = "P-256:P-384:P-521";

    if (SSL_CTX_set1_groups_list(ctx, all) == 1)
        return true;
    ERR_clear_error();
    return SSL_CTX_set1_groups_list(ctx, approved) == 1;
}

static bool set_policy(
    SSL_CTX *ctx, struct kh_trust *trust, const struct kh_tls_options *options)
{
    int verify = SSL_VERIFY_PEER;

    if (!options->client_optional)
        verify |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_security_level(ctx, 2);
    /* Tickets only, one a handshake; their keys die with the context, so a reload ends
     * them. */
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
    SSL_CTX_set_verify(ctx, verify, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, kh_trust_verify, trust);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    return SSL_CTX_set_min_proto_version(
               ctx, options->only_13 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, suites12) == 1 && set_groups(ctx) &&
           SSL_CTX_set_num_tickets(ctx, 1) == 1;
}

static kh_status load_anchors(
    SSL_CTX *ctx, const struct kh_tls_options *options, struct kh_error *err)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);

    if (options->ca_file && X509_STORE_load_file(store, options->ca_file) != 1)
        return kh_fail(err, KH_INVALID, "%s: no CA certificate can be read: %s",
            options->ca_file, kh_crypto_reason("there is none in it"));
    if (!options->crl_file)
        return KH_OK;
    if (X509_STORE_load_file(store, options->crl_file) != 1)
        return kh_fail(err, KH_INVALID, "%s: no revocation list can be read: %s",
            options->crl_file, kh_crypto_reason("there is none in it"));
    X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    return KH_OK;
}

/* Prompts and descriptors can be read once only; files and credentials may have changed.
 */
static kh_status read_passphrase(struct kh_tls *tls, struct kh_error *err)
{
    const char *source = tls->options.passphrase;
    struct kh_buf fresh = {0};
    kh_status st;

    if (!source || (tls->passphrase.len > 0 && strncmp(source, "file:", 5) != 0 &&
                       strncmp(source, "credential:", 11) != 0))
        return KH_OK;
    st = kh_secret_read(source, "Passphrase of the TLS key", &fresh, err);
    if (st == KH_OK) {
        kh_buf_free(&tls->passphrase);
        tls->passphrase = fresh;
    }
    return st;
}

static kh_status make_context(struct kh_tls *tls, SSL_CTX **out, struct kh_error *err)
{
    const struct kh_tls_options *o = &tls->options;
    SSL_CTX *ctx;
    kh_status st;

    ERR_clear_error();
    ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || !set_policy(ctx, tls->trust, o)) {
        SSL_CTX_free(ctx);
        return kh_fail(
            err, KH_FATAL, "TLS cannot be set up: %s", kh_crypto_reason("no memory"));
    }
    st = load_anchors(ctx, o, err);
    if (st == KH_OK)
        st = read_passphrase(tls, err);
    if (st == KH_OK)
        st = kh_credentials_load(ctx, o->certificate, o->key, &tls->passphrase, err);
    if (st != KH_OK) {
        SSL_CTX_free(ctx);
        return st;
    }
    *out = ctx;
    return KH_OK;
}

static bool copy_options(struct kh_tls *tls, const struct kh_tls_options *from)
{
    const char *in[OPTION_COUNT] = {from->certificate, from->key, from->passphrase,
        from->trust_dir, from->ca_file, from->crl_file};

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        if (in[i] && !(tls->copies[i] = strdup(in[i])))
            return false;
    }
    tls->options = (struct kh_tls_options){tls->copies[0], tls->copies[1], tls->copies[2],
        tls->copies[3], tls->copies[4], tls->copies[5], from->only_13,
        from->client_optional};
    return true;
}

static kh_status check_options(const struct kh_tls_options *options, struct kh_error *err)
{
    if (!options->certificate || !options->key)
        return kh_fail(err, KH_INVALID, "[tls] certificate and private_key must be set");
    if (!options->client_optional && !options->trust_dir && !options->ca_file)
        return kh_fail(err, KH_INVALID,
            "[tls] trust_dir or ca_file must be set: nobody could connect otherwise");
    return KH_OK;
}

/* CTX is what connections get from now on. */
static void use_context(struct kh_tls *tls, SSL_CTX *ctx)
{
    X509 *certificate = SSL_CTX_get0_certificate(ctx);
    X509 *old = tls->certificate;

    if (certificate)
        (void)X509_up_ref(certificate);
    pthread_mutex_lock(&tls->mutex);
    tls->certificate = certificate;
    pthread_mutex_unlock(&tls->mutex);
    X509_free(old);
    SSL_CTX_free(tls->ctx); /* open connections hold their own reference */
    tls->ctx = ctx;
}

kh_status kh_tls_new(
    struct kh_tls **out, const struct kh_tls_options *options, struct kh_error *err)
{
    struct kh_tls *tls = calloc(1, sizeof *tls);
    SSL_CTX *ctx = NULL;
    kh_status st;

    *out = NULL;
    if (tls)
        pthread_mutex_init(&tls->mutex, NULL);
    if (!tls || !copy_options(tls, options)) {
        kh_tls_free(tls);
        (void)kh_fail(err, KH_FATAL, "no memory for TLS");
        return KH_FATAL;
    }
    st = check_options(options, err);
    if (st == KH_OK)
        st = kh_trust_new(&tls->trust, options->trust_dir, err);
    if (st == KH_OK)
        st = make_context(tls, &ctx, err);
    if (st != KH_OK) {
        kh_tls_free(tls);
        return st;
    }
    use_context(tls, ctx);
    *out = tls;
    return KH_OK;
}

kh_status kh_tls_reload(struct kh_tls *tls, struct kh_error *err)
{
    SSL_CTX *fresh = NULL;
    kh_status st = make_context(tls, &fresh, err);

    if (st == KH_OK) {
        use_context(tls, fresh);
        kh_trust_changed(tls->trust);
    }
    return st;
}

SSL *kh_tls_accept(struct kh_tls *tls)
{
    uint64_t generation = kh_trust_generation(tls->trust);
    SSL *ssl = SSL_new(tls->ctx);

    /* A session made under another set of pins is not resumed: its certificate is looked
     * at anew. */
    if (ssl && SSL_set_session_id_context(
                   ssl, (const unsigned char *)&generation, sizeof generation) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    return ssl;
}

struct kh_trust *kh_tls_trust(const struct kh_tls *tls)
{
    return tls->trust;
}

const struct kh_tls_options *kh_tls_made_with(const struct kh_tls *tls)
{
    return &tls->options;
}

X509 *kh_tls_certificate(struct kh_tls *tls)
{
    X509 *certificate;

    pthread_mutex_lock(&tls->mutex);
    certificate = tls->certificate;
    if (certificate)
        (void)X509_up_ref(certificate);
    pthread_mutex_unlock(&tls->mutex);
    return certificate;
}

kh_status kh_tls_fingerprint(
    struct kh_tls *tls, char *out, size_t size, struct kh_error *err)
{
    X509 *cert = kh_tls_certificate(tls);
    EVP_PKEY *key = cert ? X509_get0_pubkey(cert) : NULL;
    char fingerprint[65];

    if (!key) {
        X509_free(cert);
        return kh_fail(err, KH_FATAL, "there is no certificate");
    }
    kh_cert_fingerprint(cert, fingerprint);
    snprintf(out, size, "%d%c/%s", EVP_PKEY_get_bits(key),
        EVP_PKEY_is_a(key, "RSA") ? 'R' : 'E', fingerprint);
    X509_free(cert);
    return KH_OK;
}

bool kh_tls_client_optional(const struct kh_tls *tls)
{
    return tls->options.client_optional;
}

void kh_tls_free(struct kh_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->ctx);
    X509_free(tls->certificate);
    pthread_mutex_destroy(&tls->mutex);
    kh_trust_free(tls->trust);
    kh_buf_free(&tls->passphrase);
    for (size_t i = 0; i < OPTION_COUNT; i++)
        free(tls->copies[i]);
    free(tls);
}
