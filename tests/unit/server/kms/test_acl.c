#include "server/kms/acl.h"

#include "tests/lib/testlib.h"
#include "tests/unit/server/kms/support.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define QUIET "[kms]\nsystem_groups = no\n"

static struct kh_error err;

static kh_status load(struct kms_acl **acl, const char *text)
{
    struct kh_config *config = NULL;
    kh_status st = kms_test_config(&config, text, &err);

    *acl = NULL;
    if (st == KH_OK)
        st = kms_acl_new(acl, config, &err);
    kh_config_free(config);
    return st;
}

static struct kms_acl *lists(const char *text)
{
    struct kms_acl *acl;

    KH_ASSERT_OK_FATAL(load(&acl, text), err);
    return acl;
}

/* The first level: the operations NAME has, as bits. */
static unsigned ops(struct kms_acl *acl, const char *name)
{
    struct kh_principal who = kms_test_user(name, "");
    unsigned bits = 0;

    for (unsigned i = 0; i < KMS_OPS; i++)
        bits |= kms_acl_has_op(acl, &who, (kms_op)i) ? 1u << i : 0;
    return bits;
}

/* The second level of KEY, in the same way; four bits. */
static unsigned key_ops(struct kms_acl *acl, const char *name, const char *key)
{
    struct kh_principal who = kms_test_user(name, "");
    unsigned bits = 0;

    for (unsigned i = 0; i < KMS_KEY_ALL; i++)
        bits |= kms_acl_has_key(acl, &who, (kms_key_op)i, key) ? 1u << i : 0;
    return bits;
}

#define BIT(op) (1u << (op))
#define MANAGE BIT(KMS_KEY_MANAGEMENT)
#define GENERATE BIT(KMS_KEY_GENERATE_EEK)
#define DECRYPT BIT(KMS_KEY_DECRYPT_EEK)
#define READ BIT(KMS_KEY_READ)
#define EVERY (MANAGE | GENERATE | DECRYPT | READ)

static void without_lists_nobody_may_do_anything(void)
{
    struct kms_acl *acl = lists(QUIET);

    CU_ASSERT_EQUAL(ops(acl, "alice"), 0);
    CU_ASSERT_EQUAL(ops(acl, ""), 0);
    CU_ASSERT_EQUAL(key_ops(acl, "alice", "k"), 0);
    kms_acl_free(acl);
}

/* Every operation, with a list of its own, allowed and blocked. */
static void each_operation_has_its_own_lists(void)
{
    for (unsigned i = 0; i < KMS_OPS; i++) {
        char text[400];
        struct kms_acl *acl;

        (void)snprintf(text, sizeof text,
            QUIET "[kms.acl]\n%s = alice,bob keyadmins\n[kms.blacklist]\n%s = bob late\n"
                  "[kms.groups]\nkeyadmins = carol,dave\nlate = dave\n",
            kms_op_names[i], kms_op_names[i]);
        acl = lists(text);
        CU_ASSERT_EQUAL(ops(acl, "alice"), BIT(i));
        CU_ASSERT_EQUAL(ops(acl, "bob"), 0);
        CU_ASSERT_EQUAL(ops(acl, "carol"), BIT(i));
        CU_ASSERT_EQUAL(ops(acl, "dave"), 0);
        CU_ASSERT_EQUAL(ops(acl, "eve"), 0);
        kms_acl_free(acl);
    }
}

static void a_blacklist_beats_what_allows(void)
{
    struct kms_acl *acl = lists(QUIET "[kms.acl]\nGENERATE_EEK = hdfs\n"
                                      "DECRYPT_EEK = *\nGET = *\nCREATE = alice\n"
                                      "[kms.blacklist]\nDECRYPT_EEK = hdfs\n"
                                      "GET = *\nCREATE =\n");

    CU_ASSERT_EQUAL(ops(acl, "hdfs"), BIT(KMS_OP_GENERATE_EEK));
    CU_ASSERT_EQUAL(ops(acl, "alice"), BIT(KMS_OP_DECRYPT_EEK) | BIT(KMS_OP_CREATE));
    kms_acl_free(acl);
}

static void lists_see_the_proxy_behind_a_request(void)
{
    struct kms_acl *acl = lists(QUIET "[kms.acl]\nGET = ~hue\nDECRYPT_EEK = *\n"
                                      "[kms.blacklist]\nDECRYPT_EEK = ~hue\n");
    struct kh_principal through = kms_test_user("alice", "hue");
    struct kh_principal direct = kms_test_user("alice", "");

    CU_ASSERT_TRUE(kms_acl_has_op(acl, &through, KMS_OP_GET));
    CU_ASSERT_FALSE(kms_acl_has_op(acl, &direct, KMS_OP_GET));
    CU_ASSERT_FALSE(kms_acl_has_op(acl, &through, KMS_OP_DECRYPT_EEK));
    CU_ASSERT_TRUE(kms_acl_has_op(acl, &direct, KMS_OP_DECRYPT_EEK));
    kms_acl_free(acl);
}

static void a_key_has_its_own_lists_or_the_default_ones(void)
{
    struct kms_acl *acl = lists(QUIET "[kms.key.acl]\n"
                                      "a = own MANAGEMENT alice\n"
                                      "b = own DECRYPT_EEK\n"
                                      "c = whole ALL bob\n"
                                      "[kms.key.acl.default]\n"
                                      "MANAGEMENT = dora\nDECRYPT_EEK = dora\n"
                                      "READ = *\n");

    CU_ASSERT_EQUAL(key_ops(acl, "alice", "own"), MANAGE);
    /* A key with any list of its own falls back to no default. */
    CU_ASSERT_EQUAL(key_ops(acl, "dora", "own"), 0);
    CU_ASSERT_EQUAL(key_ops(acl, "dora", "other"), MANAGE | DECRYPT | READ);
    CU_ASSERT_EQUAL(key_ops(acl, "alice", "other"), READ);
    CU_ASSERT_EQUAL(key_ops(acl, "bob", "whole"), EVERY);
    CU_ASSERT_EQUAL(key_ops(acl, "alice", "whole"), 0);
    kms_acl_free(acl);
}

static void the_whitelist_always_adds(void)
{
    struct kms_acl *acl = lists(QUIET "[kms.key.acl]\na = own READ alice\n"
                                      "[kms.key.acl.whitelist]\n"
                                      "MANAGEMENT = keyadmin\nGENERATE_EEK = hdfs\n");

    CU_ASSERT_EQUAL(key_ops(acl, "keyadmin", "own"), MANAGE);
    CU_ASSERT_EQUAL(key_ops(acl, "keyadmin", "other"), MANAGE);
    CU_ASSERT_EQUAL(key_ops(acl, "hdfs", "other"), GENERATE);
    CU_ASSERT_EQUAL(key_ops(acl, "alice", "own"), READ);
    CU_ASSERT_EQUAL(key_ops(acl, "alice", "other"), 0);
    kms_acl_free(acl);
}

static void lines_of_one_key_add_up_and_its_name_may_be_long_and_wild(void)
{
    char name[256];
    char text[800];
    struct kms_acl *acl;

    memset(name, 'n', 255);
    name[255] = '\0';
    (void)snprintf(text, sizeof text,
        QUIET "[kms.key.acl]\n1 = %s READ alice\n2 = %s READ bob\n"
              "3 = a%%20b%%2F%%25 GENERATE_EEK  , staff\n[kms.groups]\nstaff = carol\n",
        name, name);
    acl = lists(text);
    CU_ASSERT_EQUAL(key_ops(acl, "alice", name), READ);
    CU_ASSERT_EQUAL(key_ops(acl, "bob", name), READ);
    CU_ASSERT_EQUAL(key_ops(acl, "carol", "a b/%"), GENERATE);
    kms_acl_free(acl);
}

static void lists_of_keys_can_be_switched_off(void)
{
    struct kms_acl *acl =
        lists("[kms]\nkey_authorization = no\n[kms.acl]\nGET = alice\n");
    struct kh_principal alice = kms_test_user("alice", "");

    CU_ASSERT_EQUAL(key_ops(acl, "anybody", "k"), EVERY);
    CU_ASSERT_TRUE(kms_acl_allows(acl, &alice, KMS_OP_GET, "k"));
    CU_ASSERT_FALSE(kms_acl_allows(acl, &alice, KMS_OP_DELETE, "k"));
    kms_acl_free(acl);
}

/* What each operation needs of the key. */
static void both_levels_are_asked_at_once(void)
{
    static const unsigned needed[KMS_OPS] = {MANAGE, MANAGE, MANAGE, READ, EVERY, READ,
        MANAGE, GENERATE, DECRYPT, MANAGE, MANAGE};
    struct kh_principal alice = kms_test_user("alice", "");
    char text[1000] = QUIET "[kms.acl]\n";

    for (size_t i = 0; i < KMS_OPS; i++)
        (void)snprintf(
            text + strlen(text), sizeof text - strlen(text), "%s = *\n", kms_op_names[i]);
    for (unsigned k = 0; k < KMS_KEY_ALL; k++) {
        char with[1100];
        struct kms_acl *acl;

        (void)snprintf(with, sizeof with, "%s[kms.key.acl]\nx = k %s alice\n", text,
            kms_key_op_names[k]);
        acl = lists(with);
        for (unsigned i = 0; i < KMS_OPS; i++) {
            bool expected = (needed[i] & BIT(k)) != 0;

            CU_ASSERT_EQUAL(kms_acl_allows(acl, &alice, (kms_op)i, "k"), expected);
            CU_ASSERT_EQUAL(
                kms_acl_allows(acl, &alice, (kms_op)i, "other"), i == KMS_OP_GET_KEYS);
            CU_ASSERT_TRUE(kms_acl_allows(acl, &alice, (kms_op)i, NULL));
        }
        kms_acl_free(acl);
    }
}

static void refused(const char *text, const char *place, const char *word)
{
    struct kms_acl *acl;

    KH_ASSERT_FAILS(load(&acl, text), KH_INVALID, err, place);
    KH_ASSERT_FAILS(load(&acl, text), KH_INVALID, err, word);
    CU_ASSERT_PTR_NULL(acl);
}

static void wrong_lists_are_refused_with_their_line(void)
{
    refused("[kms.acl]\nDECRYPT = a\n", ":2: [kms.acl] DECRYPT: ", "DECRYPT_EEK");
    refused("[kms.acl]\ncreate = a\n", ":2: ", "CREATE");
    refused("[kms.blacklist]\nALL = a\n", ":2: ", "no operation");
    refused("[kms.acl]\nGET = a, b\n", ":2: ", "a blank ends the users");
    refused("[kms.key.acl]\nx = k\n", ":2: x: ", "no operation");
    refused("[kms.key.acl]\nx =\n", ":2: x: ", "empty");
    refused("[kms.key.acl]\nx = k GET alice\n", ":2: x: ", "MANAGEMENT");
    refused("[kms.key.acl]\nx = %2 READ alice\n", ":2: x: ", "hex digits");
    refused("[kms.key.acl]\nx = %FF READ alice\n", ":2: x: ", "UTF-8");
    refused(
        "[kms.key.acl.default]\nALL = a\n", ":2: [kms.key.acl.default] ALL: ", "READ");
    refused("[kms.key.acl.whitelist]\nREADS = a\n", ":2: ", "no operation");
    refused("[kms.groups]\ng = a b\n", ":2: g: ", "without blanks");
    refused("[kms.groups]\ng = *\n", ":2: g: ", "no list of users");
    refused("[kms.key.acl]\nx = k READ alice ; bob\n", ":2", "");
}

static void refusals_read_as_hadoop_words_them(void)
{
    struct kh_principal who = kms_test_user("hdfs", "hue");
    char text[600];

    kms_acl_op_text(text, sizeof text, &who, "DECRYPT_EEK", "k1");
    CU_ASSERT_STRING_EQUAL(text, "User:hdfs not allowed to do 'DECRYPT_EEK' on 'k1'");
    kms_acl_op_text(text, sizeof text, &who, "GET_KEYS", NULL);
    CU_ASSERT_STRING_EQUAL(text, "User:hdfs not allowed to do 'GET_KEYS'");
    kms_acl_key_text(text, sizeof text, &who, KMS_KEY_GENERATE_EEK, "k1", false);
    CU_ASSERT_STRING_EQUAL(text,
        "User [hdfs] is not authorized to perform [GENERATE_EEK] on key with ACL name "
        "[k1]!!");
    kms_acl_key_text(text, sizeof text, &who, KMS_KEY_MANAGEMENT, "k1", true);
    CU_ASSERT_STRING_EQUAL(text, "User [hdfs] is not authorized to create key !!");
    kms_acl_op_text(text, 10, &who, "GET_KEYS", NULL);
    CU_ASSERT_STRING_EQUAL(text, "User:hdfs");
}

static void reload(struct kms_acl *acl, const char *text)
{
    struct kh_config *config = NULL;

    KH_ASSERT_OK_FATAL(kms_test_config(&config, text, &err), err);
    KH_ASSERT_OK(kms_acl_reload(acl, config, &err), err);
    kh_config_free(config);
}

static void a_reload_changes_the_lists_and_a_bad_one_does_not(void)
{
    struct kms_acl *acl = lists(QUIET "[kms.acl]\nGET = alice\n");
    struct kh_config *config = NULL;

    reload(acl, QUIET "[kms.acl]\nDELETE = alice\n");
    CU_ASSERT_EQUAL(ops(acl, "alice"), BIT(KMS_OP_DELETE));
    KH_ASSERT_OK_FATAL(
        kms_test_config(&config, QUIET "[kms.acl]\nGET = a, b\n", &err), err);
    KH_ASSERT_FAILS(kms_acl_reload(acl, config, &err), KH_INVALID, err, "[kms.acl] GET");
    kh_config_free(config);
    CU_ASSERT_EQUAL(ops(acl, "alice"), BIT(KMS_OP_DELETE));
    kms_acl_free(acl);
}

static struct kms_acl *shared;
static atomic_bool done;
static atomic_int wrong;

/* GET and DELETE are never allowed at the same time, nor neither: both are in the lists
 * of one configuration. */
static void *asks(void *arg)
{
    struct kh_principal who = kms_test_user("alice", "");

    (void)arg;
    while (!atomic_load(&done)) {
        if (!kms_acl_allows(shared, &who, KMS_OP_GET, "k"))
            atomic_fetch_add(&wrong, 1);
    }
    return NULL;
}

static void lists_are_exchanged_while_they_are_asked(void)
{
    static const char *const texts[] = {
        "[kms.acl]\nGET = alice\n[kms.key.acl]\nx = k READ alice\n",
        "[kms.acl]\nGET = *\n[kms.key.acl.default]\nREAD = *\n"};
    pthread_t threads[4];

    shared = lists(texts[0]);
    for (size_t i = 0; i < 4; i++)
        CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, asks, NULL), 0);
    for (int i = 0; i < 200; i++)
        reload(shared, texts[i % 2]);
    atomic_store(&done, true);
    for (size_t i = 0; i < 4; i++)
        (void)pthread_join(threads[i], NULL);
    CU_ASSERT_EQUAL(atomic_load(&wrong), 0);
    kms_acl_free(shared);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"without lists nobody may do anything", without_lists_nobody_may_do_anything},
        {"each operation has its own lists", each_operation_has_its_own_lists},
        {"a blacklist beats what allows", a_blacklist_beats_what_allows},
        {"lists see the proxy behind a request", lists_see_the_proxy_behind_a_request},
        {"a key has its own lists, or the default ones",
            a_key_has_its_own_lists_or_the_default_ones},
        {"the whitelist always adds", the_whitelist_always_adds},
        {"lines of one key add up; names long and wild",
            lines_of_one_key_add_up_and_its_name_may_be_long_and_wild},
        {"lists of keys can be switched off", lists_of_keys_can_be_switched_off},
        {"both levels at once, each operation with its own need",
            both_levels_are_asked_at_once},
        {"wrong lists are refused with their line",
            wrong_lists_are_refused_with_their_line},
        {"refusals read as Hadoop words them", refusals_read_as_hadoop_words_them},
        {"a reload changes the lists, a bad one does not",
            a_reload_changes_the_lists_and_a_bad_one_does_not},
        {"lists are exchanged while they are asked",
            lists_are_exchanged_while_they_are_asked},
    };

    return kh_test_main("kms acl", tests, sizeof tests / sizeof tests[0]);
}
