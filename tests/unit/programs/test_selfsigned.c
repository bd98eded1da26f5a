#include "programs/common/selfsigned.h"

#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kh_error err;

struct pair {
    char *cert;
    char *key;
};

static struct pair pair_of(const char *name)
{
    struct pair pair = {.cert = kh_test_path(kh_test_dir(), "%s.pem", name),
        .key = kh_test_path(kh_test_dir(), "%s-pk.pem", name)};

    return pair;
}

static void pair_free(struct pair *pair)
{
    free(pair->cert);
    free(pair->key);
}

static kh_status make(const struct pair *pair, const char *host)
{
    const struct kh_selfsigned wish = {
        .certificate = pair->cert, .key = pair->key, .host = host, .days = 3650};

    return kh_selfsigned_make(&wish, &err);
}

static int shows(const struct pair *pair, const char *word)
{
    return kh_test_shell(
        "openssl x509 -in '%s' -noout -text | grep -q -- '%s'", pair->cert, word);
}

static void openssl_verifies_it_for_both_sides(void)
{
    struct pair pair = pair_of("both");

    KH_ASSERT_OK_FATAL(make(&pair, "kts.example.com"), err);
    CU_ASSERT_EQUAL(
        kh_test_shell("openssl verify -CAfile '%s' -purpose sslserver -verify_hostname "
                      "kts.example.com '%s' >/dev/null",
            pair.cert, pair.cert),
        0);
    CU_ASSERT_EQUAL(
        kh_test_shell("openssl verify -CAfile '%s' -purpose sslclient '%s' >/dev/null",
            pair.cert, pair.cert),
        0);
    CU_ASSERT_NOT_EQUAL(kh_test_shell("openssl verify -CAfile '%s' -verify_hostname "
                                      "other.example.com '%s' >/dev/null 2>&1",
                            pair.cert, pair.cert),
        0);
    CU_ASSERT_NOT_EQUAL(shows(&pair, "DNS:localhost"), 0);
    pair_free(&pair);
}

static void it_lives_for_the_days_asked_for(void)
{
    struct pair pair = pair_of("days");

    KH_ASSERT_OK_FATAL(make(&pair, "kts.example.com"), err);
    CU_ASSERT_EQUAL(kh_test_shell("openssl x509 -in '%s' -noout -checkend %d >/dev/null",
                        pair.cert, 3649 * 86400),
        0);
    CU_ASSERT_NOT_EQUAL(
        kh_test_shell("openssl x509 -in '%s' -noout -checkend %d >/dev/null", pair.cert,
            3651 * 86400),
        0);
    pair_free(&pair);
}

static void the_key_fits_and_is_closed_to_others(void)
{
    struct pair pair = pair_of("fit");

    KH_ASSERT_OK_FATAL(make(&pair, "kts.example.com"), err);
    CU_ASSERT_EQUAL(kh_test_shell("test \"$(openssl pkey -in '%s' -pubout)\" = "
                                  "\"$(openssl x509 -in '%s' -noout -pubkey)\"",
                        pair.key, pair.cert),
        0);
    CU_ASSERT_EQUAL(kh_test_shell("test \"$(stat -c %%a '%s' '%s' | tr '\\n' ' ')\" = "
                                  "'600 644 '",
                        pair.key, pair.cert),
        0);
    pair_free(&pair);
}

static void a_passphrase_protects_the_key(void)
{
    struct pair pair = pair_of("secret");
    KH_CLEANUP_BUF struct kh_buf word = {0};
    struct kh_selfsigned wish = {.certificate = pair.cert,
        .key = pair.key,
        .host = "kts.example.com",
        .days = 1,
        .passphrase = &word};

    KH_ASSERT_OK_FATAL(kh_buf_copy(&word, "a word", 6, &err), err);
    KH_ASSERT_OK_FATAL(kh_selfsigned_make(&wish, &err), err);
    CU_ASSERT_EQUAL(
        kh_test_shell("grep -q 'BEGIN ENCRYPTED PRIVATE KEY' '%s'", pair.key), 0);
    CU_ASSERT_EQUAL(
        kh_test_shell("openssl pkey -in '%s' -passin 'pass:a word' -noout", pair.key), 0);
    CU_ASSERT_NOT_EQUAL(
        kh_test_shell(
            "openssl pkey -in '%s' -passin pass:other -noout 2>/dev/null", pair.key),
        0);
    pair_free(&pair);
}

static void addresses_and_long_names_go_into_the_san(void)
{
    struct pair four = pair_of("four");
    struct pair six = pair_of("six");
    struct pair far = pair_of("far");
    char name[131];

    KH_ASSERT_OK_FATAL(make(&four, "192.0.2.7"), err);
    CU_ASSERT_EQUAL(shows(&four, "IP Address:192.0.2.7"), 0);
    KH_ASSERT_OK_FATAL(make(&six, "2001:db8::7"), err);
    CU_ASSERT_EQUAL(shows(&six, "IP Address:2001:DB8:0:0:0:0:0:7"), 0);
    for (size_t i = 0; i < sizeof name - 1; i++)
        name[i] = i % 10 == 9 ? '.' : 'a';
    name[sizeof name - 2] = 'a';
    name[sizeof name - 1] = '\0';
    KH_ASSERT_OK_FATAL(make(&far, name), err);
    CU_ASSERT_EQUAL(shows(&far, name), 0);
    pair_free(&four);
    pair_free(&six);
    pair_free(&far);
}

static void this_machine_is_localhost_too(void)
{
    struct pair pair = pair_of("own");
    char own[256] = "";

    CU_ASSERT_EQUAL_FATAL(gethostname(own, sizeof own - 1), 0);
    KH_ASSERT_OK_FATAL(make(&pair, own), err);
    CU_ASSERT_EQUAL(shows(&pair, "DNS:localhost"), 0);
    kh_selfsigned_host(own, sizeof own);
    CU_ASSERT_NOT_EQUAL(*own, '\0');
    pair_free(&pair);
}

static void nothing_is_overwritten(void)
{
    struct pair pair = pair_of("there");

    kh_test_write(pair.cert, "x", 1, 0644);
    KH_ASSERT_FAILS(make(&pair, "kts"), KH_EXISTS, err, pair.cert);
    CU_ASSERT_NOT_EQUAL(access(pair.key, F_OK), 0);
    CU_ASSERT_EQUAL_FATAL(unlink(pair.cert), 0);
    kh_test_write(pair.key, "x", 1, 0600);
    KH_ASSERT_FAILS(make(&pair, "kts"), KH_EXISTS, err, pair.key);
    CU_ASSERT_NOT_EQUAL(access(pair.cert, F_OK), 0);
    CU_ASSERT_EQUAL(kh_test_shell("test \"$(cat '%s')\" = x", pair.key), 0);
    pair_free(&pair);
}

static void half_a_pair_is_taken_away_again(void)
{
    struct pair pair = pair_of("half");
    char *gone = kh_test_path(kh_test_dir(), "none/cert.pem");

    free(pair.cert);
    pair.cert = gone;
    KH_ASSERT_FAILS(make(&pair, "kts"), KH_NOT_FOUND, err, "none");
    CU_ASSERT_NOT_EQUAL(access(pair.key, F_OK), 0);
    pair_free(&pair);
}

static void what_is_no_host_is_refused(void)
{
    struct pair pair = pair_of("bad");
    const struct kh_selfsigned never = {
        .certificate = pair.cert, .key = pair.key, .host = "kts", .days = 0};

    KH_ASSERT_FAILS(make(&pair, ""), KH_INVALID, err, "no host name");
    KH_ASSERT_FAILS(make(&pair, "a,DNS:evil"), KH_INVALID, err, "no host name");
    KH_ASSERT_FAILS(make(&pair, "https://kts"), KH_INVALID, err, "no host name");
    KH_ASSERT_FAILS(kh_selfsigned_make(&never, &err), KH_INVALID, err, "0 days");
    CU_ASSERT_NOT_EQUAL(access(pair.key, F_OK), 0);
    pair_free(&pair);
}

#define T(name)                                                                          \
    {                                                                                    \
#name, name                                                                      \
    }

int main(void)
{
    static const struct kh_test tests[] = {
        T(openssl_verifies_it_for_both_sides),
        T(it_lives_for_the_days_asked_for),
        T(the_key_fits_and_is_closed_to_others),
        T(a_passphrase_protects_the_key),
        T(addresses_and_long_names_go_into_the_san),
        T(this_machine_is_localhost_too),
        T(nothing_is_overwritten),
        T(half_a_pair_is_taken_away_again),
        T(what_is_no_host_is_refused),
    };

    return kh_test_main("selfsigned", tests, sizeof tests / sizeof tests[0]);
}
