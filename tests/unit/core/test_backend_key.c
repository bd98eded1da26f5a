#include "core/backend_key.h"

#include "conformance/proof.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <keyhsm/key_words.h>
#include <string.h>

static struct kh_error err;
static struct kh_config *config;
static struct kh_backend *backend;

static struct kh_backend *opened(const char *name)
{
    KH_ASSERT_OK_FATAL(kh_config_load(&config, NULL, &err), err);
    KH_ASSERT_OK_FATAL(kh_backend_claim(config, TEST_MOCK_DIR, name, &err), err);
    KH_ASSERT_OK_FATAL(kh_config_finish(config, &err), err);
    KH_ASSERT_OK_FATAL(
        kh_backend_open(&backend, name, TEST_MOCK_DIR, config, KH_OPEN_TOOL, &err), err);
    return backend;
}

static void closed(void)
{
    kh_backend_close(backend);
    kh_config_free(config);
}

static struct kh_named_key wish(const char *name, kh_key_kind kind, uint32_t purposes)
{
    struct kh_named_key key = {.kind = kind, .purposes = purposes};

    (void)snprintf(key.name, sizeof key.name, "%s", name);
    return key;
}

static kh_status create(const char *name)
{
    struct kh_named_key key = wish(name, KH_KIND_EC_P256, KH_KEY_SIGN);

    err = (struct kh_error){0};
    return kh_backend_key_create(backend, &key, &err);
}

static kh_status stat_of(const char *name)
{
    struct kh_named_key key;

    err = (struct kh_error){0};
    return kh_backend_key_stat(backend, name, &key, &err);
}

static void a_backend_without_the_methods_refuses_all_of_them(void)
{
    struct kh_backend *b = opened("memory");
    struct kh_named_key key = wish("k", KH_KIND_EC_P256, KH_KEY_SIGN);
    struct kh_key_use use = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    struct kh_buf out = {0};
    size_t count = 7;
    const char *word = "'memory' has no named keys";

    CU_ASSERT_FALSE(kh_backend_has_keys(b));
    KH_ASSERT_FAILS(kh_backend_key_create(b, &key, &err), KH_REFUSED, err, word);
    KH_ASSERT_FAILS(kh_backend_key_stat(b, "k", &key, &err), KH_REFUSED, err, word);
    KH_ASSERT_FAILS(
        kh_backend_key_list(b, NULL, &key, 1, &count, &err), KH_REFUSED, err, word);
    CU_ASSERT_EQUAL(count, 0);
    KH_ASSERT_FAILS(kh_backend_key_use(b, "k", &use, &out, &err), KH_REFUSED, err, word);
    KH_ASSERT_FAILS(
        kh_backend_key_change(b, "k", KH_KEY_REMOVE, &err), KH_REFUSED, err, word);
    closed();
}

static void what_the_plugin_does_well_is_handed_on(void)
{
    struct kh_backend *b = opened("wrong_keys");
    struct kh_key_use use = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    struct kh_named_key key;
    struct kh_buf out = {0};
    size_t count = 7;

    CU_ASSERT_TRUE(kh_backend_has_keys(b));
    KH_ASSERT_OK(create("good"), err);
    KH_ASSERT_OK(kh_backend_key_stat(b, "good", &key, &err), err);
    CU_ASSERT_STRING_EQUAL(key.name, "good");
    KH_ASSERT_OK(kh_backend_key_use(b, "good", &use, &out, &err), err);
    CU_ASSERT(out.len == 32 && memcmp(out.data, use.input, 32) == 0);
    kh_buf_free(&out);
    for (kh_key_change c = KH_KEY_REMOVE; c <= KH_KEY_PURGE; c++)
        KH_ASSERT_OK(kh_backend_key_change(b, "good", c, &err), err);
    KH_ASSERT_OK(kh_backend_key_list(b, "zzz", &key, 1, &count, &err), err);
    CU_ASSERT_EQUAL(count, 0);
    count = 7;
    KH_ASSERT_OK(kh_backend_key_list(b, NULL, &key, 0, &count, &err), err);
    CU_ASSERT_EQUAL(count, 0); /* without room the plugin is not even asked */
    closed();
}

static void a_plugin_that_lies_is_corrupt(void)
{
    struct kh_named_key keys[3];
    size_t count = 0;

    (void)opened("wrong_keys");
    KH_ASSERT_FAILS(create("nopublic"), KH_CORRUPT, err, "a public half that is none");
    KH_ASSERT_FAILS(create("hugepublic"), KH_CORRUPT, err, "a public half that is none");
    KH_ASSERT_FAILS(stat_of("nopublic"), KH_CORRUPT, err, "'nopublic'");
    KH_ASSERT_FAILS(stat_of("aespublic"), KH_CORRUPT, err, "a public half that is none");
    KH_ASSERT_FAILS(stat_of("renamed"), KH_CORRUPT, err, "another key than 'renamed'");
    KH_ASSERT_FAILS(kh_backend_key_list(backend, NULL, keys, 2, &count, &err), KH_CORRUPT,
        err, "more keys than fit");
    closed();
}

static void a_failure_has_words_and_leaves_no_output(void)
{
    struct kh_key_use use = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    struct kh_named_key key;
    struct kh_buf out = {0};

    (void)opened("wrong_keys");
    CU_ASSERT_EQUAL(create("silent"), KH_REFUSED);
    CU_ASSERT_NOT_EQUAL(err.message[0], '\0');
    memset(&key, 0xff, sizeof key);
    CU_ASSERT_EQUAL(kh_backend_key_stat(backend, "silent", &key, &err), KH_NOT_FOUND);
    CU_ASSERT_NOT_EQUAL(err.message[0], '\0');
    CU_ASSERT_EQUAL(key.name[0], '\0');
    CU_ASSERT_EQUAL(key.public_len, 0);
    KH_ASSERT_FAILS(kh_backend_key_use(backend, "leaves", &use, &out, &err), KH_CORRUPT,
        err, "and here it is");
    CU_ASSERT(out.data == NULL && out.len == 0 && out.cap == 0);
    CU_ASSERT_EQUAL(kh_backend_key_use(backend, "silent", &use, &out, NULL), KH_CORRUPT);
    KH_ASSERT_FAILS(kh_backend_key_change(backend, "k", (kh_key_change)9, &err),
        KH_INVALID, err, "9 is no change");
    closed();
}

static void a_name_is_looked_at_first(void)
{
    char long_name[KH_NAME_MAX + 2];
    struct kh_named_key key = wish("-k", KH_KIND_EC_P256, KH_KEY_SIGN);
    size_t count = 0;

    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    (void)opened("wrong_keys");
    KH_ASSERT_FAILS(
        kh_backend_key_create(backend, &key, &err), KH_INVALID, err, "starts with '-'");
    CU_ASSERT_EQUAL(stat_of(""), KH_INVALID);
    CU_ASSERT_EQUAL(stat_of(long_name), KH_INVALID);
    CU_ASSERT_EQUAL(
        kh_backend_key_list(backend, long_name, &key, 1, &count, &err), KH_INVALID);
    CU_ASSERT_EQUAL(
        kh_backend_key_change(backend, long_name, KH_KEY_REMOVE, &err), KH_INVALID);
    closed();
}

/* ---- wishes
 * ---------------------------------------------------------------------------- */

static void a_wish_is_for_what_the_kind_can_do(void)
{
    for (kh_key_kind kind = KH_KIND_EC_P256; kind <= KH_KIND_AES_256; kind++) {
        for (uint32_t purposes = 0; purposes < 32; purposes++) {
            struct kh_named_key key = wish("k", kind, purposes);
            uint32_t can = kh_key_kind_purposes(kind);
            uint32_t ec = KH_KEY_SIGN | KH_KEY_DERIVE;
            bool good = purposes != 0 && (purposes & ~can) == 0 && purposes != ec;

            CU_ASSERT_EQUAL(kh_check_key_wish(&key, &err), good ? KH_OK : KH_INVALID);
        }
    }
}

static void a_wish_that_cannot_be_is_refused_in_words(void)
{
    struct kh_named_key key = wish("k", (kh_key_kind)0, KH_KEY_SIGN);

    KH_ASSERT_FAILS(kh_check_key_wish(&key, &err), KH_INVALID, err, "no kind 0");
    key = wish("k", (kh_key_kind)99, KH_KEY_SIGN);
    KH_ASSERT_FAILS(kh_check_key_wish(&key, &err), KH_INVALID, err, "no kind 99");
    key = wish("k", KH_KIND_AES_256, KH_KEY_SIGN);
    KH_ASSERT_FAILS(kh_check_key_wish(&key, &err), KH_INVALID, err,
        "a key of kind aes-256 cannot have these purposes");
    key = wish("k", KH_KIND_EC_P384, KH_KEY_SIGN | KH_KEY_DERIVE);
    KH_ASSERT_FAILS(
        kh_check_key_wish(&key, &err), KH_INVALID, err, "either signs or derives");
}

/* ---- uses
 * ------------------------------------------------------------------------------ */

static void use_refused(const struct kh_key_use *use, const char *word)
{
    err = (struct kh_error){0};
    KH_ASSERT_FAILS(kh_check_key_use(use, &err), KH_INVALID, err, word);
}

static void a_digest_has_the_length_of_its_function(void)
{
    static const kh_key_scheme schemes[] = {
        KH_SCHEME_ECDSA, KH_SCHEME_RSA_PKCS1, KH_SCHEME_RSA_PSS};

    for (unsigned i = 0; i < 3; i++) {
        for (kh_key_hash hash = KH_HASH_SHA1; hash <= KH_HASH_SHA512; hash++) {
            struct kh_key_use use = kh_proof_signing(schemes[i], hash);

            KH_ASSERT_OK(kh_check_key_use(&use, &err), err);
            use.input_len--;
            use_refused(&use, kh_key_word(kh_key_hash_words(), hash));
            use.input_len += 2;
            use_refused(&use, "bytes, not");
        }
    }
}

static void a_scheme_that_needs_a_function_says_so(void)
{
    struct kh_key_use use = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_NONE);

    use_refused(&use, "ecdsa needs the digest's function");
    use = kh_proof_signing(KH_SCHEME_RSA_PSS, KH_HASH_NONE);
    use_refused(&use, "rsa-pss needs the digest's function");
    use = kh_proof_signing(KH_SCHEME_RSA_PSS, KH_HASH_SHA256);
    use.mgf_hash = KH_HASH_NONE;
    use_refused(&use, "rsa-pss needs the function of MGF1");
    use.mgf_hash = KH_HASH_SHA1;
    KH_ASSERT_OK(kh_check_key_use(&use, &err), err);
    use.salt_len = 513;
    use_refused(&use, "a salt of 513 bytes");
    use = kh_proof_signing(KH_SCHEME_RSA_OAEP, KH_HASH_SHA1);
    KH_ASSERT_OK(kh_check_key_use(&use, &err), err);
    use.mgf_hash = KH_HASH_NONE;
    use_refused(&use, "rsa-oaep needs a hash function");
    use = kh_proof_signing(KH_SCHEME_RSA_PKCS1, KH_HASH_NONE);
    KH_ASSERT_OK(kh_check_key_use(&use, &err), err);
    use.scheme = (kh_key_scheme)0;
    use_refused(&use, "no scheme 0");
    use.scheme = (kh_key_scheme)99;
    use_refused(&use, "no scheme 99");
}

static void an_input_is_there_and_within_the_limit(void)
{
    static const unsigned char bytes[KH_KEY_INPUT_MAX + 1];
    struct kh_key_use use = {.scheme = KH_SCHEME_ED25519, .input = bytes};

    use_refused(&use, "0 bytes of input");
    use.input_len = KH_KEY_INPUT_MAX;
    KH_ASSERT_OK(kh_check_key_use(&use, &err), err);
    use.input_len++;
    use_refused(&use, "4097 bytes of input");
    use.input = NULL;
    use.input_len = 1;
    use_refused(&use, "bytes of input");
}

static void aes_takes_whole_blocks_of_eight(void)
{
    static const unsigned char bytes[80];

    for (size_t len = 1; len <= sizeof bytes; len++) {
        struct kh_key_use use = {
            .scheme = KH_SCHEME_AES_WRAP, .input = bytes, .input_len = len};
        bool wraps = len % 8 == 0 && len >= 16 && len <= 64;
        bool unwraps = len % 8 == 0 && len >= 24 && len <= 72;

        CU_ASSERT_EQUAL(kh_check_key_use(&use, &err), wraps ? KH_OK : KH_INVALID);
        use.scheme = KH_SCHEME_AES_UNWRAP;
        CU_ASSERT_EQUAL(kh_check_key_use(&use, &err), unwraps ? KH_OK : KH_INVALID);
    }
}

static void a_bad_use_never_reaches_the_plugin(void)
{
    struct kh_key_use use = kh_proof_signing(KH_SCHEME_ECDSA, KH_HASH_SHA256);
    struct kh_buf out = {0};

    (void)opened("wrong_keys");
    use.input_len = 31; /* "leaves" would leave something */
    KH_ASSERT_FAILS(kh_backend_key_use(backend, "leaves", &use, &out, &err), KH_INVALID,
        err, "32 bytes, not 31");
    CU_ASSERT_PTR_NULL(out.data);
    closed();
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_backend_without_the_methods_refuses_all_of_them",
            a_backend_without_the_methods_refuses_all_of_them},
        {"what_the_plugin_does_well_is_handed_on",
            what_the_plugin_does_well_is_handed_on},
        {"a_plugin_that_lies_is_corrupt", a_plugin_that_lies_is_corrupt},
        {"a_failure_has_words_and_leaves_no_output",
            a_failure_has_words_and_leaves_no_output},
        {"a_name_is_looked_at_first", a_name_is_looked_at_first},
        {"a_wish_is_for_what_the_kind_can_do", a_wish_is_for_what_the_kind_can_do},
        {"a_wish_that_cannot_be_is_refused_in_words",
            a_wish_that_cannot_be_is_refused_in_words},
        {"a_digest_has_the_length_of_its_function",
            a_digest_has_the_length_of_its_function},
        {"a_scheme_that_needs_a_function_says_so",
            a_scheme_that_needs_a_function_says_so},
        {"an_input_is_there_and_within_the_limit",
            an_input_is_there_and_within_the_limit},
        {"aes_takes_whole_blocks_of_eight", aes_takes_whole_blocks_of_eight},
        {"a_bad_use_never_reaches_the_plugin", a_bad_use_never_reaches_the_plugin},
    };
    return kh_test_main("core/backend_key", tests, sizeof tests / sizeof tests[0]);
}
