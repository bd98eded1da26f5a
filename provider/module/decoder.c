/*
 * PEM files that hold only a URI, in two steps, as libcrypto goes them:
 *
 *   pem   the block KEYHSM URI becomes what stands behind it, as DER: a deposit's private
 *         key, which the default provider goes on with; or, for a named key, the URI
 *         itself as an ASN.1 UTF8String, the "DER" that step two reads
 *   der   such a string becomes a reference to the key
 *
 * A reference in the first step would do for PEM_read_bio_PrivateKey. The file store of
 * the default provider, though, passes references on as its own; DER it gives back to
 * libcrypto, which comes to step two.
 */
#include "provider/module/failure.h"
#include "provider/module/fetch.h"
#include "provider/module/inner.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

/* libcrypto wants a context for each; there is nothing to keep in it. */
static void *new_context(void *provctx)
{
    return provctx;
}

static void free_context(void *context)
{
    (void)context;
}

/* Private keys only; 0 stands for anything. */
static int does_selection(void *provctx, int selection)
{
    (void)provctx;
    return selection == 0 || (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0;
}

/* ---- reading what is there; nothing of it is an error when it is not for us ---- */

/* The URI in the next PEM block of IN. */
static bool read_pem(
    const struct kh_module *module, OSSL_CORE_BIO *in, char uri[KH_URI_SIZE])
{
    BIO *bio = BIO_new_from_core_bio(module->inner, in);
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;
    bool ours = false;

    (void)ERR_set_mark();
    if (bio && PEM_read_bio(bio, &name, &header, &data, &len) == 1 &&
        strcmp(name, KH_URI_PEM_LABEL) == 0 && len > 0 && len < KH_URI_SIZE &&
        !memchr(data, '\0', (size_t)len)) {
        memcpy(uri, data, (size_t)len);
        uri[len] = '\0';
        ours = true;
    }
    (void)ERR_pop_to_mark();
    OPENSSL_free(name);
    OPENSSL_free(header);
    /* It may have been somebody's key. */
    OPENSSL_clear_free(data, len > 0 ? (size_t)len : 0);
    BIO_free(bio);
    return ours;
}

/* The URI in a UTF8String that is all of IN. */
static bool read_der(
    const struct kh_module *module, OSSL_CORE_BIO *in, char uri[KH_URI_SIZE])
{
    BIO *bio = BIO_new_from_core_bio(module->inner, in);
    unsigned char der[KH_URI_SIZE + 8];
    const unsigned char *at = der;
    ASN1_UTF8STRING *text = NULL;
    int len = 0, got = 1;
    bool ours = false;

    /* Anything else shows in the first octet, and is left unread. */
    while (bio && got > 0 && len < (int)sizeof der &&
           (len == 0 || der[0] == V_ASN1_UTF8STRING)) {
        got = BIO_read(bio, der + len, len == 0 ? 1 : (int)sizeof der - len);
        len += got > 0 ? got : 0;
    }
    (void)ERR_set_mark();
    if (len > 0 && der[0] == V_ASN1_UTF8STRING)
        text = d2i_ASN1_UTF8STRING(NULL, &at, len);
    if (text && ASN1_STRING_length(text) < KH_URI_SIZE &&
        strlen((const char *)ASN1_STRING_get0_data(text)) ==
            (size_t)ASN1_STRING_length(text)) {
        (void)snprintf(uri, KH_URI_SIZE, "%s", ASN1_STRING_get0_data(text));
        ours = strncmp(uri, KH_URI_SCHEME ":", sizeof KH_URI_SCHEME) == 0;
    }
    (void)ERR_pop_to_mark();
    ASN1_UTF8STRING_free(text);
    BIO_free(bio);
    return ours;
}

static bool parse(const struct kh_module *module, const char *text, struct kh_uri *uri)
{
    struct kh_error err = {0};

    if (kh_uri_parse(uri, text, &err) == KH_OK)
        return true;
    kh_module_fail(module, KH_REASON_URI, "%s", err.message);
    return false;
}

/* ---- step one ---- */

static int give_der(unsigned char *der, size_t len, OSSL_CALLBACK *give, void *arg)
{
    int object = OSSL_OBJECT_PKEY;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object),
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_DATA, der, len),
        OSSL_PARAM_construct_end()};

    return give(params, arg);
}

static int give_uri(const char *uri, OSSL_CALLBACK *give, void *arg)
{
    ASN1_UTF8STRING *text = ASN1_UTF8STRING_new();
    unsigned char *der = NULL;
    int len = -1;
    int given;

    if (text && ASN1_STRING_set(text, uri, -1) == 1)
        len = i2d_ASN1_UTF8STRING(text, &der);
    given = len > 0 && give_der(der, (size_t)len, give, arg);
    OPENSSL_free(der);
    ASN1_UTF8STRING_free(text);
    return given;
}

static int give_private_key(const struct kh_module *module, const struct kh_uri *uri,
    const struct kh_contents *contents, OSSL_CALLBACK *give, void *arg)
{
    for (size_t i = 0; i < contents->count; i++) {
        const struct kh_content *c = &contents->list[i];

        if (c->kind == KH_CONTENT_KEY || c->kind == KH_CONTENT_ENCRYPTED_KEY)
            return give_der(c->data, c->len, give, arg);
    }
    kh_fetch_complain_kind(module, uri, "private key", contents);
    return 0;
}

static int decode_pem(void *context, OSSL_CORE_BIO *in, int selection,
    OSSL_CALLBACK *give, void *give_arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    struct kh_module *module = context;
    struct kh_asker asker = {.callback = ask, .arg = ask_arg};
    struct kh_fetched fetched = {0};
    struct kh_uri uri;
    char text[KH_URI_SIZE];
    int given = 0;

    (void)selection;
    if (!read_pem(module, in, text))
        return 1;
    if (!parse(module, text, &uri))
        return 0;
    if (kh_fetch(module, &uri, true, &asker, &fetched))
        given = fetched.key
                    ? give_uri(text, give, give_arg)
                    : give_private_key(module, &uri, &fetched.contents, give, give_arg);
    kh_fetched_free(&fetched);
    return given;
}

/* ---- step two ---- */

static int decode_der(void *context, OSSL_CORE_BIO *in, int selection,
    OSSL_CALLBACK *give, void *give_arg, OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    struct kh_module *module = context;
    struct kh_pkey_reference reference;
    struct kh_error err = {0};
    struct kh_uri uri;
    struct kh_pkey *key;
    char text[KH_URI_SIZE], type[16];
    int object = OSSL_OBJECT_PKEY;
    int given;

    (void)selection, (void)ask, (void)ask_arg;
    if (!read_der(module, in, text))
        return 1;
    if (!parse(module, text, &uri))
        return 0;
    key = kh_pkey_load(module, uri.name, &err);
    if (!key) {
        kh_fetch_complain(module, (enum kh_reason)err.status, &uri, err.message);
        return 0;
    }
    reference = kh_pkey_refer(key);
    (void)snprintf(type, sizeof type, "%s", kh_pkey_type(key->kind));
    OSSL_PARAM params[] = {OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object),
        OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, type, 0),
        OSSL_PARAM_construct_octet_string(
            OSSL_OBJECT_PARAM_REFERENCE, &reference, sizeof reference),
        OSSL_PARAM_construct_end()};
    given = give(params, give_arg);
    kh_pkey_free(reference.key); /* NULL when it was taken */
    return given;
}

const OSSL_ALGORITHM *kh_module_decoder(const struct kh_module *module)
{
    static const OSSL_DISPATCH pem[] = {
        {OSSL_FUNC_DECODER_NEWCTX, (void (*)(void))new_context},
        {OSSL_FUNC_DECODER_FREECTX, (void (*)(void))free_context},
        {OSSL_FUNC_DECODER_DOES_SELECTION, (void (*)(void))does_selection},
        {OSSL_FUNC_DECODER_DECODE, (void (*)(void))decode_pem},
        {0, NULL},
    };
    static const OSSL_DISPATCH der[] = {
        {OSSL_FUNC_DECODER_NEWCTX, (void (*)(void))new_context},
        {OSSL_FUNC_DECODER_FREECTX, (void (*)(void))free_context},
        {OSSL_FUNC_DECODER_DOES_SELECTION, (void (*)(void))does_selection},
        {OSSL_FUNC_DECODER_DECODE, (void (*)(void))decode_der},
        {0, NULL},
    };
    static const OSSL_ALGORITHM algorithms[] = {
        {"DER", "provider=" KH_MODULE_NAME ",input=pem", pem, "PEM files with a URI"},
        {"EC", "provider=" KH_MODULE_NAME ",input=der", der, "URIs of keys"},
        {"RSA", "provider=" KH_MODULE_NAME ",input=der", der, "URIs of keys"},
        {"ED25519", "provider=" KH_MODULE_NAME ",input=der", der, "URIs of keys"},
        {NULL, NULL, NULL, NULL},
    };

    (void)module;
    return algorithms;
}
