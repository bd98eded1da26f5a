#include "programs/ktadmin/identity.h"

#include "core/secmem.h"
#include "core/secret.h"

#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <string.h>
#include <unistd.h>

enum { TRIES = 3 };

/* A passphrase is asked for only when the key turns out to need one. */
struct asker {
    const char *source;
    const char *keyfile;
    struct kh_buf *secret; /* the answer */
    bool asked;
    kh_status status;
    struct kh_error err;
};

static kh_status ask(struct asker *a)
{
    char prompt[512];

    if (!a->source)
        return kh_fail(&a->err, KH_INVALID,
            "%s is password-protected: --passphrase asks for its password", a->keyfile);
    snprintf(prompt, sizeof prompt, "Passphrase of %s: ", a->keyfile);
    return kh_secret_read(a->source, prompt, a->secret, &a->err);
}

static int answer(char *out, int size, int writing, void *arg)
{
    struct asker *a = arg;

    (void)writing;
    /* libcrypto may try several decoders: one question is enough. */
    if (!a->asked)
        a->status = ask(a);
    a->asked = true;
    if (a->status == KH_OK && a->secret->len > (size_t)size)
        a->status =
            kh_fail(&a->err, KH_INVALID, "the passphrase is longer than %d bytes", size);
    if (a->status != KH_OK)
        return -1;
    memcpy(out, a->secret->data, a->secret->len);
    return (int)a->secret->len;
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

/* Only a person can do better the second time. */
static EVP_PKEY *load_key_with_tries(struct asker *a, struct kh_error *err)
{
    int tries = a->source && strcmp(a->source, "prompt") == 0 ? TRIES : 1;
    EVP_PKEY *key = load_key(a, err);

    while (!key && a->asked && a->status == KH_OK && --tries > 0) {
        fprintf(stderr, "%s\n", err->message);
        kh_buf_free(a->secret);
        a->asked = false;
        key = load_key(a, err);
    }
    if (!key)
        kh_buf_free(a->secret);
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
    struct asker asker = {.source = options->passphrase_source,
        .keyfile = options->keyfile,
        .secret = &identity->passphrase};

    memset(identity, 0, sizeof *identity);
    if (access(options->certfile, R_OK) != 0)
        return kh_fail(err, KH_INVALID, "--client-certfile %s: %m", options->certfile);
    if (is_path(options->keyfile) && access(options->keyfile, R_OK) != 0)
        return kh_fail(err, KH_INVALID, "--client-keyfile %s: %m", options->keyfile);
    identity->certfile = options->certfile;
    identity->key = load_key_with_tries(&asker, err);
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
    kh_buf_free(&identity->passphrase);
    memset(identity, 0, sizeof *identity);
}
