#include "plugins/softfile/cms.h"
#include "plugins/softfile/names.h"

#include "tests/lib/testlib.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void both_ways(const char *name, const char *file)
{
    char encoded[KH_SOFT_FILE_SIZE] = "";
    char decoded[KH_NAME_MAX + 1] = "";
    struct kh_error err = {0};

    KH_ASSERT_OK(kh_soft_name_encode(name, encoded, &err), err);
    CU_ASSERT_STRING_EQUAL(encoded, file);
    CU_ASSERT_TRUE(kh_soft_name_decode(file, decoded));
    CU_ASSERT_STRING_EQUAL(decoded, name);
}

static void a_name_of_the_rule_is_its_own_file_name(void)
{
    both_ways("Key-1_a.b", "Key-1_a.b");
    both_ways("a..b.", "a..b.");
}

static void any_other_byte_is_written_in_hexadecimal(void)
{
    both_ways("a/b", "a%2Fb");
    both_ways("../x", "%2E.%2Fx");
    both_ways(".", "%2E");
    both_ways("..", "%2E.");
    both_ways(".hidden", "%2Ehidden");
    both_ways("100%", "100%25");
    both_ways("a%2Fb", "a%252Fb");
    both_ways("\xc3\xa9\n ", "%C3%A9%0A%20");
}

static void a_name_of_255_plain_bytes_fits_a_file_name(void)
{
    char name[KH_NAME_MAX + 1];

    memset(name, 'n', KH_NAME_MAX);
    name[KH_NAME_MAX] = '\0';
    both_ways(name, name);
}

static void a_name_too_long_once_encoded_is_invalid(void)
{
    char name[KH_NAME_MAX + 1];
    char file[KH_SOFT_FILE_SIZE];
    struct kh_error err = {0};

    memset(name, ' ', 86);
    name[86] = '\0';
    KH_ASSERT_FAILS(kh_soft_name_encode(name, file, &err), KH_INVALID, err, "255");
    CU_ASSERT_EQUAL(strlen(file), 255);
    name[85] = '\0';
    KH_ASSERT_OK(kh_soft_name_encode(name, file, &err), err);
    CU_ASSERT_EQUAL(strlen(file), 255);
    KH_ASSERT_FAILS(kh_soft_name_encode("", file, &err), KH_INVALID, err, "empty");
}

static void a_file_name_that_encode_would_not_write_is_foreign(void)
{
    static const char *const foreign[] = {"", ".", "..", ".hidden", "a%2fb", "%41", "a%",
        "a%2", "a%zz", "%00", "a%00b", "a b", "caf\xc3\xa9", "%C3", "%FF%FE", "%ED%A0%80",
        "%2E%2E"};
    char name[KH_NAME_MAX + 1];

    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (kh_soft_name_decode(foreign[i], name))
            fprintf(stderr, "    decoded: %s\n", foreign[i]);
        CU_ASSERT_FALSE(kh_soft_name_decode(foreign[i], name));
    }
}

static void version_files_go_both_ways(void)
{
    static const struct {
        uint32_t version;
        kh_state state;
        const char *file;
    } cases[] = {{0, KH_ACTIVE, "00000000.cms"}, {12, KH_DELETED, "00000012.deleted"},
        {99999999, KH_ACTIVE, "99999999.cms"}, {100000000, KH_ACTIVE, "100000000.cms"},
        {KH_VERSION_MAX, KH_DELETED, "2147483647.deleted"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char file[KH_SOFT_VERSION_FILE_SIZE];
        uint32_t version = 1;
        kh_state state = KH_DELETED;

        kh_soft_version_file(cases[i].version, cases[i].state, file);
        CU_ASSERT_STRING_EQUAL(file, cases[i].file);
        CU_ASSERT_TRUE(kh_soft_version_parse(file, &version, &state));
        CU_ASSERT_EQUAL(version, cases[i].version);
        CU_ASSERT_EQUAL(state, cases[i].state);
    }
}

static void other_files_are_no_versions(void)
{
    static const char *const foreign[] = {"", "0.cms", "0000000.cms", "000000000.cms",
        "00000000", "00000000.CMS", "00000000.cms~", "2147483648.cms", "99999999999.cms",
        "-0000001.cms", "00000000.deleted.cms", " 00000001.cms", "00000000.cms.deleted"};
    uint32_t version;
    kh_state state;

    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        CU_ASSERT_FALSE(kh_soft_version_parse(foreign[i], &version, &state));
}

static void only_the_rest_of_a_durable_write_is_debris(void)
{
    CU_ASSERT_TRUE(kh_soft_is_debris(".tmp-a1B2c3"));
    CU_ASSERT_FALSE(kh_soft_is_debris(".tmp-a1B2c"));
    CU_ASSERT_FALSE(kh_soft_is_debris(".tmp-a1B2c3d"));
    CU_ASSERT_FALSE(kh_soft_is_debris(".tmp-a1B2c."));
    CU_ASSERT_FALSE(kh_soft_is_debris("tmp-a1B2c3d"));
    CU_ASSERT_FALSE(kh_soft_is_debris(".hidden"));
}

/* ---- what is looked at without opening a file ---- */

static void the_outer_length_tells_a_whole_message_from_a_torn_one(void)
{
    static const unsigned char short_form[] = {0x30, 0x03, 1, 2, 3};
    static const unsigned char long_form[] = {0x30, 0x82, 0x01, 0x00};
    static const unsigned char endless[] = {0x30, 0x80, 0, 0};
    static const unsigned char padded[] = {0x30, 0x82, 0x00, 0x90};
    static const unsigned char wasteful[] = {0x30, 0x81, 0x7f};
    static const unsigned char wide[] = {0x30, 0x85, 1, 0, 0, 0, 0, 0};

    CU_ASSERT_TRUE(kh_soft_cms_whole(short_form, sizeof short_form, 5));
    CU_ASSERT_FALSE(kh_soft_cms_whole(short_form, sizeof short_form, 4));
    CU_ASSERT_FALSE(kh_soft_cms_whole(short_form, sizeof short_form, 6));
    CU_ASSERT_TRUE(kh_soft_cms_whole(long_form, sizeof long_form, 260));
    CU_ASSERT_FALSE(kh_soft_cms_whole(long_form, sizeof long_form, 259));
    CU_ASSERT_FALSE(kh_soft_cms_whole(long_form, 3, 260));
    CU_ASSERT_FALSE(kh_soft_cms_whole(endless, sizeof endless, 4));
    CU_ASSERT_FALSE(kh_soft_cms_whole(padded, sizeof padded, 148));
    CU_ASSERT_FALSE(kh_soft_cms_whole(wasteful, sizeof wasteful, 130));
    CU_ASSERT_FALSE(kh_soft_cms_whole(wide, sizeof wide, 0x100000007));
    CU_ASSERT_FALSE(kh_soft_cms_whole((const unsigned char *)"1", 1, 1));
}

static struct stat file_of(mode_t mode, uid_t owner)
{
    struct stat st = {.st_mode = mode, .st_uid = owner};

    return st;
}

static void a_file_of_another_kind_owner_or_mode_has_a_flaw(void)
{
    const uid_t me = geteuid();
    char note[KH_SOFT_NOTE_SIZE];
    struct stat st = file_of(S_IFREG | 0600, me);

    CU_ASSERT_FALSE(kh_soft_flaw(&st, S_IFREG, me, note));
    st = file_of(S_IFREG | 0400, me + 7);
    CU_ASSERT_FALSE(kh_soft_flaw(&st, S_IFREG, me + 7, note));
    st = file_of(S_IFREG | 0640, me);
    CU_ASSERT_TRUE(kh_soft_flaw(&st, S_IFREG, me, note));
    CU_ASSERT_STRING_EQUAL(note, "mode 0640, expected 0600");
    st = file_of(S_IFREG | S_ISUID | 0600, me);
    CU_ASSERT_TRUE(kh_soft_flaw(&st, S_IFREG, me, note));
    st = file_of(S_IFREG | 0600, me + 1);
    CU_ASSERT_TRUE(kh_soft_flaw(&st, S_IFREG, me, note));
    CU_ASSERT_PTR_NOT_NULL(strstr(note, "owner"));
    st = file_of(S_IFLNK | 0777, me);
    CU_ASSERT_TRUE(kh_soft_flaw(&st, S_IFREG, me, note));
    CU_ASSERT_PTR_NOT_NULL(strstr(note, "symbolic link"));
    st = file_of(S_IFDIR | 0700, me);
    CU_ASSERT_FALSE(kh_soft_flaw(&st, S_IFDIR, me, note));
    CU_ASSERT_TRUE(kh_soft_flaw(&st, S_IFREG, me, note));
    CU_ASSERT_PTR_NOT_NULL(strstr(note, "regular file"));
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"a_name_of_the_rule_is_its_own_file_name",
            a_name_of_the_rule_is_its_own_file_name},
        {"any_other_byte_is_written_in_hexadecimal",
            any_other_byte_is_written_in_hexadecimal},
        {"a_name_of_255_plain_bytes_fits_a_file_name",
            a_name_of_255_plain_bytes_fits_a_file_name},
        {"a_name_too_long_once_encoded_is_invalid",
            a_name_too_long_once_encoded_is_invalid},
        {"a_file_name_that_encode_would_not_write_is_foreign",
            a_file_name_that_encode_would_not_write_is_foreign},
        {"version_files_go_both_ways", version_files_go_both_ways},
        {"other_files_are_no_versions", other_files_are_no_versions},
        {"only_the_rest_of_a_durable_write_is_debris",
            only_the_rest_of_a_durable_write_is_debris},
        {"the_outer_length_tells_a_whole_message_from_a_torn_one",
            the_outer_length_tells_a_whole_message_from_a_torn_one},
        {"a_file_of_another_kind_owner_or_mode_has_a_flaw",
            a_file_of_another_kind_owner_or_mode_has_a_flaw},
    };

    return kh_test_main("softfile names", tests, sizeof tests / sizeof tests[0]);
}
