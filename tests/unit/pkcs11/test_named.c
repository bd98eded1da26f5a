/* Named keys of the store: made on the token, used there, gone when they are purged. */
#include "plugins/pkcs11/label.h"
#include "plugins/pkcs11/named.h"
#include "tests/unit/pkcs11/shop.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

/* Makes NAME; the status is in shop->err too. */
static kh_status make(struct shop *s, const char *name, kh_key_kind kind,
    uint32_t purposes, struct kh_named_key *key)
{
    struct kh_named_key own;

    if (!key)
        key = &own;
    memset(&s->err, 0, sizeof s->err);
    *key = (struct kh_named_key){.kind = kind, .purposes = purposes};
    snprintf(key->name, sizeof key->name, "%s", name);
    return kh_named_create(s->store, key, &s->err);
}

static kh_status use(
    struct shop *s, const char *name, const struct kh_key_use *use, struct kh_buf *out)
{
    memset(&s->err, 0, sizeof s->err);
    *out = (struct kh_buf){0};
    return kh_named_use(s->store, name, use, out, &s->err);
}

static void done(struct shop *s, struct kh_buf *out)
{
    s->rig.host.buf_free(&s->rig.host, out);
}

/* The use that signs a SHA-256 digest by KIND. */
static struct kh_key_use signing(kh_key_scheme scheme)
{
    static const unsigned char digest[32] = "thirty-two bytes of a digest....";

    return (struct kh_key_use){.scheme = scheme,
        .hash = KH_HASH_SHA256,
        .mgf_hash = KH_HASH_SHA256,
        .salt_len = 32,
        .input = digest,
        .input_len = sizeof digest};
}

static EVP_PKEY *public_of(const struct kh_named_key *key)
{
    const unsigned char *at = key->public_key;

    return d2i_PUBKEY(NULL, &at, (long)key->public_len);
}

static bool verifies(const struct kh_named_key *key, const struct kh_key_use *use,
    const struct kh_buf *signature)
{
    EVP_PKEY *pkey = public_of(key);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
    bool ok = ctx && EVP_PKEY_verify_init(ctx) > 0 &&
              EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) > 0 &&
              EVP_PKEY_verify(
                  ctx, signature->data, signature->len, use->input, use->input_len) == 1;

    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return ok;
}

/* Signs by NAME and verifies it with KEY's public half. */
static bool signs(struct shop *s, const char *name, const struct kh_named_key *key)
{
    struct kh_key_use u = signing(KH_SCHEME_ECDSA);
    struct kh_buf out;
    bool ok;

    if (use(s, name, &u, &out) != KH_OK) {
        fprintf(stderr, "    %s\n", s->err.message);
        return false;
    }
    ok = verifies(key, &u, &out);
    done(s, &out);
    return ok;
}

static void an_ec_key_signs_after_a_reopen_as_before(void)
{
    struct shop s;
    struct kh_named_key key;
    struct kh_named_key again;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(make(&s, "site", KH_KIND_EC_P256, KH_KEY_SIGN, &key), s.err);
    CU_ASSERT_EQUAL(key.state, KH_ACTIVE);
    CU_ASSERT(key.created > 1700000000 && key.public_len > 80);
    CU_ASSERT(signs(&s, "site", &key));
    CU_ASSERT(signs(&s, "site", &key));
    shop_reopen(&s);
    KH_ASSERT_OK(kh_named_stat(s.store, "site", &again, &s.err), s.err);
    CU_ASSERT_EQUAL(memcmp(&key, &again, sizeof key), 0);
    CU_ASSERT(signs(&s, "site", &key));
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    CU_ASSERT_EQUAL(shop_known(&s, KH_KEY_ACTIVE), 1);
    KH_ASSERT_OK(kh_store_check(s.store, &s.err), s.err);
    shop_end(&s);
}

static void a_digest_longer_than_the_curve_is_cut(void)
{
    struct shop s;
    struct kh_named_key key;
    unsigned char digest[64];
    struct kh_key_use u = {.scheme = KH_SCHEME_ECDSA,
        .hash = KH_HASH_SHA512,
        .input = digest,
        .input_len = sizeof digest};
    struct kh_key_use first = u;
    struct kh_buf out;

    memset(digest, 0xa7, sizeof digest);
    first.input_len = 32;
    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(make(&s, "k", KH_KIND_EC_P256, KH_KEY_SIGN, &key), s.err);
    KH_ASSERT_OK(use(&s, "k", &u, &out), s.err);
    CU_ASSERT(verifies(&key, &first, &out));
    done(&s, &out);
    shop_end(&s);
}

static void aes_wraps_and_unwraps(void)
{
    static const size_t sizes[] = {16, 24, 32, 48, 64};
    unsigned char secret[64];
    struct shop s;
    struct kh_named_key key;

    memset(secret, 0x5a, sizeof secret);
    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(make(&s, "kek", KH_KIND_AES_256, KH_KEY_WRAP, &key), s.err);
    CU_ASSERT_EQUAL(key.public_len, 0);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct kh_key_use u = {
                .scheme = KH_SCHEME_AES_WRAP, .input = secret, .input_len = sizes[i]};
            struct kh_buf wrapped;
            struct kh_buf opened;

            KH_ASSERT_OK(use(&s, "kek", &u, &wrapped), s.err);
            CU_ASSERT_EQUAL(wrapped.len, sizes[i] + 8);
            u = (struct kh_key_use){.scheme = KH_SCHEME_AES_UNWRAP,
                .input = wrapped.data,
                .input_len = wrapped.len};
            KH_ASSERT_OK(use(&s, "kek", &u, &opened), s.err);
            CU_ASSERT_EQUAL(opened.len, sizes[i]);
            CU_ASSERT_EQUAL(memcmp(opened.data, secret, sizes[i]), 0);
            done(&s, &opened);
            wrapped.data[3] ^= 1;
            KH_ASSERT_FAILS(use(&s, "kek", &u, &opened), KH_INVALID, s.err,
                "'kek': what was to be unwrapped was not wrapped by this key");
            CU_ASSERT_PTR_NULL(opened.data);
            done(&s, &wrapped);
        }
        shop_reopen(&s);
    }
    shop_end(&s);
}

/* pkcs11-tool's list of objects of TYPE has a line for each of the three patterns. */
static bool token_shows(
    struct shop *s, const char *type, const char *label, const char *usage)
{
    char command[900];

    snprintf(
        command, sizeof command, "-O --type %s | tee %s/objects", type, s->rig.state);
    return rig_tool(&s->rig, command) == 0 &&
           kh_test_shell("cd '%s' && grep -q 'label: *%s-' objects && "
                         "grep -q 'Usage: *%s$' objects && "
                         "grep -q 'sensitive, always sensitive, never extract' objects",
               s->rig.state, label, usage) == 0;
}

static void on_the_token_a_key_is_as_it_must_be(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(make(&s, "signer", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_OK(make(&s, "kek", KH_KIND_AES_256, KH_KEY_WRAP, NULL), s.err);
    shop_close(&s);
    CU_ASSERT(token_shows(&s, "privkey", "signer", "sign"));
    CU_ASSERT(token_shows(&s, "secrkey", "kek", "wrap, unwrap"));
    CU_ASSERT_FALSE(token_shows(&s, "pubkey", "signer", "verify"));
    shop_end(&s);
}

static void names_are_of_keys_or_of_deposits(void)
{
    struct shop s;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(shop_put(&s, "d", 0, "x"), s.err);
    KH_ASSERT_OK(make(&s, "k", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_FAILS(make(&s, "d", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), KH_EXISTS, s.err,
        "'d' is the name of a deposit");
    KH_ASSERT_FAILS(make(&s, "k", KH_KIND_AES_256, KH_KEY_WRAP, NULL), KH_EXISTS, s.err,
        "'k' exists already");
    KH_ASSERT_FAILS(shop_put(&s, "k", 0, "x"), KH_EXISTS, s.err, "named key 'k' exists");
    KH_ASSERT_FAILS(shop_put(&s, "k", 3, "x"), KH_EXISTS, s.err, "named key 'k' exists");
    CU_ASSERT_EQUAL(shop_keys(&s), 2);
    shop_end(&s);
}

static void what_a_key_is_not_for_is_refused(void)
{
    struct kh_key_use u = signing(KH_SCHEME_ECDSA);
    struct shop s;
    struct kh_buf out;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(make(&s, "kek", KH_KIND_AES_256, KH_KEY_WRAP, NULL), s.err);
    KH_ASSERT_OK(make(&s, "ec", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_FAILS(use(&s, "kek", &u, &out), KH_REFUSED, s.err,
        "'kek' of kind aes-256 has no scheme ecdsa");
    u.scheme = KH_SCHEME_AES_WRAP;
    KH_ASSERT_FAILS(use(&s, "ec", &u, &out), KH_REFUSED, s.err,
        "'ec' of kind ec-p256 has no scheme aes-wrap");
    u.scheme = KH_SCHEME_ECDH;
    KH_ASSERT_FAILS(
        use(&s, "ec", &u, &out), KH_REFUSED, s.err, "'ec' was not made to derive");
    KH_ASSERT_FAILS(use(&s, "none", &u, &out), KH_NOT_FOUND, s.err, "'none'");
    shop_end(&s);
}

static void a_removed_key_is_not_used_until_it_is_restored(void)
{
    struct shop s;
    struct kh_named_key key;
    struct kh_key_use u = signing(KH_SCHEME_ECDSA);
    struct kh_buf out;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(make(&s, "k", KH_KIND_EC_P256, KH_KEY_SIGN, &key), s.err);
    KH_ASSERT_OK(kh_named_change(s.store, "k", KH_KEY_REMOVE, &s.err), s.err);
    KH_ASSERT_OK(kh_named_change(s.store, "k", KH_KEY_REMOVE, &s.err), s.err);
    KH_ASSERT_FAILS(use(&s, "k", &u, &out), KH_NOT_FOUND, s.err, "'k' is removed");
    shop_reopen(&s);
    CU_ASSERT_EQUAL(use(&s, "k", &u, &out), KH_NOT_FOUND);
    KH_ASSERT_OK(kh_named_change(s.store, "k", KH_KEY_RESTORE, &s.err), s.err);
    CU_ASSERT(signs(&s, "k", &key));
    KH_ASSERT_FAILS(kh_named_change(s.store, "none", KH_KEY_REMOVE, &s.err), KH_NOT_FOUND,
        s.err, "'none'");
    shop_end(&s);
}

static void a_purged_key_is_gone_from_the_token(void)
{
    struct shop s;
    struct kh_named_key key;
    struct kh_named_key none;

    shop_make(&s, NULL);
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(make(&s, "a", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_OK(make(&s, "b", KH_KIND_EC_P256, KH_KEY_SIGN, &key), s.err);
    KH_ASSERT_OK(make(&s, "c", KH_KIND_AES_256, KH_KEY_WRAP, NULL), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 3);
    KH_ASSERT_OK(kh_named_change(s.store, "a", KH_KEY_PURGE, &s.err), s.err);
    KH_ASSERT_OK(kh_named_change(s.store, "c", KH_KEY_PURGE, &s.err), s.err);
    CU_ASSERT_EQUAL(shop_keys(&s), 1);
    CU_ASSERT_EQUAL(atomic_load(&s.store->keys), 1);
    KH_ASSERT_FAILS(
        kh_named_stat(s.store, "a", &none, &s.err), KH_NOT_FOUND, s.err, "'a'");
    CU_ASSERT(signs(&s, "b", &key));
    KH_ASSERT_OK(shop_put(&s, "a", 0, "now a deposit"), s.err);
    shop_end(&s);
}

static void max_keys_counts_named_keys_too(void)
{
    struct shop s;

    shop_make(&s, "max_keys=2");
    KH_ASSERT_OK_FATAL(shop_open(&s), s.err);
    KH_ASSERT_OK(make(&s, "a", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    KH_ASSERT_OK(shop_put(&s, "d", 0, "x"), s.err);
    KH_ASSERT_FAILS(make(&s, "b", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), KH_REFUSED, s.err,
        "holds 2 keys and max_keys is 2");
    shop_reopen(&s);
    KH_ASSERT_FAILS(make(&s, "b", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), KH_REFUSED, s.err,
        "max_keys is 2");
    KH_ASSERT_OK(kh_named_change(s.store, "a", KH_KEY_PURGE, &s.err), s.err);
    KH_ASSERT_OK(make(&s, "b", KH_KIND_EC_P256, KH_KEY_SIGN, NULL), s.err);
    shop_end(&s);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"an_ec_key_signs_after_a_reopen_as_before",
            an_ec_key_signs_after_a_reopen_as_before},
        {"a_digest_longer_than_the_curve_is_cut", a_digest_longer_than_the_curve_is_cut},
        {"aes_wraps_and_unwraps", aes_wraps_and_unwraps},
        {"on_the_token_a_key_is_as_it_must_be", on_the_token_a_key_is_as_it_must_be},
        {"names_are_of_keys_or_of_deposits", names_are_of_keys_or_of_deposits},
        {"what_a_key_is_not_for_is_refused", what_a_key_is_not_for_is_refused},
        {"a_removed_key_is_not_used_until_it_is_restored",
            a_removed_key_is_not_used_until_it_is_restored},
        {"a_purged_key_is_gone_from_the_token", a_purged_key_is_gone_from_the_token},
        {"max_keys_counts_named_keys_too", max_keys_counts_named_keys_too},
    };
    return kh_test_main("pkcs11/named", tests, sizeof tests / sizeof tests[0]);
}
