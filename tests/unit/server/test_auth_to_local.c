#include "server/auth_to_local.h"

#include "server/auth_to_local_rule.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;
static char *path;

static kh_status load(struct kh_local **local, const char *text)
{
    struct kh_config *config = NULL;
    kh_status st;

    err = (struct kh_error){0};
    *local = NULL;
    if (!path)
        path = kh_test_path(kh_test_dir(), "local.ini");
    kh_test_write(path, text, strlen(text), 0644);
    st = kh_config_load(&config, path, &err);
    if (st == KH_OK)
        st = kh_config_claim_free(config, "auth_to_local", &err);
    if (st == KH_OK)
        st = kh_local_new(local, config, "LAB.TEST", &err);
    kh_config_free(config);
    return st;
}

/* The rules, one a line, give WANT of PRINCIPAL; NULL: they refuse it. */
static void maps(const char *lines, const char *principal, const char *want)
{
    struct kh_local *local;
    char text[2048];
    char user[256];
    kh_status st;

    (void)snprintf(text, sizeof text, "[auth_to_local]\n%s\n", lines);
    KH_ASSERT_OK_FATAL(load(&local, text), err);
    st = kh_local_map(local, principal, user, &err);
    CU_ASSERT_EQUAL(st, want ? KH_OK : KH_REFUSED);
    if (strcmp(user, want ? want : "") != 0)
        fprintf(stderr, "    %s: %s gives '%s'\n", lines, principal, user);
    CU_ASSERT_STRING_EQUAL(user, want ? want : "");
    kh_local_free(local);
}

static void refused(const char *rule, const char *word)
{
    struct kh_local *local;
    char text[1200];

    (void)snprintf(text, sizeof text, "[auth_to_local]\n\nfirst = %s\n", rule);
    KH_ASSERT_FAILS(load(&local, text), KH_INVALID, err, word);
    if (!strstr(err.message, "/local.ini:3: first: "))
        fprintf(stderr, "    no place in: %s\n", err.message);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "/local.ini:3: first: "));
    CU_ASSERT_PTR_NULL(local);
}

static void without_rules_the_own_realm_is_mapped(void)
{
    maps("", "alice@LAB.TEST", "alice");
    maps("", "hdfs/localhost@LAB.TEST", "hdfs");
    maps("", "a/b/c@LAB.TEST", "a");
    maps("", "alice@OTHER.TEST", NULL);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(err.message, "no rule of [auth_to_local] fits alice@OTHER.TEST"));
    maps("", "alice@lab.test", NULL);
}

static void default_stands_only_where_it_is_written(void)
{
    maps("a = RULE:[1:$1@$0](.*@OTHER.TEST)s/@.*//", "alice@LAB.TEST", NULL);
    maps("a = RULE:[1:$1@$0](.*@OTHER.TEST)s/@.*//\nb = DEFAULT", "alice@LAB.TEST",
        "alice");
    maps("a = DEFAULT", "alice@LAB.TEST", "alice");
}

static void the_rules_of_hadoop_s_manual_work(void)
{
    static const char rules[] = "a = RULE:[2:$1@$0]([nd]n@.*EXAMPLE.COM)s/.*/hdfs/\n"
                                "b = RULE:[2:$1@$0](rm@.*EXAMPLE.COM)s/.*/yarn/\n"
                                "c = RULE:[2:$1;$2](^.*;admin$)s/;admin$//\n"
                                "d = RULE:[1:$1@$0](.*@EXAMPLE.COM)s/@.*//\n"
                                "e = RULE:[1:$1@$0](.*@AD.EXAMPLE.COM)s/@.*///L\n"
                                "f = DEFAULT";

    maps(rules, "nn/host1@EXAMPLE.COM", "hdfs");
    maps(rules, "dn/host1@SUB.EXAMPLE.COM", "hdfs");
    maps(rules, "rm/h@EXAMPLE.COM", "yarn");
    maps(rules, "joe/admin@EXAMPLE.COM", "joe");
    maps(rules, "alice@EXAMPLE.COM", "alice");
    maps(rules, "Alice@AD.EXAMPLE.COM", "alice");
    maps(rules, "jn/h@EXAMPLE.COM", NULL);
    maps(rules, "jn/h@LAB.TEST", "jn");
}

static void the_first_rule_that_fits_decides(void)
{
    maps("a = RULE:[1:$1]s/.*/one/\nb = RULE:[1:$1]s/.*/two/", "x@R", "one");
    /* Even when what it gives is refused. */
    maps("a = RULE:[1:$1@$0]\nb = RULE:[1:$1]", "x@R", NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "'x@R', which [auth_to_local] makes of"));
}

static void the_number_of_components_counts(void)
{
    maps("a = RULE:[2:$1]", "x@R", NULL);
    maps("a = RULE:[2:$1]", "x/y@R", "x");
    maps("a = RULE:[2:$1]", "x/y/z@R", NULL);
    maps("a = RULE:[3:$3-$2-$1-$0]", "x/y/z@R", "z-y-x-R");
}

static void the_expression_must_fit_the_whole(void)
{
    maps("a = RULE:[1:$1](ali)", "alice@R", NULL);
    maps("a = RULE:[1:$1](lice)", "alice@R", NULL);
    maps("a = RULE:[1:$1](ali|alice)", "alice@R", "alice");
    maps("a = RULE:[1:$1](a(l|x)ice)", "alice@R", "alice");
    maps("a = RULE:[1:$1]([()a-z]+)", "alice@R", "alice");
    maps("a = RULE:[1:$1](\\(?alice)", "alice@R", "alice");
}

static void replacement_is_once_or_everywhere(void)
{
    maps("a = RULE:[1:$1]s/a/b/", "banana@R", "bbnana");
    maps("a = RULE:[1:$1]s/a/b/g", "banana@R", "bbnbnb");
    maps("a = RULE:[1:$1]s/a/b/gL", "BANaNa@R", "banbnb");
    maps("a = RULE:[1:$1]s/a/b/g/L", "BANaNa@R", "banbnb");
    maps("a = RULE:[1:$1]/L", "BANANA@R", "banana");
    maps("a = RULE:[1:$1]s/x*/-/g", "axb@R", "-a--b-");
    maps("a = RULE:[1:$1]s/^a//g", "aab@R", "ab");
    maps("a = RULE:[1:$1]s/z/y/", "alice@R", "alice");
    maps("a = RULE:[1:$1]s/.*//", "alice@R", NULL);
}

static void groups_can_be_used_in_what_replaces(void)
{
    maps("a = RULE:[1:$1]s/([a-z]*)-([a-z]*)/$2_$1/", "ab-cd@R", "cd_ab");
    maps("a = RULE:[1:$1]s/b(x)?/<$1>$0/", "abc@R", "a<>bc");
    maps("a = RULE:[1:$1]s/b/\\$1/", "abc@R", "a$1c");
}

static void a_name_with_slash_or_at_is_refused(void)
{
    maps("a = RULE:[2:$1@$2]", "x/y@R", NULL);
    maps("a = RULE:[2:$1/$2]", "x/y@R", NULL);
    maps("a = RULE:[1:$1 $0]", "x@R", NULL);
    maps("a = RULE:[1:$1&u=root]", "x@R", NULL);
}

static void what_is_no_principal_is_refused(void)
{
    static const char *const bad[] = {"", "alice", "@R", "alice@", "a@b@R", "a//b@R",
        "/a@R", "a/@R", "a@R/x", "a\\@b@R", "1/2/3/4/5/6/7/8/9@R"};
    char text[300];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        maps("a = DEFAULT\nb = RULE:[1:$1]\nc = RULE:[2:$1]", bad[i], NULL);
    memset(text, 'a', sizeof text);
    memcpy(text + 254, "@R", 3);
    maps("a = RULE:[1:$1]", text, NULL);
    memcpy(text + 253, "@R", 3);
    text[253 + 2] = '\0';
    maps("a = RULE:[1:x]", text, "x");
}

/* What a formatted text could grow to is more than any principal. */
static void a_text_that_grows_too_long_is_refused(void)
{
    char text[256];

    memset(text, 'a', sizeof text);
    memcpy(text + 250, "@R", 3);
    maps("a = RULE:[1:$1$1$1$1$1]", text, NULL);
    maps("a = RULE:[1:$1]s/a/bbbbbbbbbb/g", text, NULL);
}

static void wrong_rules_are_named(void)
{
    refused("default", "is neither DEFAULT nor RULE:");
    refused("RULE[1:$1]", "is neither DEFAULT nor RULE:");
    refused("RULE:", "'[n:' does not stand behind");
    refused("RULE:[0:$1]", "'[n:' does not stand behind");
    refused("RULE:[9:$1]", "'[n:' does not stand behind");
    refused("RULE:[12:$1]", "'[n:' does not stand behind");
    refused("RULE:[1:$1", "a '[' is not closed");
    refused("RULE:[1:]", "is empty");
    refused("RULE:[1:$2]", "behind '$' stands the number of a component, 1 to 1");
    refused("RULE:[1:$x]", "behind '$'");
    refused("RULE:[1:a$]", "behind '$'");
    refused("RULE:[1:$1](a", "a '(' is not closed");
    refused("RULE:[1:$1]()", "it is empty");
    refused("RULE:[1:$1]s/a/b", "two more '/' must follow");
    refused("RULE:[1:$1]s/a", "two more '/' must follow");
    refused("RULE:[1:$1]s//b/", "it is empty");
    refused("RULE:[1:$1]s/a/$1/", "the number of a group");
    refused("RULE:[1:$1]s/a/\\\\$1/", "the number of a group");
    refused("RULE:[1:$1]s/a/b\\/", "ends in a '\\'");
    refused("RULE:[1:$1]s/a/b/x", "'x' stands behind the end");
    refused("RULE:[1:$1] DEFAULT", "one rule a line");
}

static void expressions_that_could_run_away_are_refused(void)
{
    char text[400] = "RULE:[1:$1](";

    refused("RULE:[1:$1]((a)\\1)", "back references");
    refused("RULE:[1:$1](((a{1,255}){1,255}){1,255})", "multiply to more than 256");
    refused("RULE:[1:$1](a{99999999999999999999})", "more than 256");
    refused("RULE:[1:$1](a{,300})", "more than 256");
    refused("RULE:[1:$1](a{x})", "begins no repetition");
    refused("RULE:[1:$1](a{1)", "is not closed");
    refused("RULE:[1:$1]([a)", "is not closed");
    refused("RULE:[1:$1](\\d+)", "Java's classes are not taken");
    refused("RULE:[1:$1]((?i)alice)", "Java's groups");
    refused("RULE:[1:$1](.*?x)", "reluctant");
    refused("RULE:[1:$1](.++x)", "reluctant");
    refused("RULE:[1:$1]s/a(/x/", "Unmatched");
    memset(text + 12, 'a', 257);
    memcpy(text + 12 + 257, ")", 2);
    refused(text, "longer than 256 bytes");
    maps("a = RULE:[1:$1]((a{1,16}){1,16})", "aaaa@R", "aaaa");
}

/* Each is known to take a backtracking matcher longer than the age of the universe. */
static void catastrophic_expressions_end(void)
{
    static const char *const rules[] = {"a = RULE:[1:$1]((a*)*b)",
        "a = RULE:[1:$1]((a+)+b)", "a = RULE:[1:$1]((a|aa)+b)",
        "a = RULE:[1:$1]((.*)(.*)(.*)(.*)(.*)(.*)b)", "a = RULE:[1:$1](((a?){16}){16}b)"};
    char text[256];

    memset(text, 'a', sizeof text);
    memcpy(text + 240, "@R", 3);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        maps(rules[i], text, NULL);
}

static void there_may_be_256_rules(void)
{
    struct kh_local *local;
    char *text = malloc(16384);
    size_t at = (size_t)snprintf(text, 16384, "[auth_to_local]\n");

    for (unsigned i = 0; i < KH_LOCAL_RULES_MAX; i++)
        at += (size_t)snprintf(text + at, 16384 - at, "r%u = DEFAULT\n", i);
    KH_ASSERT_OK(load(&local, text), err);
    kh_local_free(local);
    (void)snprintf(text + at, 16384 - at, "more = DEFAULT\n");
    KH_ASSERT_FAILS(load(&local, text), KH_INVALID, err,
        "local.ini:258: more: [auth_to_local] has more than 256 rules");
    free(text);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"without rules the own realm is mapped", without_rules_the_own_realm_is_mapped},
        {"DEFAULT stands only where it is written",
            default_stands_only_where_it_is_written},
        {"the rules of Hadoop's manual work", the_rules_of_hadoop_s_manual_work},
        {"the first rule that fits decides", the_first_rule_that_fits_decides},
        {"the number of components counts", the_number_of_components_counts},
        {"the expression must fit the whole", the_expression_must_fit_the_whole},
        {"replacement is once or everywhere", replacement_is_once_or_everywhere},
        {"groups can be used in what replaces", groups_can_be_used_in_what_replaces},
        {"a name with slash or at is refused", a_name_with_slash_or_at_is_refused},
        {"what is no principal is refused", what_is_no_principal_is_refused},
        {"a text that grows too long is refused", a_text_that_grows_too_long_is_refused},
        {"wrong rules are named", wrong_rules_are_named},
        {"expressions that could run away are refused",
            expressions_that_could_run_away_are_refused},
        {"catastrophic expressions end", catastrophic_expressions_end},
        {"there may be 256 rules", there_may_be_256_rules},
    };
    int rc = kh_test_main("server auth_to_local", tests, sizeof tests / sizeof tests[0]);

    free(path);
    return rc;
}
