/* The OSSL_STORE loader for keyhsm:NAME[?version=N]. */
#include "provider/module/failure.h"
#include "provider/module/fetch.h"

#include <openssl/core_names.h>
#include <openssl/core_object.h>
#include <openssl/params.h>
#include <openssl/store.h>
#include <stdlib.h>
#include <string.h>

/* Nothing is asked for before the first load: what is expected is known then. */
struct loader {
    struct kh_module *module;
    struct kh_uri uri;
    int expected; /* OSSL_STORE_INFO_*; 0: anything */
    enum { FRESH, FETCHED, FAILED, OVER } state;
    struct kh_fetched fetched;
    size_t next;
};

/* A raw secret in the octets of a reference; see export. */
struct raw_reference {
    uint64_t mark[2];
    const struct kh_content *content;
};
static const uint64_t raw_mark[2] = {
    UINT64_C(0x6b657968736d2b72), UINT64_C(0x6177207365637265)};

/* ---- opening ---- */

static void *open_uri(void *provctx, const char *text)
{
    struct loader *loader = calloc(1, sizeof *loader);
    struct kh_error err = {0};

    if (!loader)
        return NULL;
    loader->module = provctx;
    if (kh_uri_parse(&loader->uri, text, &err) == KH_OK)
        return loader;
    kh_module_fail(loader->module, KH_REASON_URI, "%s", err.message);
    free(loader);
    return NULL;
}

static const OSSL_PARAM *settable(void *provctx)
{
    static const OSSL_PARAM params[] = {
        OSSL_PARAM_int(OSSL_STORE_PARAM_EXPECT, NULL), OSSL_PARAM_END};

    (void)provctx;
    return params;
}

static int set_params(void *context, const OSSL_PARAM params[])
{
    struct loader *loader = context;
    const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_STORE_PARAM_EXPECT);

    return !p || OSSL_PARAM_get_int(p, &loader->expected);
}

static int close_uri(void *context)
{
    struct loader *loader = context;

    kh_fetched_free(&loader->fetched);
    free(loader);
    return 1;
}

/* ---- what is wanted ---- */

/* Of PKCS#12 libcrypto makes several objects, and passes over what is not expected. A raw
 * secret is a key only to who does not ask for one: what a server needs is another. */
static bool wanted(const struct loader *loader, enum kh_content_kind kind)
{
    switch (loader->expected) {
    case 0:
        return true;
    case OSSL_STORE_INFO_PKEY:
        return kind == KH_CONTENT_KEY || kind == KH_CONTENT_ENCRYPTED_KEY ||
               kind == KH_CONTENT_PKCS12;
    case OSSL_STORE_INFO_PUBKEY:
        return kind == KH_CONTENT_PUBLIC_KEY;
    case OSSL_STORE_INFO_CERT:
        return kind == KH_CONTENT_CERTIFICATE || kind == KH_CONTENT_PKCS12;
    case OSSL_STORE_INFO_CRL:
        return kind == KH_CONTENT_CRL;
    default:
        return false;
    }
}

static const char *expected_word(int expected)
{
    switch (expected) {
    case OSSL_STORE_INFO_PKEY:
        return "private key";
    case OSSL_STORE_INFO_PUBKEY:
        return "public key";
    case OSSL_STORE_INFO_CERT:
        return "certificate";
    case OSSL_STORE_INFO_CRL:
        return "revocation list";
    default:
        return "such object";
    }
}

/* Moves to the next that is wanted; false: there is none. */
static bool seek(struct loader *loader)
{
    const struct kh_contents *c = &loader->fetched.contents;

    if (loader->fetched.key)
        return loader->next == 0;
    while (loader->next < c->count && !wanted(loader, c->list[loader->next].kind))
        loader->next++;
    return loader->next < c->count;
}

static bool fetch(struct loader *loader, const struct kh_asker *asker)
{
    bool keys = loader->expected == 0 || loader->expected == OSSL_STORE_INFO_PKEY ||
                loader->expected == OSSL_STORE_INFO_PUBKEY;

    if (!kh_fetch(loader->module, &loader->uri, keys, asker, &loader->fetched))
        return false;
    if (seek(loader))
        return true;
    kh_fetch_complain_kind(loader->module, &loader->uri, expected_word(loader->expected),
        &loader->fetched.contents);
    return false;
}

/* ---- handing over ---- */

/* libcrypto decodes it, in the library context and with the passphrase of the
 * application. */
static int give_data(const struct kh_content *content, OSSL_CALLBACK *give, void *arg)
{
    static const struct {
        int type;
        const char *structure;
    } forms[] = {
        [KH_CONTENT_KEY] = {OSSL_OBJECT_PKEY, "PrivateKeyInfo"},
        [KH_CONTENT_ENCRYPTED_KEY] = {OSSL_OBJECT_PKEY, NULL},
        [KH_CONTENT_PUBLIC_KEY] = {OSSL_OBJECT_PKEY, "SubjectPublicKeyInfo"},
        [KH_CONTENT_CERTIFICATE] = {OSSL_OBJECT_CERT, NULL},
        [KH_CONTENT_CRL] = {OSSL_OBJECT_CRL, NULL},
        [KH_CONTENT_PKCS12] = {OSSL_OBJECT_UNKNOWN, NULL},
    };
    int type = forms[content->kind].type;
    char structure[32];
    OSSL_PARAM params[4], *p = params;

    *p++ = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &type);
    *p++ = OSSL_PARAM_construct_octet_string(
        OSSL_OBJECT_PARAM_DATA, content->data, content->len);
    if (forms[content->kind].structure) {
        (void)snprintf(structure, sizeof structure, "%s", forms[content->kind].structure);
        *p++ = OSSL_PARAM_construct_utf8_string(
            OSSL_OBJECT_PARAM_DATA_STRUCTURE, structure, 0);
    }
    *p = OSSL_PARAM_construct_end();
    return give(params, arg);
}

static int give_reference(
    const char *type, void *reference, size_t len, OSSL_CALLBACK *give, void *arg)
{
    int object = OSSL_OBJECT_PKEY;
    char name[16];
    OSSL_PARAM params[4];

    (void)snprintf(name, sizeof name, "%s", type);
    params[0] = OSSL_PARAM_construct_int(OSSL_OBJECT_PARAM_TYPE, &object);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_OBJECT_PARAM_DATA_TYPE, name, 0);
    params[2] =
        OSSL_PARAM_construct_octet_string(OSSL_OBJECT_PARAM_REFERENCE, reference, len);
    params[3] = OSSL_PARAM_construct_end();
    return give(params, arg);
}

static int give_key(struct loader *loader, OSSL_CALLBACK *give, void *arg)
{
    struct kh_pkey_reference reference = kh_pkey_refer(loader->fetched.key);
    int given = give_reference(
        kh_pkey_type(loader->fetched.key->kind), &reference, sizeof reference, give, arg);

    /* Whoever took it out of the reference owns it now. */
    if (!reference.key)
        loader->fetched.key = NULL;
    return given;
}

/* OSSL_STORE has no type for bytes. A key for HMAC is bytes, and
 * EVP_PKEY_get_raw_private_key gives them back; the default provider's own comes of the
 * reference by export. */
static int give_raw(const struct kh_content *content, OSSL_CALLBACK *give, void *arg)
{
    struct raw_reference reference = {{raw_mark[0], raw_mark[1]}, content};

    return give_reference("HMAC", &reference, sizeof reference, give, arg);
}

static int export(
    void *context, const void *reference, size_t len, OSSL_CALLBACK *give, void *arg)
{
    const struct raw_reference *given = reference;
    OSSL_PARAM params[2];

    (void)context;
    if (len != sizeof *given || memcmp(given->mark, raw_mark, sizeof raw_mark) != 0)
        return 0; /* a named key does not leave */
    params[0] = OSSL_PARAM_construct_octet_string(
        OSSL_PKEY_PARAM_PRIV_KEY, given->content->data, given->content->len);
    params[1] = OSSL_PARAM_construct_end();
    return give(params, arg);
}

/* ---- loading ---- */

static int give_next(struct loader *loader, OSSL_CALLBACK *give, void *arg)
{
    const struct kh_content *content;

    if (loader->fetched.key && loader->expected != OSSL_STORE_INFO_PUBKEY) {
        loader->next++;
        return give_key(loader, give, arg);
    }
    content = &loader->fetched.contents.list[loader->next++];
    return content->kind == KH_CONTENT_RAW ? give_raw(content, give, arg)
                                           : give_data(content, give, arg);
}

/* After a failure the first eof says no, so that libcrypto sees that it was one; who goes
 * on loading comes to the end. */
static int load(void *context, OSSL_CALLBACK *give, void *give_arg,
    OSSL_PASSPHRASE_CALLBACK *ask, void *ask_arg)
{
    struct loader *loader = context;
    struct kh_asker asker = {.callback = ask, .arg = ask_arg};
    int given;

    if (loader->state == FRESH)
        loader->state = fetch(loader, &asker) ? FETCHED : FAILED;
    else if (loader->state == FAILED)
        loader->state = OVER;
    if (loader->state != FETCHED)
        return 0;
    given = give_next(loader, give, give_arg);
    if (!seek(loader))
        loader->state = given ? OVER : FAILED;
    return given;
}

static int eof(void *context)
{
    const struct loader *loader = context;

    return loader->state == OVER;
}

const OSSL_ALGORITHM *kh_module_store(const struct kh_module *module)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_STORE_OPEN, (void (*)(void))open_uri},
        {OSSL_FUNC_STORE_SETTABLE_CTX_PARAMS, (void (*)(void))settable},
        {OSSL_FUNC_STORE_SET_CTX_PARAMS, (void (*)(void))set_params},
        {OSSL_FUNC_STORE_LOAD, (void (*)(void))load},
        {OSSL_FUNC_STORE_EOF, (void (*)(void))eof},
        {OSSL_FUNC_STORE_CLOSE, (void (*)(void))close_uri},
        {OSSL_FUNC_STORE_EXPORT_OBJECT, (void (*)(void)) export},
        {0, NULL},
    };
    static const OSSL_ALGORITHM algorithms[] = {
        {KH_URI_SCHEME, "provider=" KH_MODULE_NAME, functions,
            "keys and deposits by name"},
        {NULL, NULL, NULL, NULL},
    };

    (void)module;
    return algorithms;
}
