#include "tests/unit/provider/module/keyring.h"

#include <openssl/rsa.h>
#include <openssl/store.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct keyring keyring;

static OSSL_PROVIDER *loaded[3];

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    ERR_print_errors_fp(stderr);
    fprintf(stderr, "keyring: %s\n", what);
    abort();
}

void keyring_open(const char *order)
{
    bool first = strncmp(order, "keyhsm", 6) == 0;

    keyring.own = OSSL_LIB_CTX_new();
    keyring.plain = OSSL_LIB_CTX_new();
    keyring.app = OSSL_LIB_CTX_new();
    need(OSSL_PROVIDER_add_builtin(keyring.app, "keyhsm", OSSL_provider_init) == 1,
        "builtin");
    loaded[0] = OSSL_PROVIDER_load(keyring.app, first ? "keyhsm" : "default");
    loaded[1] = OSSL_PROVIDER_load(keyring.app, first ? "default" : "keyhsm");
    loaded[2] = OSSL_PROVIDER_load(keyring.plain, "default");
    need(loaded[0] && loaded[1] && loaded[2], "providers");
}

void keyring_close(void)
{
    for (size_t i = 0; i < 3; i++)
        (void)OSSL_PROVIDER_unload(loaded[i]);
    OSSL_LIB_CTX_free(keyring.app);
    OSSL_LIB_CTX_free(keyring.plain);
    OSSL_LIB_CTX_free(keyring.own);
}

EVP_PKEY *keyring_key(const char *name, const char *properties)
{
    OSSL_STORE_CTX *store;
    OSSL_STORE_INFO *info;
    EVP_PKEY *key = NULL;
    char uri[64];

    (void)snprintf(uri, sizeof uri, "keyhsm:%s", name);
    store =
        OSSL_STORE_open_ex(uri, keyring.app, properties, NULL, NULL, NULL, NULL, NULL);
    info = store ? OSSL_STORE_load(store) : NULL;
    if (info)
        key = OSSL_STORE_INFO_get1_PKEY(info);
    OSSL_STORE_INFO_free(info);
    (void)OSSL_STORE_close(store);
    return key;
}

EVP_PKEY *keyring_public(const char *name)
{
    EVP_PKEY *key = keyring_key(name, NULL);
    unsigned char *der = NULL;
    const unsigned char *at;
    EVP_PKEY *out;
    int len;

    need(key != NULL, name);
    len = i2d_PUBKEY(key, &der);
    need(len > 0, "public half as DER");
    at = der;
    out = d2i_PUBKEY_ex(NULL, &at, len, keyring.plain, NULL);
    need(out != NULL, "public half for the default provider");
    OPENSSL_free(der);
    EVP_PKEY_free(key);
    return out;
}

bool keyring_failed(enum kh_reason reason, const char *text)
{
    const char *data = "";
    int flags = 0;
    unsigned long code;
    bool found = false;

    while ((code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)) != 0) {
        if (ERR_GET_REASON(code) == (int)reason && strstr(data, text))
            found = true;
        else
            printf("[%s: %s] ", ERR_reason_error_string(code), data);
    }
    return found;
}

const char *keyring_provider(const EVP_PKEY *key)
{
    return OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(key));
}

static bool fill(X509 *cert, EVP_PKEY *key)
{
    X509_NAME *name = X509_get_subject_name(cert);

    return X509_set_version(cert, X509_VERSION_3) == 1 &&
           ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1 &&
           X509_gmtime_adj(X509_getm_notBefore(cert), -60) &&
           X509_gmtime_adj(X509_getm_notAfter(cert), 3600) &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
               (const unsigned char *)"localhost", -1, -1, 0) == 1 &&
           X509_set_issuer_name(cert, name) == 1 && X509_set_pubkey(cert, key) == 1;
}

X509 *keyring_certificate(EVP_PKEY *key, const char *md, bool pss)
{
    X509 *cert = X509_new_ex(keyring.app, NULL);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;

    if (fill(cert, key) &&
        EVP_DigestSignInit_ex(ctx, &pctx, md, keyring.app, NULL, key, NULL) == 1 &&
        (!pss || EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1) &&
        X509_sign_ctx(cert, ctx) > 0) {
        EVP_MD_CTX_free(ctx);
        return cert;
    }
    EVP_MD_CTX_free(ctx);
    X509_free(cert);
    return NULL;
}
