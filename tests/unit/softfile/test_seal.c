/* The seal: what it says, what it destroys, and what a crash in it leaves. */
#include "tests/unit/softfile/fixture.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct kh_seal keep = {
    .destination = "pkcs11 token:lab", .migration = "m-1", .keep_source = true};
static const struct kh_seal leave = {
    .destination = "pkcs11 token:lab", .migration = "m-1", .keep_source = false};

static struct kh_backend *populated(const char *dir)
{
    struct kh_backend *b = soft_make(dir, KH_OPEN_MIGRATE);
    struct kh_error err = {0};

    soft_stored(b, "aaa", 0, "first");
    soft_stored(b, "key", 0, "secret");
    soft_stored(b, "key", 1, "rolled");
    soft_stored(b, "old name/\xc3\xa9", 0, "wild");
    KH_ASSERT_OK(kh_backend_remove(b, "key", 0, &err), err);
    return b;
}

static void is_sealed(struct kh_backend *b)
{
    struct kh_error err = {0};

    KH_ASSERT_FAILS(soft_read(b, "aaa", 0, &err), KH_REFUSED, err, "pkcs11 token:lab");
    KH_ASSERT_FAILS(soft_put(b, "new", 0, "x", &err), KH_REFUSED, err, "m-1");
}

static void a_seal_destroys_key_and_deposits(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    is_sealed(b);
    kh_backend_close(b);
    CU_ASSERT_FALSE(soft_exists("%s/store.key", dir));
    CU_ASSERT_FALSE(soft_exists("%s/deposits", dir));
    CU_ASSERT_TRUE(soft_exists("%s/seal.json", dir));
    CU_ASSERT_TRUE(soft_exists("%s/store.pem", dir));
    CU_ASSERT_EQUAL(
        kh_test_shell("test \"$(stat -c %%a '%s/seal.json')\" = 600", dir), 0);
    b = soft_reopen(dir, KH_OPEN_SERVE);
    is_sealed(b);
    kh_backend_close(b);
    free(dir);
}

static void a_seal_that_keeps_the_source_seals_it_too(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_error err = {0};
    struct kh_info info;

    KH_ASSERT_OK(kh_backend_seal(b, &keep, &err), err);
    is_sealed(b);
    KH_ASSERT_OK(kh_backend_info(b, &info, &err), err);
    CU_ASSERT_TRUE(info.sealed && info.read_only);
    CU_ASSERT_EQUAL(info.versions, 4);
    CU_ASSERT_STRING_EQUAL(info.sealed_for, "pkcs11 token:lab");
    /* Whoever asks later for the source to go: the seal says that it stays. */
    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    kh_backend_close(b);
    CU_ASSERT_TRUE(soft_exists("%s/store.key", dir));
    CU_ASSERT_TRUE(soft_exists("%s/deposits/key/00000001.cms", dir));
    free(dir);
}

/* Every digest computed again by the openssl program alone, as README.md tells an auditor
 * to; one a line in the file macs beside the store. */
static void audit(const char *dir)
{
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "set -e; cd '%s'; "
            "k=$(openssl pkcs8 -topk8 -nocrypt -in store.key -outform DER | od -An -v "
            "-tx1 | "
            "tr -d ' \\n'); "
            "s=$(openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:$k "
            "-kdfopt info:'keyhsm softfile seal' HKDF | tr -d ':\\n'); "
            "for f in aaa/00000000.cms key/00000000.deleted key/00000001.cms "
            "old%%20name%%2F%%C3%%A9/00000000.cms; do "
            "openssl cms -decrypt -inform DER -in \"deposits/$f\" -recip store.pem "
            "-inkey store.key | openssl mac -digest SHA256 -macopt hexkey:$s -in "
            "/dev/stdin HMAC "
            "| tr 'A-F' 'a-f'; done > ../macs",
            dir),
        0);
}

static json_t *manifest_of(const char *dir)
{
    char *path = kh_test_path(dir, "seal.json");
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);

    CU_ASSERT_PTR_NOT_NULL_FATAL(root);
    free(path);
    return root;
}

static void check_digests(const json_t *items, const char *dir)
{
    char *path = kh_test_path(dir, "../macs");
    FILE *macs = fopen(path, "r");
    char line[128];
    json_t *item;
    size_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(macs);
    json_array_foreach(items, i, item)
    {
        CU_ASSERT_PTR_NOT_NULL_FATAL(fgets(line, sizeof line, macs));
        line[strcspn(line, "\n")] = '\0';
        CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(item, "hmac")), line);
        CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(item, "state")),
            i == 1 ? "deleted" : "active");
    }
    (void)fclose(macs);
    free(path);
}

static void the_manifest_names_every_version_with_a_keyed_digest(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_error err = {0};
    const json_t *items;
    json_t *root;

    KH_ASSERT_OK(kh_backend_seal(b, &keep, &err), err);
    kh_backend_close(b);
    audit(dir);
    root = manifest_of(dir);
    items = json_object_get(root, "deposits");
    CU_ASSERT_EQUAL_FATAL(json_array_size(items), 4);
    check_digests(items, dir);
    CU_ASSERT_STRING_EQUAL(
        json_string_value(json_object_get(json_array_get(items, 3), "name")),
        "old name/\xc3\xa9");
    CU_ASSERT_EQUAL(
        json_integer_value(json_object_get(json_object_get(root, "seal"), "versions")),
        4);
    json_decref(root);
    free(dir);
}

static void a_store_with_anything_corrupt_is_not_sealed(void)
{
    static const char *const damages[] = {": > deposits/key/00000001.cms",
        "cp -p deposits/aaa/00000000.cms deposits/key/00000001.cms",
        "touch deposits/%%2f", "chmod 644 deposits/key/00000001.cms"};

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        char *dir = soft_new_place();
        struct kh_backend *b = populated(dir);
        struct kh_error err = {0};

        CU_ASSERT_EQUAL(kh_test_shell("cd '%s' && %s", dir, damages[i]), 0);
        KH_ASSERT_FAILS(kh_backend_seal(b, &leave, &err), KH_CORRUPT, err,
            i == 2 ? "%252f" : "key version 1");
        CU_ASSERT_FALSE(soft_exists("%s/seal.json", dir));
        CU_ASSERT_FALSE(soft_exists("%s/seal.json.new", dir));
        CU_ASSERT_TRUE(soft_holds(b, "aaa", 0, "first"));
        kh_backend_close(b);
        free(dir);
    }
}

/* Threads digest a page of 256 versions; the manifest has them in order, each with its
 * own digest. */
enum { MANY = 300 };

static struct kh_backend *many(const char *dir)
{
    struct kh_backend *b = soft_make(dir, KH_OPEN_MIGRATE);

    for (int i = 0; i < MANY; i++) {
        char name[16];

        snprintf(name, sizeof name, "n-%03d", i);
        soft_stored(b, name, 0, name);
    }
    return b;
}

/* What stands in the manifest as the digest of NAME, found by name; and how often. */
static const char *digest_of(const json_t *items, const char *name, unsigned *times)
{
    const char *found = "";
    const json_t *item;
    size_t i;

    *times = 0;
    json_array_foreach(items, i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "name")), name) != 0)
            continue;
        found = json_string_value(json_object_get(item, "hmac"));
        ++*times;
    }
    return found;
}

/* The digest of deposit NAME by the openssl program alone, as above, against HMAC. */
static bool openssl_agrees(const char *dir, const char *name, const char *hmac)
{
    return kh_test_shell(
               "set -e; cd '%s'; "
               "k=$(openssl pkcs8 -topk8 -nocrypt -in store.key -outform DER | "
               "od -An -v -tx1 | tr -d ' \\n'); "
               "s=$(openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt hexkey:$k "
               "-kdfopt info:'keyhsm softfile seal' HKDF | tr -d ':\\n'); "
               "m=$(openssl cms -decrypt -inform DER -in deposits/%s/00000000.cms "
               "-recip store.pem -inkey store.key | openssl mac -digest SHA256 "
               "-macopt hexkey:$s -in /dev/stdin HMAC | tr 'A-F' 'a-f'); "
               "test \"$m\" = %s",
               dir, name, hmac) == 0;
}

static void the_manifest_of_several_pages_is_in_order(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = many(dir);
    struct kh_error err = {0};
    const json_t *items;
    json_t *root;

    KH_ASSERT_OK(kh_backend_seal(b, &keep, &err), err);
    kh_backend_close(b);
    root = manifest_of(dir);
    items = json_object_get(root, "deposits");
    CU_ASSERT_EQUAL_FATAL(json_array_size(items), MANY);
    for (int i = 0; i < MANY; i++) {
        const json_t *item = json_array_get(items, (size_t)i);
        char name[16];

        snprintf(name, sizeof name, "n-%03d", i);
        CU_ASSERT_STRING_EQUAL(json_string_value(json_object_get(item, "name")), name);
    }
    for (int i = 0; i < MANY; i += 37) {
        unsigned times;
        char name[16];
        const char *hmac;

        snprintf(name, sizeof name, "n-%03d", i);
        hmac = digest_of(items, name, &times);
        CU_ASSERT_EQUAL(times, 1);
        CU_ASSERT_TRUE(openssl_agrees(dir, name, hmac));
    }
    json_decref(root);
    free(dir);
}

/* Whichever thread comes first, people read of the first in the order of names. */
static void of_several_corrupt_versions_the_first_is_named(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = many(dir);

    CU_ASSERT_EQUAL(kh_test_shell("cd '%s/deposits' && for i in 050 051 199 299; do "
                                  "cp -p n-000/00000000.cms n-$i/00000000.cms; done",
                        dir),
        0);
    for (int i = 0; i < 5; i++) {
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            kh_backend_seal(b, &leave, &err), KH_CORRUPT, err, "n-050 version 0");
        CU_ASSERT_FALSE(soft_exists("%s/seal.json", dir));
    }
    CU_ASSERT_TRUE(soft_holds(b, "n-000", 0, "n-000"));
    kh_backend_close(b);
    free(dir);
}

static void read_all(struct kh_backend *b)
{
    CU_ASSERT_TRUE(soft_holds(b, "aaa", 0, "first"));
    CU_ASSERT_TRUE(soft_holds(b, "key", 1, "rolled"));
    CU_ASSERT_TRUE(soft_holds(b, "old name/\xc3\xa9", 0, "wild"));
}

/* A migration has read everything before it seals, and the digests are kept. One file is
 * another by then, sealed anew by somebody who may: the manifest tells of what is there.
 */
static void digests_of_what_was_read_are_those_of_what_is_there(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_error err = {0};
    json_t *root;

    read_all(b);
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "cd '%s' && umask 077 && printf '{\"name\":\"aaa\",\"version\":0,"
            "\"created\":\"2016-06-03T07:07:28Z\",\"attributes\":{},"
            "\"data\":\"aGVsbG8=\"}' | openssl cms -encrypt -aes-256-gcm -binary "
            "-outform DER -recip store.pem -keyid -keyopt ecdh_kdf_md:sha256 "
            "-out deposits/aaa/00000000.cms",
            dir),
        0);
    KH_ASSERT_OK(kh_backend_seal(b, &keep, &err), err);
    kh_backend_close(b);
    audit(dir);
    root = manifest_of(dir);
    CU_ASSERT_EQUAL_FATAL(json_array_size(json_object_get(root, "deposits")), 4);
    check_digests(json_object_get(root, "deposits"), dir);
    json_decref(root);
    free(dir);
}

static void what_became_corrupt_after_it_was_read_is_not_sealed(void)
{
    static const char *const damages[] = {"cp -p aaa/00000000.cms key/00000001.cms",
        "mv key/00000000.deleted x && mv key/00000001.cms key/00000000.deleted && "
        "mv x key/00000001.cms",
        "n=$(($(stat -c %s key/00000001.cms) - 1)) && printf x | "
        "dd of=key/00000001.cms bs=1 seek=$n conv=notrunc status=none"};

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        char *dir = soft_new_place();
        struct kh_backend *b = populated(dir);
        struct kh_error err = {0};

        read_all(b);
        CU_ASSERT_EQUAL(kh_test_shell("cd '%s/deposits' && %s", dir, damages[i]), 0);
        KH_ASSERT_FAILS(kh_backend_seal(b, &leave, &err), KH_CORRUPT, err, "key version");
        CU_ASSERT_FALSE(soft_exists("%s/seal.json", dir));
        CU_ASSERT_TRUE(soft_exists("%s/store.key", dir));
        kh_backend_close(b);
        free(dir);
    }
}

static void what_a_crash_before_the_seal_left_is_in_nobodys_way(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_error err = {0};

    CU_ASSERT_EQUAL(kh_test_shell("echo '{\"seal\":' > '%s/seal.json.new'", dir), 0);
    CU_ASSERT_TRUE(soft_holds(b, "aaa", 0, "first"));
    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    kh_backend_close(b);
    free(dir);
}

/* After the seal, before or in the middle of the destruction. */
static void a_second_call_finishes_what_a_crash_left(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_error err = {0};

    CU_ASSERT_EQUAL(kh_test_shell("cp -rp '%s' '%s.copy'", dir, dir), 0);
    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    kh_backend_close(b);
    CU_ASSERT_EQUAL(kh_test_shell("cp -rp '%s.copy/store.key' '%s.copy/deposits' '%s'",
                        dir, dir, dir),
        0);
    b = soft_reopen(dir, KH_OPEN_MIGRATE);
    is_sealed(b);
    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    CU_ASSERT_FALSE(soft_exists("%s/store.key", dir));
    CU_ASSERT_FALSE(soft_exists("%s/deposits", dir));
    CU_ASSERT_EQUAL(kh_test_shell("cp -rp '%s.copy/deposits' '%s'", dir, dir), 0);
    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    CU_ASSERT_FALSE(soft_exists("%s/deposits", dir));
    kh_backend_close(b);
    free(dir);
}

static void a_daemon_that_was_open_notices_the_seal(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_backend *daemon = soft_reopen(dir, KH_OPEN_SERVE);
    struct kh_error err = {0};

    CU_ASSERT_TRUE(soft_holds(daemon, "aaa", 0, "first"));
    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    is_sealed(daemon);
    kh_backend_close(b);
    kh_backend_close(daemon);
    free(dir);
}

static void a_sealed_store_opens_without_key_and_passphrase(void)
{
    static const char *const settings[] = {
        "passphrase_source=file:/nonexistent/passphrase", NULL};
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_error err = {0};
    struct kh_info before;
    struct kh_info after;

    KH_ASSERT_OK(kh_backend_info(b, &before, &err), err);
    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    kh_backend_close(b);
    KH_ASSERT_OK_FATAL(soft_open(&b, dir, KH_OPEN_TOOL, settings, &err), err);
    KH_ASSERT_OK(kh_backend_info(b, &after, &err), err);
    CU_ASSERT_STRING_EQUAL(before.identity, after.identity);
    CU_ASSERT_EQUAL(after.versions, 0);
    is_sealed(b);
    kh_backend_close(b);
    free(dir);
}

static void a_sealed_store_is_not_made_anew(void)
{
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    kh_backend_close(b);
    b = soft_make(dir, KH_OPEN_TOOL);
    is_sealed(b);
    CU_ASSERT_FALSE(soft_exists("%s/store.key", dir));
    kh_backend_close(b);
    free(dir);
}

static void a_seal_that_cannot_be_read_still_seals(void)
{
    static const char *const texts[] = {
        "", "{}", "{\"seal\":{\"format\":2},\n", "nonsense\n"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *dir = soft_new_place();
        char *path = kh_test_path(dir, "seal.json");
        struct kh_backend *b = populated(dir);
        struct kh_backend *second = NULL;
        struct kh_error err = {0};

        kh_test_write(path, texts[i], strlen(texts[i]), 0600);
        KH_ASSERT_FAILS(soft_read(b, "aaa", 0, &err), KH_REFUSED, err, "sealed");
        KH_ASSERT_FAILS(kh_backend_seal(b, &leave, &err), KH_CORRUPT, err, "seal.json");
        CU_ASSERT_TRUE(soft_exists("%s/store.key", dir));
        CU_ASSERT_TRUE(soft_exists("%s/deposits/aaa/00000000.cms", dir));
        KH_ASSERT_FAILS(soft_open(&second, dir, KH_OPEN_TOOL, NULL, &err), KH_CORRUPT,
            err, "seal.json");
        kh_backend_close(b);
        free(path);
        free(dir);
    }
}

static void words_that_are_too_long_are_invalid(void)
{
    char words[600];
    struct kh_seal seal = {.destination = words, .migration = "m-1", .keep_source = true};
    char *dir = soft_new_place();
    struct kh_backend *b = populated(dir);
    struct kh_error err = {0};

    memset(words, 'w', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    KH_ASSERT_FAILS(kh_backend_seal(b, &seal, &err), KH_INVALID, err, "too long");
    seal =
        (struct kh_seal){.destination = "d\xff", .migration = "m-1", .keep_source = true};
    KH_ASSERT_FAILS(kh_backend_seal(b, &seal, &err), KH_INVALID, err, "UTF-8");
    CU_ASSERT_TRUE(soft_holds(b, "aaa", 0, "first"));
    kh_backend_close(b);
    free(dir);
}

static void an_empty_store_is_sealed(void)
{
    char *dir = soft_new_place();
    char *path = kh_test_path(dir, "seal.json");
    struct kh_backend *b = soft_make(dir, KH_OPEN_MIGRATE);
    struct kh_error err = {0};
    json_t *root;

    KH_ASSERT_OK(kh_backend_seal(b, &leave, &err), err);
    kh_backend_close(b);
    root = json_load_file(path, 0, NULL);
    CU_ASSERT_TRUE(json_is_array(json_object_get(root, "deposits")));
    CU_ASSERT_EQUAL(json_array_size(json_object_get(root, "deposits")), 0);
    json_decref(root);
    free(path);
    free(dir);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_seal_destroys_key_and_deposits", a_seal_destroys_key_and_deposits},
        {"a_seal_that_keeps_the_source_seals_it_too",
            a_seal_that_keeps_the_source_seals_it_too},
        {"the_manifest_names_every_version_with_a_keyed_digest",
            the_manifest_names_every_version_with_a_keyed_digest},
        {"a_store_with_anything_corrupt_is_not_sealed",
            a_store_with_anything_corrupt_is_not_sealed},
        {"the_manifest_of_several_pages_is_in_order",
            the_manifest_of_several_pages_is_in_order},
        {"of_several_corrupt_versions_the_first_is_named",
            of_several_corrupt_versions_the_first_is_named},
        {"digests_of_what_was_read_are_those_of_what_is_there",
            digests_of_what_was_read_are_those_of_what_is_there},
        {"what_became_corrupt_after_it_was_read_is_not_sealed",
            what_became_corrupt_after_it_was_read_is_not_sealed},
        {"what_a_crash_before_the_seal_left_is_in_nobodys_way",
            what_a_crash_before_the_seal_left_is_in_nobodys_way},
        {"a_second_call_finishes_what_a_crash_left",
            a_second_call_finishes_what_a_crash_left},
        {"a_daemon_that_was_open_notices_the_seal",
            a_daemon_that_was_open_notices_the_seal},
        {"a_sealed_store_opens_without_key_and_passphrase",
            a_sealed_store_opens_without_key_and_passphrase},
        {"a_sealed_store_is_not_made_anew", a_sealed_store_is_not_made_anew},
        {"a_seal_that_cannot_be_read_still_seals",
            a_seal_that_cannot_be_read_still_seals},
        {"words_that_are_too_long_are_invalid", words_that_are_too_long_are_invalid},
        {"an_empty_store_is_sealed", an_empty_store_is_sealed},
    };

    return kh_test_main("softfile seal", tests, sizeof tests / sizeof tests[0]);
}
