#include "plugins/keyhsm/identity.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

enum { PROMPTS = 3, CHAIN_MAX = 10 };

/* A passphrase is asked for only when the key turns out to need one. */
struct asker {
    const struct kh_host *host;
    const char *source;
    const char *key;
    struct kh_buf secret; /* the answer */
    int attempt;
    bool asked;
    kh_status status;
    struct kh_error err;
};

static kh_status ask(struct asker *a)
{
    char prompt[1200];

    if (!a->source)
        return kh_fail(&a->err, KH_INVALID,
            "%s is password-protected: set passphrase_source (ktadmin: --passphrase)",
            a->key);
    snprintf(prompt, sizeof prompt,
        "%sPassphrase of %s: ", a->attempt > 0 ? "The passphrase is wrong. " : "",
        a->key);
    return a->host->secret(a->host, a->source, prompt, &a->secret, &a->err);
}

static int answer(char *out, int size, int writing, void *arg)
{
    struct asker *a = arg;

    (void)writing;
    /* libcrypto may try several decoders: one question is enough. */
    if (!a->asked)
        a->status = ask(a);
    a->asked = true;
    if (a->status == KH_OK && a->secret.len > (size_t)size)
        a->status =
            kh_fail(&a->err, KH_INVALID, "the passphrase is longer than %d bytes", size);
    if (a->status != KH_OK)
        return -1;
    if (a->secret.len > 0)
        memcpy(out, a->secret.data, a->secret.len);
    return (int)a->secret.len;
}

static EVP_PKEY *first_key(OSSL_STORE_CTX *store)
{
    EVP_PKEY *key = NULL;

    while (!key && !OSSL_STORE_eof(store)) {
        OSSL_STORE_INFO *info = OSSL_STORE_load(store);

        if (!info) {
            if (OSSL_STORE_error(store))
                break;
            continue;
        }
        if (OSSL_STORE_INFO_get_type(info) == OSSL_STORE_INFO_PKEY)
            key = OSSL_STORE_INFO_get1_PKEY(info);
        OSSL_STORE_INFO_free(info);
    }
    return key;
}

/* One for the process, never freed: libcrypto knows how to free it in the library context
 * only in which the first of its kind was made. */
static UI_METHOD *ui;

static void make_ui(void)
{
    ui = UI_UTIL_wrap_read_pem_callback(answer, 0);
}

void kh_identity_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_ui);
}

/* Here and below: what is left on OpenSSL's error queue is taken away, and what an
 * application had there before, stays. This code runs in the loadable provider, too. */
static EVP_PKEY *try_key(struct asker *a)
{
    OSSL_STORE_CTX *store;
    EVP_PKEY *key = NULL;

    (void)ERR_set_mark();
    store = ui ? OSSL_STORE_open(a->key, ui, a, NULL, NULL) : NULL;
    if (store && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
        key = first_key(store);
    OSSL_STORE_close(store);
    (void)ERR_pop_to_mark();
    return key;
}

static kh_status load_key(
    EVP_PKEY **out, const struct kh_remote_settings *settings, struct kh_error *err)
{
    struct asker a = {.host = settings->host,
        .source = settings->passphrase_source,
        .key = settings->client_key};
    int attempts;

    kh_identity_start();
    attempts = a.source && strcmp(a.source, "prompt") == 0 ? PROMPTS : 1;

    for (; a.attempt < attempts; a.attempt++) {
        a.asked = false;
        *out = try_key(&a);
        a.host->buf_free(a.host, &a.secret);
        if (*out)
            return KH_OK;
        if (a.status != KH_OK)
            return kh_fail(err, a.status, "%s", a.err.message);
        if (!a.asked)
            return kh_fail(err, KH_INVALID, "%s: there is no private key in it", a.key);
    }
    return kh_fail(err, KH_INVALID, "%s: the passphrase is wrong", a.key);
}

/* The first certificate is the client's own, the rest its chain, as in every PEM bundle.
 */
static kh_status load_chain(
    struct kh_identity *identity, const char *path, struct kh_error *err)
{
    BIO *file;
    X509 *cert;

    (void)ERR_set_mark();
    file = BIO_new_file(path, "re");
    if (!file) {
        (void)ERR_pop_to_mark();
        return kh_fail(err, KH_INVALID, "%s: %s", path, strerror(errno));
    }
    identity->certificate = PEM_read_bio_X509(file, NULL, NULL, NULL);
    identity->chain = sk_X509_new_null();
    while (identity->certificate && identity->chain &&
           sk_X509_num(identity->chain) < CHAIN_MAX &&
           (cert = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(identity->chain, cert) <= 0)
            X509_free(cert);
    }
    BIO_free(file);
    (void)ERR_pop_to_mark();
    if (!identity->certificate)
        return kh_fail(err, KH_INVALID, "%s: there is no certificate in it", path);
    return identity->chain ? KH_OK : kh_fail(err, KH_FATAL, "out of memory");
}

static bool is_path(const char *name)
{
    return *name == '/' || !strchr(name, ':');
}

kh_status kh_identity_load(struct kh_identity *identity,
    const struct kh_remote_settings *settings, struct kh_error *err)
{
    const char *key = settings->client_key;
    kh_status st;

    memset(identity, 0, sizeof *identity);
    if (!settings->client_certificate)
        return KH_OK;
    st = load_chain(identity, settings->client_certificate, err);
    if (st != KH_OK)
        return st;
    if (is_path(key) && access(key, R_OK) != 0)
        return kh_fail(err, KH_INVALID, "%s: %s", key, strerror(errno));
    st = load_key(&identity->key, settings, err);
    (void)ERR_set_mark();
    if (st == KH_OK && X509_check_private_key(identity->certificate, identity->key) != 1)
        st =
            kh_fail(err, KH_INVALID, "%.200s is not the key of the certificate in %.200s",
                key, settings->client_certificate);
    (void)ERR_pop_to_mark();
    return st;
}

bool kh_identity_use(const struct kh_identity *identity, SSL_CTX *ctx)
{
    return !identity->certificate || SSL_CTX_use_cert_and_key(ctx, identity->certificate,
                                         identity->key, identity->chain, 1) == 1;
}

void kh_identity_free(struct kh_identity *identity)
{
    EVP_PKEY_free(identity->key);
    X509_free(identity->certificate);
    sk_X509_pop_free(identity->chain, X509_free);
    memset(identity, 0, sizeof *identity);
}
