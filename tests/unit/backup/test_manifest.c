#include "core/backup/manifest.h"
#include "core/secmem.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static const char hex64[] =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void fill(struct kh_backup_manifest *m)
{
    struct kh_backup_member *one;

    memset(m, 0, sizeof *m);
    m->created = 1764000000;
    snprintf(m->program, sizeof m->program, "keyhsm 1");
    snprintf(m->host, sizeof m->host, "host");
    snprintf(m->audit, sizeof m->audit, "41 abc");
    m->facts = (struct kh_backup_facts){.catalog = true,
        .generation = 9,
        .deposits = 3,
        .versions = 4,
        .deleted = 1,
        .keys = {1, 4, 2},
        .tag = "3a7f90c2",
        .identity = "3a7f90c200000000000000000000000000000000",
        .state_dir = "/var/lib/keyhsm",
        .token_label = "lab",
        .module = "/usr/lib/module.so",
        .serials = {"serial \"one\"", "two"},
        .serial_count = 2};
    snprintf(m->facts.contents, sizeof m->facts.contents, "%s", hex64);
    one = kh_backup_manifest_add(m);
    snprintf(one->name, sizeof one->name, KH_BACKUP_CATALOG);
    one->size = 1ULL << 31;
    snprintf(one->sha256, sizeof one->sha256, "%s", hex64);
    one = kh_backup_manifest_add(m);
    snprintf(one->name, sizeof one->name, "files/0001");
    one->role = KH_ROLE_PRIVATE_KEY;
    one->path = strdup("/etc/k\"ey.pem");
    one->size = 7;
    one->mode = 0640;
    snprintf(one->owner, sizeof one->owner, "keyhsm");
    snprintf(one->sha256, sizeof one->sha256, "%s", hex64);
}

static void what_is_written_is_read_again(void)
{
    KH_CLEANUP_MANIFEST struct kh_backup_manifest m;
    KH_CLEANUP_MANIFEST struct kh_backup_manifest again = {0};
    KH_CLEANUP_BUF struct kh_buf text = {0};
    struct kh_error err = {0};

    fill(&m);
    KH_ASSERT_OK(kh_backup_manifest_encode(&m, &text, &err), err);
    KH_ASSERT_OK_FATAL(kh_backup_manifest_decode(&again, &text, &err), err);
    CU_ASSERT_EQUAL(again.created, m.created);
    CU_ASSERT_STRING_EQUAL(again.host, "host");
    CU_ASSERT_STRING_EQUAL(again.audit, "41 abc");
    CU_ASSERT_EQUAL(memcmp(&again.facts, &m.facts, sizeof m.facts), 0);
    CU_ASSERT_EQUAL_FATAL(again.count, 2);
    CU_ASSERT_PTR_NULL(again.members[0].path);
    CU_ASSERT_EQUAL(again.members[0].size, 1ULL << 31);
    CU_ASSERT_EQUAL(again.members[1].role, KH_ROLE_PRIVATE_KEY);
    CU_ASSERT_STRING_EQUAL(again.members[1].path, "/etc/k\"ey.pem");
    CU_ASSERT_EQUAL(again.members[1].mode, 0640);
    CU_ASSERT_STRING_EQUAL(again.members[1].owner, "keyhsm");
    CU_ASSERT_PTR_EQUAL(
        kh_backup_manifest_find(&again, KH_ROLE_PRIVATE_KEY), &again.members[1]);
    CU_ASSERT_PTR_NULL(kh_backup_manifest_find(&again, KH_ROLE_TRUST));
}

/* The text of fill's manifest with FROM replaced by TO, decoded. */
static kh_status decode_with(const char *from, const char *to, struct kh_error *err)
{
    KH_CLEANUP_MANIFEST struct kh_backup_manifest m;
    KH_CLEANUP_MANIFEST struct kh_backup_manifest again = {0};
    KH_CLEANUP_BUF struct kh_buf text = {0};
    KH_CLEANUP_BUF struct kh_buf changed = {0};
    const char *at;
    size_t before;

    fill(&m);
    CU_ASSERT_EQUAL_FATAL(kh_backup_manifest_encode(&m, &text, err), KH_OK);
    at = memmem(text.data, text.len, from, strlen(from));
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    before = (size_t)(at - (const char *)text.data);
    CU_ASSERT_EQUAL_FATAL(
        kh_buf_alloc(&changed, text.len + strlen(to) - strlen(from), err), KH_OK);
    memcpy(changed.data, text.data, before);
    memcpy(changed.data + before, to, strlen(to));
    memcpy(changed.data + before + strlen(to), at + strlen(from),
        text.len - before - strlen(from));
    return kh_backup_manifest_decode(&again, &changed, err);
}

static void anything_odd_is_corrupt(void)
{
    static const char *const changes[][2] = {
        {"\"format\"", "\"farmat\""},
        {"keyhsm-backup", "keyhsm-backups"},
        {"\"host\"", "\"hosts\""},
        {"\"role\": \"private-key\"", "\"role\": \"secret\""},
        {"\"size\": 7", "\"size\": -7"},
        {"\"size\": 7", "\"size\": 1048577"},
        {"\"size\": 7", "\"size\": \"7\""},
        {"\"mode\": 416", "\"mode\": 99999"},
        {"/etc/k", "etc/k"},
        {"files/0001", "catalog.db"},
        {"files/0001", "manifest.json"},
        {"files/0001", ""},
        {"\"sha256\": \"01", "\"sha256\": \"0x"},
        {"\"sha256\": \"01", "\"sha256\": \"1"},
        {"3a7f90c2\"", "3a7f90c211\""},
        {"\"members\": [", "\"members\": [1, "},
        {"\"deleted\"", "\"more\": 1, \"deleted\""},
        {"{", ""},
    };

    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct kh_error err = {0};

        KH_ASSERT_FAILS(
            decode_with(changes[i][0], changes[i][1], &err), KH_CORRUPT, err, "manifest");
    }
}

static void a_newer_format_is_refused_in_words(void)
{
    struct kh_error err = {0};

    KH_ASSERT_FAILS(decode_with("\"version\": 1", "\"version\": 2", &err), KH_REFUSED,
        err, "newer program");
}

static void there_is_a_limit_to_members(void)
{
    KH_CLEANUP_MANIFEST struct kh_backup_manifest m = {0};

    for (unsigned i = 0; i < KH_BACKUP_MEMBERS_MAX; i++) {
        if (!kh_backup_manifest_add(&m))
            CU_FAIL("no member");
    }
    CU_ASSERT_PTR_NULL(kh_backup_manifest_add(&m));
    CU_ASSERT_EQUAL(m.count, KH_BACKUP_MEMBERS_MAX);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"what_is_written_is_read_again", what_is_written_is_read_again},
        {"anything_odd_is_corrupt", anything_odd_is_corrupt},
        {"a_newer_format_is_refused_in_words", a_newer_format_is_refused_in_words},
        {"there_is_a_limit_to_members", there_is_a_limit_to_members},
    };
    return kh_test_main("backup: manifest", tests, sizeof tests / sizeof tests[0]);
}
