#include "programs/ktadmin/identity.h"

#include "core/secmem.h"
#include "core/secret.h"

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>
#include <unistd.h>

/* A passphrase is asked for only when the key turns out to need one. */
struct asker {
    const char *source;
    const char *keyfile;
    bool asked;
    kh_status status;
    struct kh_error err;
};

static int answer(char *out, int size, int writing, void *arg)
{
    KH_CLEANUP_BUF struct kh_buf secret = {0};
    struct asker *a = arg;
    char prompt[512];

    (void)writing;
    /* libcrypto may try several decoders: one question is enough. */
    if (a->asked && a->status != KH_OK)
        return -1;
    a->asked = true;
    if (!a->source) {
        a->status = kh_fail(&a->err, KH_INVALID,
            "%s is password-protected: --passphrase asks for its password", a->keyfile);
        return -1;
    }
    snprintf(prompt, sizeof prompt, "Passphrase of %s: ", a->keyfile);
    a->status = kh_secret_read(a->source, prompt, &secret, &a->err);
    if (a->status != KH_OK)
        return -1;
    if (secret.len > (size_t)size) {
        a->status =
            kh_fail(&a->err, KH_INVALID, "the passphrase is longer than %d bytes", size);
        return -1;
    }
    if (secret.len > 0)
        memcpy(out, secret.data, secret.len);
    return (int)secret.len;
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

static EVP_PKEY *load_key(struct asker *a, struct kh_error *err)
{
    UI_METHOD *ui = UI_UTIL_wrap_read_pem_callback(answer, 0);
    OSSL_STORE_CTX *store = ui ? OSSL_STORE_open(a->keyfile, ui, a, NULL, NULL) : NULL;
    EVP_PKEY *key = NULL;

    if (store && OSSL_STORE_expect(store, OSSL_STORE_INFO_PKEY) == 1)
        key = first_key(store);
    if (!key && a->status != KH_OK)
        (void)kh_fail(err, a->status, "%s", a->err.message);
    else if (!key && a->asked)
        (void)kh_fail(err, KH_INVALID, "%s: the passphrase is wrong", a->keyfile);
    else if (!key)
        (void)kh_fail(err, KH_INVALID, "%s: there is no private key in it", a->keyfile);
    OSSL_STORE_close(store);
    UI_destroy_method(ui);
    ERR_clear_error();
    return key;
}

static kh_status check_pair(struct kh_identity *identity, struct kh_error *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    kh_status status = KH_OK;

    if (!ctx)
        status = kh_fail(err, KH_FATAL, "out of memory");
    else if (SSL_CTX_use_certificate_chain_file(ctx, identity->certfile) != 1)
        status = kh_fail(err, KH_INVALID,
            "--client-certfile %s: there is no certificate in it", identity->certfile);
    else if (SSL_CTX_use_PrivateKey(ctx, identity->key) != 1 ||
             SSL_CTX_check_private_key(ctx) != 1)
        status = kh_fail(err, KH_INVALID,
            "--client-keyfile is not the key of the certificate in %s",
            identity->certfile);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    return status;
}

static bool is_path(const char *name)
{
    return *name == '/' || !strchr(name, ':');
}

kh_status kh_identity_load(struct kh_identity *identity,
    const struct kh_http_options *options, struct kh_error *err)
{
    struct asker asker = {
        .source = options->passphrase_source, .keyfile = options->keyfile};

    memset(identity, 0, sizeof *identity);
    if (access(options->certfile, R_OK) != 0)
        return kh_fail(err, KH_INVALID, "--client-certfile %s: %m", options->certfile);
    if (is_path(options->keyfile) && access(options->keyfile, R_OK) != 0)
        return kh_fail(err, KH_INVALID, "--client-keyfile %s: %m", options->keyfile);
    identity->certfile = options->certfile;
    identity->key = load_key(&asker, err);
    return identity->key ? check_pair(identity, err) : err->status;
}

bool kh_identity_use(const struct kh_identity *identity, SSL_CTX *ctx)
{
    return SSL_CTX_use_certificate_chain_file(ctx, identity->certfile) == 1 &&
           SSL_CTX_use_PrivateKey(ctx, identity->key) == 1;
}

void kh_identity_free(struct kh_identity *identity)
{
    EVP_PKEY_free(identity->key);
    memset(identity, 0, sizeof *identity);
}
