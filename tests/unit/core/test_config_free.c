#include "core/config.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;

static const struct kh_option server[] = {
    {"listen", KH_OPT_STRING, "*", 0, NULL, "address"},
};

/* Loads TEXT and claims [server] by its table and [acl] for free keys. */
static kh_status load(struct kh_config **config, const char *text)
{
    char *path = kh_test_path(kh_test_dir(), "free.ini");
    kh_status st;

    err = (struct kh_error){0};
    *config = NULL;
    kh_test_write(path, text, strlen(text), 0644);
    st = kh_config_load(config, path, &err);
    free(path);
    if (st == KH_OK)
        st = kh_config_claim(*config, "server", server, 1, true, &err);
    if (st == KH_OK)
        st = kh_config_claim_free(*config, "acl", &err);
    if (st == KH_OK)
        st = kh_config_finish(*config, &err);
    return st;
}

/* TEXT must be refused at LINE with WORD in the message. */
static void refused(const char *text, unsigned line, const char *word)
{
    struct kh_config *config = NULL;
    char where[64];

    KH_ASSERT_FAILS(load(&config, text), KH_INVALID, err, word);
    (void)snprintf(where, sizeof where, "/free.ini:%u: ", line);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, where));
    kh_config_free(config);
}

struct seen {
    char text[512];
    unsigned count;
};

static kh_status see(void *arg, const struct kh_config_pair *pair, struct kh_error *e)
{
    struct seen *s = arg;
    size_t at = strlen(s->text);
    const char *where = strrchr(pair->where, '/');

    s->count++;
    if (strcmp(pair->key, "stop") == 0)
        return kh_fail(e, KH_BUSY, "stopped at %s", pair->where);
    (void)snprintf(s->text + at, sizeof s->text - at, "%s=%s@%s|", pair->key, pair->value,
        where ? where + 1 : pair->where);
    return KH_OK;
}

static void keys_come_in_the_order_of_the_file_with_their_lines(void)
{
    struct kh_config *config;
    struct seen s = {0};

    KH_ASSERT_OK_FATAL(load(&config, "[acl]\nz = one\n# comment\na: two = 2\n"
                                     "[server]\nlisten = x\n[acl]\nM-1_ =\n"),
        err);
    KH_ASSERT_OK(kh_config_pairs(config, "acl", see, &s, &err), err);
    CU_ASSERT_STRING_EQUAL(
        s.text, "z=one@free.ini:2|a=two = 2@free.ini:4|M-1_=@free.ini:8|");
    kh_config_free(config);
}

static void a_section_that_is_absent_has_no_keys(void)
{
    struct kh_config *config;
    struct seen s = {0};

    KH_ASSERT_OK_FATAL(load(&config, "[server]\nlisten = x\n"), err);
    KH_ASSERT_OK(kh_config_pairs(config, "acl", see, &s, &err), err);
    KH_ASSERT_OK(kh_config_pairs(config, "nowhere", see, &s, &err), err);
    CU_ASSERT_EQUAL(s.count, 0);
    kh_config_free(config);
}

static void a_callback_that_fails_ends_it(void)
{
    struct kh_config *config;
    struct seen s = {0};

    KH_ASSERT_OK_FATAL(load(&config, "[acl]\na = 1\nstop = 2\nb = 3\n"), err);
    KH_ASSERT_FAILS(
        kh_config_pairs(config, "acl", see, &s, &err), KH_BUSY, err, "free.ini:3");
    CU_ASSERT_EQUAL(s.count, 2);
    kh_config_free(config);
}

static void set_replaces_in_place_and_adds_at_the_end(void)
{
    static const char text[] = "[acl]\nfirst = 1\nsecond = 2\n";
    char *path = kh_test_path(kh_test_dir(), "set.ini");
    struct kh_config *config;
    struct seen s = {0};

    kh_test_write(path, text, strlen(text), 0644);
    KH_ASSERT_OK_FATAL(kh_config_load(&config, path, &err), err);
    KH_ASSERT_OK(kh_config_override(config, "acl.zero=0", &err), err);
    KH_ASSERT_OK(kh_config_override(config, "acl.first=one = 1", &err), err);
    KH_ASSERT_OK(kh_config_claim_free(config, "acl", &err), err);
    KH_ASSERT_OK(kh_config_pairs(config, "acl", see, &s, &err), err);
    CU_ASSERT_STRING_EQUAL(s.text,
        "first=one = 1@--set acl.first|second=2@set.ini:3|zero=0@--set acl.zero|");
    kh_config_free(config);
    free(path);
}

static void a_comment_behind_a_value_is_refused_and_not_cut(void)
{
    struct kh_config *config;
    struct seen s = {0};

    refused("[acl]\nr = to CN=a ;b\n", 2, "would end the value");
    refused("[acl]\nr = x\nq = to CN=a\t; b\n", 3, "comment on a line of its own");
    refused("[acl]\nr = ; all\n", 2, "would end the value");
    refused("[acl]\nr: x ;\n", 2, "would end the value");
    /* RFC 2253 escapes the character, and then nothing is cut. */
    KH_ASSERT_OK_FATAL(
        load(&config,
            "[acl]\nr = CN=a \\;b;c\n; all = mine\n[server] ; d\nlisten = x ; y\n"),
        err);
    KH_ASSERT_OK(kh_config_pairs(config, "acl", see, &s, &err), err);
    CU_ASSERT_STRING_EQUAL(s.text, "r=CN=a \\;b;c@free.ini:2|");
    CU_ASSERT_STRING_EQUAL(kh_config_string(config, "server", "listen"), "x");
    kh_config_free(config);
}

static void a_comment_elsewhere_does_not_stick_to_the_next_value(void)
{
    struct kh_config *config;

    KH_ASSERT_OK(load(&config, "[server]\nlisten = x ; y\n[acl] ; rules\nr = x\n"), err);
    kh_config_free(config);
    KH_ASSERT_OK(load(&config, "[acl]\n# a = b ; c\nr = x\n"), err);
    kh_config_free(config);
}

static void keys_are_labels(void)
{
    refused("[acl]\nr s = x\n", 2, "'r s' is no key of [acl]");
    refused("[acl]\nr.s = x\n", 2, "letters, digits, '-' or '_'");
    refused("[acl]\n\xc3\xa4 = x\n", 2, "is no key of [acl]");
    refused("[acl]\nr = 1\nr = 2\n", 3, "'r' stands twice in [acl]");
}

static void a_value_has_at_most_1024_bytes(void)
{
    char text[1100] = "[acl]\nr = ";
    struct kh_config *config;
    size_t start = strlen(text);

    memset(text + start, 'a', 1024);
    KH_ASSERT_OK(load(&config, text), err);
    kh_config_free(config);
    text[start + 1024] = 'a';
    refused(text, 2, "longer than 1024 bytes");
}

static void set_is_held_to_the_same_rules(void)
{
    static const struct {
        const char *assignment;
        const char *word;
    } wrong[] = {
        {"acl.a b=x", "--set acl.a b: 'a b' is no key"},
        {"acl.aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeee=x", "1 to 48"},
        {"acl.r=\xff", "--set acl.r: r: the value is not UTF-8"},
        {"acl.r=a\nb", "control character"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct kh_config *config;

        KH_ASSERT_OK_FATAL(kh_config_load(&config, NULL, &err), err);
        KH_ASSERT_OK(kh_config_override(config, wrong[i].assignment, &err), err);
        KH_ASSERT_FAILS(
            kh_config_claim_free(config, "acl", &err), KH_INVALID, err, wrong[i].word);
        KH_ASSERT_FAILS(kh_config_finish(config, &err), KH_INVALID, err, "[acl]");
        kh_config_free(config);
    }
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"keys come in the order of the file with their lines",
            keys_come_in_the_order_of_the_file_with_their_lines},
        {"a section that is absent has no keys", a_section_that_is_absent_has_no_keys},
        {"a callback that fails ends it", a_callback_that_fails_ends_it},
        {"set replaces in place and adds at the end",
            set_replaces_in_place_and_adds_at_the_end},
        {"a comment behind a value is refused and not cut",
            a_comment_behind_a_value_is_refused_and_not_cut},
        {"a comment elsewhere does not stick to the next value",
            a_comment_elsewhere_does_not_stick_to_the_next_value},
        {"keys are labels", keys_are_labels},
        {"a value has at most 1024 bytes", a_value_has_at_most_1024_bytes},
        {"set is held to the same rules", set_is_held_to_the_same_rules},
    };

    return kh_test_main("core config free", tests, sizeof tests / sizeof tests[0]);
}
