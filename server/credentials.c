#include "server/credentials.h"

#include "core/crypto.h"

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>

/* PEM's callback: the passphrase, or failure when it does not fit. Never a prompt. */
static int give_passphrase(char *out, int size, int writing, void *arg)
{
    const struct kh_buf *passphrase = arg;

    (void)writing;
    if (passphrase->len == 0 || size < 0 || passphrase->len > (size_t)size)
        return -1;
    memcpy(out, passphrase->data, passphrase->len);
    return (int)passphrase->len;
}

/* What a store holds, of the kinds wanted here. */
struct found {
    EVP_PKEY *key;
    STACK_OF(X509) * certs;
};

static bool take(struct found *found, OSSL_STORE_INFO *info)
{
    X509 *cert;

    switch (OSSL_STORE_INFO_get_type(info)) {
    case OSSL_STORE_INFO_PKEY:
        if (!found->key)
            found->key = OSSL_STORE_INFO_get1_PKEY(info);
        return true;
    case OSSL_STORE_INFO_CERT:
        cert = OSSL_STORE_INFO_get1_CERT(info);
        if (cert && sk_X509_push(found->certs, cert) > 0)
            return true;
        X509_free(cert);
        return false;
    default:
        return true;
    }
}

/* Reads all of URI; false when it cannot be opened or something in it cannot be read. */
static bool read_store(
    const char *uri, int expect, const struct kh_buf *passphrase, struct found *found)
{
    static const struct kh_buf none;
    const struct kh_buf *secret = passphrase ? passphrase : &none;
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(give_passphrase, 0);
    OSSL_STORE_CTX *store = NULL;
    bool ok = false;
    struct kh_buf copy = *secret; /* the callback wants a pointer that is not const */

    if (!ui || !(found->certs = sk_X509_new_null()))
        goto out;
    store = OSSL_STORE_open_ex(uri, NULL, NULL, ui, &copy, NULL, NULL, NULL);
    if (!store || OSSL_STORE_expect(store, expect) != 1)
        goto out;
    ok = true;
    while (ok && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (info)
            ok = take(found, info);
        else /* the end sets the error flag as well, but leaves no reason in the queue */
            ok = ERR_peek_error() == 0;
        OSSL_STORE_INFO_free(info);
    }
out:
    OSSL_STORE_close(store);
    UI_destroy_method(ui);
    return ok;
}

static void drop(struct found *found)
{
    EVP_PKEY_free(found->key);
    sk_X509_pop_free(found->certs, X509_free);
    *found = (struct found){0};
}

/* The first certificate is the server's own, the rest its chain, as in every PEM bundle.
 */
static kh_status use_chain(SSL_CTX *ctx, const char *uri, struct kh_error *err)
{
    __attribute__((cleanup(drop))) struct found found = {0};

    if (!read_store(uri, OSSL_STORE_INFO_CERT, NULL, &found) ||
        sk_X509_num(found.certs) == 0)
        return kh_fail(err, KH_INVALID, "%s: no certificate can be read: %s", uri,
            kh_crypto_reason("there is none in it"));
    if (SSL_CTX_use_certificate(ctx, sk_X509_value(found.certs, 0)) != 1)
        return kh_fail(err, KH_INVALID, "%s: the certificate cannot be used: %s", uri,
            kh_crypto_reason("refused"));
    if (SSL_CTX_clear_chain_certs(ctx) != 1)
        return kh_fail(err, KH_FATAL, "%s: no memory", uri);
    for (int i = 1; i < sk_X509_num(found.certs); i++) {
        if (SSL_CTX_add1_chain_cert(ctx, sk_X509_value(found.certs, i)) != 1)
            return kh_fail(err, KH_INVALID,
                "%s: certificate %d of the chain cannot be used: %s", uri, i + 1,
                kh_crypto_reason("refused"));
    }
    return KH_OK;
}

static kh_status use_key(
    SSL_CTX *ctx, const char *uri, const struct kh_buf *passphrase, struct kh_error *err)
{
    __attribute__((cleanup(drop))) struct found found = {0};

    if (!read_store(uri, OSSL_STORE_INFO_PKEY, passphrase, &found) || !found.key)
        return kh_fail(err, KH_INVALID,
            "%s: no private key can be read: %s (a protected key needs [tls] "
            "passphrase_source)",
            uri, kh_crypto_reason("there is none in it"));
    if (SSL_CTX_use_PrivateKey(ctx, found.key) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1)
        return kh_fail(err, KH_INVALID, "%s: the key does not fit the certificate: %s",
            uri, kh_crypto_reason("refused"));
    return KH_OK;
}

kh_status kh_credentials_load(SSL_CTX *ctx, const char *certificate, const char *key,
    const struct kh_buf *passphrase, struct kh_error *err)
{
    kh_status st = use_chain(ctx, certificate, err);

    return st == KH_OK ? use_key(ctx, key, passphrase, err) : st;
}
