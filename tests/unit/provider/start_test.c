/* What is decided when a provider is made: providers, properties, randomness. */
#include "provider/provider.h"

#include "tests/lib/testlib.h"
#include "tests/unit/provider/backing.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <string.h>

static struct backing token;
static struct kh_provider *provider;
static OSSL_LIB_CTX *libctx;

static void expect_token_error(kh_status status, const char *word)
{
    struct kh_error err = {0};

    kh_provider_last_error(&err);
    CU_ASSERT_EQUAL(err.status, status);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, word));
}

/* ---- randomness ---- */

static void seeds_come_from_the_token(void)
{
    EVP_RAND_CTX *primary = RAND_get0_primary(libctx);
    struct kh_provider *other = NULL;
    struct kh_error err = {0};
    int calls = token.random_calls;

    CU_ASSERT_TRUE(calls > 0); /* kh_provider_new seeded itself */
    CU_ASSERT_EQUAL(EVP_RAND_reseed(primary, 1, NULL, 0, NULL, 0), 1);
    CU_ASSERT_EQUAL(token.random_calls, calls + 1);
    CU_ASSERT_STRING_EQUAL(
        EVP_RAND_get0_name(EVP_RAND_CTX_get0_rand(primary)), "CTR-DRBG");
    KH_ASSERT_OK_FATAL(kh_provider_new(&other, &token.ops, "default", "", &err), err);
    CU_ASSERT_TRUE(token.random_calls > calls + 1);
    kh_provider_free(other);
}

static void a_token_without_randomness_is_told_at_start(void)
{
    struct kh_provider *other = NULL;
    struct kh_error err = {0};

    token.fail_with = KH_UNAVAILABLE;
    KH_ASSERT_FAILS(kh_provider_new(&other, &token.ops, "default", "", &err),
        KH_UNAVAILABLE, err, "told to fail");
    token.fail_with = KH_OK;
    CU_ASSERT_PTR_NULL(other);
}

static void *draw(void *arg)
{
    struct kh_error *err = arg;
    unsigned char bytes[32];

    if (RAND_bytes_ex(libctx, bytes, sizeof bytes, 0) == 1)
        return arg;
    kh_provider_last_error(err);
    ERR_clear_error();
    return NULL;
}

static void nothing_is_drawn_while_the_token_gives_no_seed(void)
{
    EVP_RAND_CTX *primary = RAND_get0_primary(libctx);
    struct kh_error err = {0};
    pthread_t thread;
    void *drew = &err;

    token.fail_with = KH_UNAVAILABLE;
    CU_ASSERT_EQUAL(EVP_RAND_reseed(primary, 1, NULL, 0, NULL, 0), 0);
    pthread_create(&thread, NULL, draw, &err);
    pthread_join(thread, &drew);
    CU_ASSERT_PTR_NULL(drew);
    CU_ASSERT_EQUAL(err.status, KH_UNAVAILABLE);
    token.fail_with = KH_OK;
    pthread_create(&thread, NULL, draw, &err);
    pthread_join(thread, &drew);
    CU_ASSERT_PTR_EQUAL(drew, &err);
    expect_token_error(KH_UNAVAILABLE, "told to fail");
    ERR_clear_error();
}

/* ---- configuration ---- */

static void refused(
    const char *providers, const char *properties, kh_status status, const char *word)
{
    struct kh_provider *other = NULL;
    struct kh_error err = {0};

    KH_ASSERT_FAILS(kh_provider_new(&other, &token.ops, providers, properties, &err),
        status, err, word);
    CU_ASSERT_PTR_NULL(other);
    CU_ASSERT_EQUAL(ERR_peek_error(), 0);
}

static void a_provider_that_is_not_installed_is_named(void)
{
    refused("nosuch", "", KH_UNAVAILABLE, "'nosuch' cannot be loaded");
    refused("fips, base", "fips=yes", KH_UNAVAILABLE, "'fips'"); /* Debian 12 has none */
}

static void properties_that_nothing_satisfies_name_the_algorithm(void)
{
    refused(
        "default", "fips=yes", KH_UNAVAILABLE, "AES-256-GCM with properties 'fips=yes'");
    refused("base", "", KH_UNAVAILABLE, "AES-256-GCM");
    refused("default", "=nonsense=", KH_INVALID, "properties");
}

static void a_list_of_providers_that_is_no_list_is_refused(void)
{
    refused("", "", KH_INVALID, "empty");
    refused(" , ", "", KH_INVALID, "empty");
    refused("keyhsm", "", KH_INVALID, "'keyhsm'");
    refused("default,../evil", "", KH_INVALID, "'../evil'");
    refused("/tmp/evil", "", KH_INVALID, "'/tmp/evil'");
    refused("default,base,default,base,default,base,default,base,default", "", KH_INVALID,
        "more than 8");
}

static void several_providers_may_be_listed(void)
{
    struct kh_provider *other = NULL;
    struct kh_error err = {0};

    KH_ASSERT_OK_FATAL(
        kh_provider_new(&other, &token.ops, "base, default", "provider=default", &err),
        err);
    CU_ASSERT_STRING_EQUAL(kh_provider_properties(other), "provider=default");
    CU_ASSERT_EQUAL(OSSL_PROVIDER_available(kh_provider_libctx(other), "base"), 1);
    CU_ASSERT_EQUAL(OSSL_PROVIDER_available(kh_provider_libctx(other), "legacy"), 0);
    kh_provider_free(other);
    kh_provider_free(NULL);
}

static const struct kh_test tests[] = {
    {"seeds come from the token", seeds_come_from_the_token},
    {"a token without randomness is told at start",
        a_token_without_randomness_is_told_at_start},
    {"nothing is drawn while the token gives no seed",
        nothing_is_drawn_while_the_token_gives_no_seed},
    {"a provider that is not installed is named",
        a_provider_that_is_not_installed_is_named},
    {"properties that nothing satisfies name the algorithm",
        properties_that_nothing_satisfies_name_the_algorithm},
    {"a list of providers that is no list is refused",
        a_list_of_providers_that_is_no_list_is_refused},
    {"several providers may be listed", several_providers_may_be_listed},
};

int main(void)
{
    struct kh_error err = {0};
    int rc;

    backing_software(&token);
    if (kh_provider_new(&provider, &token.ops, "default", "", &err) != KH_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    libctx = kh_provider_libctx(provider);
    rc = kh_test_main("provider: its start", tests, sizeof tests / sizeof tests[0]);
    kh_provider_free(provider);
    backing_software_free(&token);
    return rc;
}
