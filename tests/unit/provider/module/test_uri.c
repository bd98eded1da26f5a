/* keyhsm:NAME[?version=N], and the PEM file that holds one. */
#include "provider/module/uri.h"

#include "tests/lib/testlib.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <string.h>

static void uris_are_read(void)
{
    static const struct {
        const char *text, *name;
        uint32_t version;
    } cases[] = {
        {"keyhsm:web", "web", KH_LATEST},
        {"KeyHSM:web", "web", KH_LATEST},
        {"keyhsm:web?version=0", "web", 0},
        {"keyhsm:web?version=007", "web", 7},
        {"keyhsm:web?version=2147483647", "web", KH_VERSION_MAX},
        {"keyhsm:a%20b%3f%C3%bc", "a b?\xc3\xbc", KH_LATEST},
        {"keyhsm:a:b@c~d", "a:b@c~d", KH_LATEST},
        {"keyhsm:%25", "%", KH_LATEST},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kh_error err = {0};
        struct kh_uri uri;

        KH_ASSERT_OK(kh_uri_parse(&uri, cases[i].text, &err), err);
        CU_ASSERT_STRING_EQUAL(uri.name, cases[i].name);
        CU_ASSERT_EQUAL(uri.version, cases[i].version);
    }
}

static void what_is_none_is_refused_in_words(void)
{
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", "begins with keyhsm:"},
        {"web", "begins with keyhsm:"},
        {"keyhsm", "begins with keyhsm:"},
        {"keyhsmd:web", "begins with keyhsm:"},
        {"pkcs11:web", "begins with keyhsm:"},
        {"keyhsm:", "no name"},
        {"keyhsm:?version=1", "no name"},
        {"keyhsm:a/b", "percent-encoded"},
        {"keyhsm://web", "percent-encoded"},
        {"keyhsm:a%2fb", "percent-encoded"},
        {"keyhsm:a%00b", "percent-encoded"},
        {"keyhsm:a%", "percent-encoded"},
        {"keyhsm:a%4", "percent-encoded"},
        {"keyhsm:a%4g", "percent-encoded"},
        {"keyhsm:a b", "percent-encoded"},
        {"keyhsm:a\nb", "percent-encoded"},
        {"keyhsm:a#b", "percent-encoded"},
        {"keyhsm:\xc3\xbc", "percent-encoded"},
        {"keyhsm:a?", "version=N"},
        {"keyhsm:a?Version=1", "version=N"},
        {"keyhsm:a?x=1", "version=N"},
        {"keyhsm:a?version=", "a number"},
        {"keyhsm:a?version=-1", "a number"},
        {"keyhsm:a?version=1&x=2", "a number"},
        {"keyhsm:a?version=2147483648", "a number"},
        {"keyhsm:a?version=18446744073709551617", "a number"},
        {"keyhsm:a?version=00000000000000000001", "a number"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kh_error err = {0};
        struct kh_uri uri;

        KH_ASSERT_FAILS(
            kh_uri_parse(&uri, cases[i].text, &err), KH_INVALID, err, cases[i].words);
    }
}

static void a_name_has_at_most_255_bytes(void)
{
    char text[7 + 3 * 256 + 1] = "keyhsm:";
    struct kh_error err = {0};
    struct kh_uri uri;

    for (int i = 0; i < KH_NAME_MAX; i++)
        (void)snprintf(text + 7 + 3 * (size_t)i, 4, "%%41");
    KH_ASSERT_OK(kh_uri_parse(&uri, text, &err), err);
    CU_ASSERT_EQUAL(strlen(uri.name), KH_NAME_MAX);
    (void)snprintf(text + 7 + 3 * (size_t)KH_NAME_MAX, 4, "%%41");
    KH_ASSERT_FAILS(kh_uri_parse(&uri, text, &err), KH_INVALID, err, "255 bytes");
}

static void what_is_written_is_read(void)
{
    static const char *const names[] = {
        "web", "a b", "100%", "\xc3\xbc", "?version=1", "\x01"};
    char text[KH_URI_SIZE], longest[KH_NAME_MAX + 2];
    struct kh_error err = {0};
    struct kh_uri uri;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        KH_ASSERT_OK(kh_uri_write(text, names[i], (uint32_t)i, &err), err);
        KH_ASSERT_OK(kh_uri_parse(&uri, text, &err), err);
        CU_ASSERT_STRING_EQUAL(uri.name, names[i]);
        CU_ASSERT_EQUAL(uri.version, i);
    }
    memset(longest, ' ', sizeof longest);
    longest[KH_NAME_MAX + 1] = '\0';
    KH_ASSERT_FAILS(
        kh_uri_write(text, longest, KH_LATEST, &err), KH_INVALID, err, "not the name");
    longest[KH_NAME_MAX] = '\0';
    KH_ASSERT_OK(kh_uri_write(text, longest, KH_VERSION_MAX, &err), err);
    CU_ASSERT_EQUAL(strlen(text), KH_URI_SIZE - 1);
    KH_ASSERT_FAILS(
        kh_uri_write(text, "a/b", KH_LATEST, &err), KH_INVALID, err, "not the name");
    KH_ASSERT_FAILS(
        kh_uri_write(text, "", KH_LATEST, &err), KH_INVALID, err, "not the name");
}

static void the_pem_file_holds_the_uri(void)
{
    char text[KH_URI_PEM_SIZE], longest[KH_NAME_MAX + 1];
    struct kh_error err = {0};
    char *name = NULL, *header = NULL;
    unsigned char *data = NULL;
    long len = 0;
    BIO *bio;

    KH_ASSERT_OK(kh_uri_write_pem(text, "web", KH_LATEST, &err), err);
    CU_ASSERT_STRING_EQUAL(text, "-----BEGIN KEYHSM URI-----\na2V5aHNtOndlYg==\n"
                                 "-----END KEYHSM URI-----\n");
    memset(longest, ' ', sizeof longest);
    longest[KH_NAME_MAX] = '\0';
    KH_ASSERT_OK(kh_uri_write_pem(text, longest, KH_VERSION_MAX, &err), err);
    bio = BIO_new_mem_buf(text, -1);
    CU_ASSERT_EQUAL_FATAL(PEM_read_bio(bio, &name, &header, &data, &len), 1);
    CU_ASSERT_STRING_EQUAL(name, KH_URI_PEM_LABEL);
    CU_ASSERT_EQUAL(len, KH_URI_SIZE - 1);
    BIO_free(bio);
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    KH_ASSERT_FAILS(
        kh_uri_write_pem(text, "a/b", KH_LATEST, &err), KH_INVALID, err, "not the name");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"URIs are read", uris_are_read},
        {"what is none is refused in words", what_is_none_is_refused_in_words},
        {"a name has at most 255 bytes", a_name_has_at_most_255_bytes},
        {"what is written is read", what_is_written_is_read},
        {"the PEM file holds the URI", the_pem_file_holds_the_uri},
    };

    return kh_test_main("provider URIs", tests, sizeof tests / sizeof tests[0]);
}
