#include "server/acl.h"

#include "server/acl_rule.h"
#include "server/trust.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct kh_error err;
static char *path;

static const struct kh_principal alice = {
    .subject = "CN=alice,O=Example Corp", .fingerprint = HEX64};
static const struct kh_principal bob = {.subject = "CN=bob", .fingerprint = "b0b"};
static const struct kh_principal nobody = {.auth = KH_AUTH_NONE};
static const struct kh_principal nameless = {.fingerprint = HEX64};

/* The rules of [acl] in a file that holds TEXT. */
static kh_status load(struct kh_acl **acl, const char *text)
{
    struct kh_config *config = NULL;
    kh_status st;

    err = (struct kh_error){0};
    *acl = NULL;
    if (!path)
        path = kh_test_path(kh_test_dir(), "acl.ini");
    kh_test_write(path, text, strlen(text), 0644);
    st = kh_config_load(&config, path, &err);
    if (st == KH_OK)
        st = kh_config_claim_free(config, "acl", &err);
    if (st == KH_OK)
        st = kh_acl_new(acl, config, &err);
    kh_config_free(config);
    return st;
}

static struct kh_acl *rules(const char *text)
{
    struct kh_acl *acl;

    KH_ASSERT_OK_FATAL(load(&acl, text), err);
    return acl;
}

/* The one rule RULE is refused in line 2 with WORD. */
static void refused(const char *rule, const char *word)
{
    struct kh_acl *acl;
    char text[1200];

    (void)snprintf(text, sizeof text, "[acl]\nfirst = %s\n", rule);
    KH_ASSERT_FAILS(load(&acl, text), KH_INVALID, err, word);
    if (!strstr(err.message, "/acl.ini:2: first: "))
        fprintf(stderr, "    no place in: %s\n", err.message);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "/acl.ini:2: first: "));
    CU_ASSERT_PTR_NULL(acl);
    kh_acl_free(acl);
}

static const enum kh_operation every[] = {
    KH_OP_GET, KH_OP_LIST, KH_OP_PUT, KH_OP_DELETE, KH_OP_PURGE, KH_OP_STATUS, KH_OP_USE};
enum { EVERY = sizeof every / sizeof every[0] };

/* The operations that WHO has on NAME, as bits. */
static unsigned rights(
    const struct kh_acl *acl, const struct kh_principal *who, const char *name)
{
    unsigned bits = 0;

    for (size_t i = 0; i < EVERY; i++)
        bits |= kh_acl_allows(acl, who, every[i], name) ? (unsigned)every[i] : 0;
    return bits;
}

#define ALL                                                                              \
    (KH_OP_GET | KH_OP_LIST | KH_OP_PUT | KH_OP_DELETE | KH_OP_PURGE | KH_OP_STATUS |    \
        KH_OP_USE)

static void without_rules_everything_is_denied(void)
{
    static const char *const files[] = {
        "", "[acl]\n", "[acl]\n# a = allow all on * to *\n"};

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct kh_acl *acl = rules(files[i]);

        CU_ASSERT_EQUAL(rights(acl, &alice, "key"), 0);
        CU_ASSERT_FALSE(kh_acl_allows_some(acl, &alice, KH_OP_LIST));
        kh_acl_free(acl);
    }
}

static void each_operation_is_a_right_of_its_own(void)
{
    static const char *const words[] = {
        "get", "list", "put", "delete", "purge", "status", "use"};

    for (size_t i = 0; i < EVERY; i++) {
        char text[64];
        struct kh_acl *acl;

        (void)snprintf(text, sizeof text, "[acl]\na = allow %s on * to *\n", words[i]);
        acl = rules(text);
        CU_ASSERT_EQUAL(rights(acl, &alice, "key"), (unsigned)every[i]);
        kh_acl_free(acl);
    }
}

static void operations_come_as_a_list_or_all(void)
{
    struct kh_acl *acl = rules("[acl]\na = allow purge,get on a to *\n"
                               "b = allow all on b to *\nc = allow get,all on c to *\n");

    CU_ASSERT_EQUAL(rights(acl, &alice, "a"), KH_OP_GET | KH_OP_PURGE);
    CU_ASSERT_EQUAL(rights(acl, &alice, "b"), ALL);
    CU_ASSERT_EQUAL(rights(acl, &alice, "c"), ALL);
    kh_acl_free(acl);
}

static void a_name_is_exact_a_prefix_is_not(void)
{
    struct kh_acl *acl =
        rules("[acl]\na = allow get on key to *\nb = allow put on key* to *\n");

    CU_ASSERT_EQUAL(rights(acl, &alice, "key"), KH_OP_GET | KH_OP_PUT);
    CU_ASSERT_EQUAL(rights(acl, &alice, "key1"), KH_OP_PUT);
    CU_ASSERT_EQUAL(rights(acl, &alice, "ke"), 0);
    CU_ASSERT_EQUAL(rights(acl, &alice, "KEY"), 0);
    CU_ASSERT_EQUAL(rights(acl, &alice, "akey"), 0);
    CU_ASSERT_EQUAL(rights(acl, &alice, ""), 0);
    kh_acl_free(acl);
}

static void a_name_is_written_as_in_a_url(void)
{
    struct kh_acl *acl = rules("[acl]\na = allow get on a%20b to *\n"
                               "b = allow put on x%2a to *\n"
                               "c = allow list on 100%25* to *\n"
                               "d = allow purge on %C3%A4* to *\n");

    CU_ASSERT_EQUAL(rights(acl, &alice, "a b"), KH_OP_GET);
    CU_ASSERT_EQUAL(rights(acl, &alice, "a%20b"), 0);
    CU_ASSERT_EQUAL(rights(acl, &alice, "x*"), KH_OP_PUT);
    CU_ASSERT_EQUAL(rights(acl, &alice, "xy"), 0);
    CU_ASSERT_EQUAL(rights(acl, &alice, "100%x"), KH_OP_LIST);
    CU_ASSERT_EQUAL(rights(acl, &alice, "\xc3\xa4x"), KH_OP_PURGE);
    kh_acl_free(acl);
}

static void the_first_rule_that_fits_decides(void)
{
    struct kh_acl *acl = rules("[acl]\n"
                               "z = deny purge on * to *\n"
                               "m = deny get on secret-* to CN=bob\n"
                               "a = allow all on * to CN=bob\n"
                               "late = allow purge on * to CN=bob\n"
                               "b = allow get on secret-* to *\n");

    CU_ASSERT_EQUAL(rights(acl, &bob, "key"), ALL & ~(unsigned)KH_OP_PURGE);
    CU_ASSERT_EQUAL(
        rights(acl, &bob, "secret-1"), ALL & ~(unsigned)(KH_OP_PURGE | KH_OP_GET));
    CU_ASSERT_EQUAL(rights(acl, &alice, "secret-1"), KH_OP_GET);
    CU_ASSERT_EQUAL(rights(acl, &alice, "key"), 0);
    kh_acl_free(acl);
}

static void a_subject_is_compared_whole_and_byte_by_byte(void)
{
    static const char *const others[] = {"CN=alice", "CN=alice,O=Example Corp,C=DE",
        "cn=alice,O=Example Corp", "CN=Alice,O=Example Corp", "O=Example Corp,CN=alice",
        "CN=alice,O=Example  Corp"};
    struct kh_acl *acl =
        rules("[acl]\na = allow get on * to   CN=alice,O=Example Corp  \n");

    CU_ASSERT_EQUAL(rights(acl, &alice, "key"), KH_OP_GET);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct kh_principal who = {.fingerprint = HEX64};

        strcpy(who.subject, others[i]);
        CU_ASSERT_EQUAL(rights(acl, &who, "key"), 0);
    }
    kh_acl_free(acl);
}

static void a_fingerprint_names_one_certificate(void)
{
    struct kh_acl *acl = rules("[acl]\na = allow get on * to sha256:" HEX64 "\n");
    struct kh_principal other = alice;

    CU_ASSERT_EQUAL(rights(acl, &alice, "key"), KH_OP_GET);
    CU_ASSERT_EQUAL(rights(acl, &nameless, "key"), KH_OP_GET);
    other.fingerprint[63] = '0';
    CU_ASSERT_EQUAL(rights(acl, &other, "key"), 0);
    kh_acl_free(acl);
}

static void a_fingerprint_may_be_in_openssl_s_form(void)
{
    struct kh_acl *acl = rules("[acl]\na = allow get on * to "
                               "sha256:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:"
                               "EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF\n");

    CU_ASSERT_EQUAL(rights(acl, &alice, "key"), KH_OP_GET);
    kh_acl_free(acl);
}

static void an_anonymous_caller_is_allowed_nothing(void)
{
    struct kh_acl *acl = rules("[acl]\na = allow all on * to *\n");

    CU_ASSERT_EQUAL(rights(acl, &nobody, "key"), 0);
    CU_ASSERT_FALSE(kh_acl_allows_some(acl, &nobody, KH_OP_GET));
    CU_ASSERT_EQUAL(rights(acl, &nameless, "key"), ALL);
    kh_acl_free(acl);
}

static void a_subject_that_may_have_been_cut_fits_no_rule(void)
{
    char subject[256];
    char text[400];
    struct kh_principal who = {.fingerprint = HEX64};
    struct kh_acl *acl;

    memset(subject, 'a', sizeof subject);
    memcpy(subject, "CN=", 3);
    subject[254] = '\0';
    (void)snprintf(text, sizeof text, "[acl]\na = allow get on * to %s\n", subject);
    acl = rules(text);
    memcpy(who.subject, subject, 255);
    CU_ASSERT_EQUAL(rights(acl, &who, "key"), KH_OP_GET);
    kh_acl_free(acl);

    subject[254] = 'a';
    subject[255] = '\0';
    (void)snprintf(text, sizeof text, "allow get on * to %s", subject);
    refused(text, "longer than 254 bytes; name the certificate as sha256:HEX");
    acl = rules("[acl]\na = allow get on * to sha256:" HEX64 "\n");
    memcpy(who.subject, subject, 256);
    CU_ASSERT_EQUAL(rights(acl, &who, "key"), KH_OP_GET);
    kh_acl_free(acl);
}

/* What a daemon's state says is about all deposits: whoever has a part of them is not
 * told. */
static void only_a_rule_on_every_name_gives_the_status(void)
{
    struct kh_acl *acl = rules("[acl]\n"
                               "a = deny status on * to CN=carol\n"
                               "b = allow all on hdfs-* to CN=alice,O=Example Corp\n"
                               "c = allow all on key to CN=alice,O=Example Corp\n"
                               "d = deny all on hdfs-* to CN=bob\n"
                               "e = allow status on * to CN=bob\n"
                               "f = allow all on * to CN=carol\n");
    const struct kh_principal carol = {.subject = "CN=carol", .fingerprint = HEX64};

    CU_ASSERT_FALSE(kh_acl_allows(acl, &alice, KH_OP_STATUS, ""));
    CU_ASSERT_TRUE(kh_acl_allows(acl, &bob, KH_OP_STATUS, ""));
    CU_ASSERT_EQUAL(rights(acl, &bob, "key"), KH_OP_STATUS);
    CU_ASSERT_FALSE(kh_acl_allows(acl, &carol, KH_OP_STATUS, ""));
    kh_acl_free(acl);
}

static void some_right_is_told_from_none(void)
{
    struct kh_acl *acl = rules("[acl]\n"
                               "a = deny list on a* to *\n"
                               "b = deny all on * to CN=bob\n"
                               "c = allow list,get on b* to *\n");

    CU_ASSERT_TRUE(kh_acl_allows_some(acl, &alice, KH_OP_LIST));
    CU_ASSERT_FALSE(kh_acl_allows_some(acl, &alice, KH_OP_PURGE));
    CU_ASSERT_FALSE(kh_acl_allows_some(acl, &bob, KH_OP_LIST));
    kh_acl_free(acl);
}

static void wrong_words_are_named_with_what_is_right(void)
{
    refused("", "'' is neither allow nor deny; a rule is: allow|deny");
    refused("Allow all on * to *", "'Allow' is neither allow nor deny");
    refused(
        "allow", "'' is no operation; give some of get,list,put,delete,purge,use,status");
    refused("allow read on * to *", "'read' is no operation");
    refused("allow get,,put on * to *", "'' is no operation");
    refused("allow get, put on * to *", "'' is no operation; give some of");
    refused("allow get put on * to *", "'put' stands where 'on' must");
    refused("allow get * to *", "'*' stands where 'on' must");
    refused("allow get on", "no name behind 'on'");
    refused("allow get on key", "'' stands where 'to' must");
    refused("allow get on my key to *", "'key' stands where 'to' must");
    refused("allow get on key to", "no principal behind 'to'");
}

static void wrong_names_are_refused(void)
{
    char rule[1000] = "allow get on ";

    refused("allow get on *key to *", "'*' stands only at the end of a prefix");
    refused("allow get on k*y* to *", "write it %2A");
    refused("allow get on ** to *", "only at the end");
    refused("allow get on a%2 to *", "'a%2' is no name: a '%' is not followed by two");
    refused("allow get on a%00b to *", "NUL");
    refused("allow get on %ff to *", "not UTF-8");
    memset(rule + strlen(rule), 'a', 256);
    strcat(rule, " to *");
    refused(rule, "longer than 255 bytes");
    memset(rule + 13, 'a', 800);
    refused(rule, "is too long");
}

static void wrong_fingerprints_are_refused(void)
{
    refused("allow get on * to sha256:", "is no fingerprint; give the 64 hex digits");
    refused("allow get on * to sha256:" HEX64 "0", "no fingerprint");
    refused("allow get on * to sha256:" HEX64 ":", "no fingerprint");
    refused("allow get on * to sha256:0:" HEX64, "no fingerprint");
    refused("allow get on * to sha256:xy", "'xy' is no fingerprint");
    refused("allow get on * to sha256:" HEX64 " x", "no fingerprint");
}

static void subjects_in_another_form_are_refused(void)
{
    refused("allow get on * to alice", "a part of it is not TYPE=value; give what");
    refused("allow get on * to /O=Example/CN=alice", "it begins with '/'");
    refused("allow get on * to CN = alice", "a blank in front of '='");
    refused("allow get on * to CN= alice", "a blank behind '='");
    refused("allow get on * to CN=alice, O=Example", "a blank behind ','");
    refused("allow get on * to CN=alice ,O=Example", "a blank in front of ','");
    refused("allow get on * to CN=alice,", "not TYPE=value");
    refused("allow get on * to CN=alice,,O=x", "not TYPE=value");
    refused("allow get on * to CN=a<b", "writes with '\\'");
    refused("allow get on * to CN=\"a\"", "writes with '\\'");
    refused("allow get on * to CN=a\\", "'\\' escapes nothing");
    /* The reader of the file has cut the blank off that the '\' escapes. */
    refused("allow get on * to CN=a\\ ", "'\\' escapes nothing");
    refused("allow get on * to CN=a\\x", "'\\' escapes nothing");
    refused("allow get on * to CN=M\xc3\xbcller", "not ASCII");
    refused("allow get on * to **", "or sha256:HEX, or *");
    refused("allow get on * to CN=a ;b", "a ';' of the value as '\\;'");
}

/* What libcrypto prints for a certificate with VALUE as organisation and common name. */
static void subject_of(const char *value, char out[256])
{
    X509 *cert = X509_new();
    X509_NAME *name = X509_get_subject_name(cert);

    CU_ASSERT_EQUAL_FATAL(X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8,
                              (const unsigned char *)value, -1, -1, 0),
        1);
    CU_ASSERT_EQUAL_FATAL(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                              (const unsigned char *)value, -1, -1, 0),
        1);
    kh_cert_subject(cert, out, 256);
    X509_free(cert);
}

static void what_a_certificate_shows_can_be_written_as_a_rule(void)
{
    static const char *const values[] = {"plain", " blank in front", "a;b ;c", "a,b+c=d",
        "quote\"back\\slash", "<angle>", "#hash", "M\xc3\xbcller", "tab\tline\n", "a  b",
        "CN=x", "*", "sha256:00"};

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct kh_principal who = {.fingerprint = HEX64};
        struct kh_principal bare = {.fingerprint = HEX64};
        char text[400];
        struct kh_acl *acl;

        subject_of(values[i], who.subject);
        (void)snprintf(
            text, sizeof text, "[acl]\na = allow get on * to %s\n", who.subject);
        acl = rules(text);
        CU_ASSERT_EQUAL(rights(acl, &who, "key"), KH_OP_GET);
        memcpy(bare.subject, who.subject, strlen(who.subject) - 1);
        CU_ASSERT_EQUAL(rights(acl, &bare, "key"), 0);
        kh_acl_free(acl);
    }
}

static void there_may_be_4096_rules(void)
{
    size_t room = (KH_ACL_RULES_MAX + 1) * 40UL;
    char *text = malloc(room);
    struct kh_acl *acl;
    size_t at = 6;

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memcpy(text, "[acl]\n", 7);
    for (unsigned i = 0; i < KH_ACL_RULES_MAX; i++)
        at +=
            (size_t)snprintf(text + at, room - at, "r%u = allow get on k%u to *\n", i, i);
    acl = rules(text);
    CU_ASSERT_EQUAL(rights(acl, &alice, "k4095"), KH_OP_GET);
    CU_ASSERT_EQUAL(rights(acl, &alice, "k4096"), 0);
    kh_acl_free(acl);
    (void)snprintf(text + at, room - at, "more = allow get on k to *\n");
    KH_ASSERT_FAILS(load(&acl, text), KH_INVALID, err,
        "acl.ini:4098: more: [acl] has more than 4096 rules");
    free(text);
}

static void the_second_rule_is_found_when_the_first_is_right(void)
{
    struct kh_acl *acl;

    KH_ASSERT_FAILS(load(&acl, "[acl]\na = allow get on * to *\n\nb = alow\n"),
        KH_INVALID, err, "acl.ini:4: b: 'alow' is neither");
}

static void a_kerberos_principal_is_compared_whole(void)
{
    static const struct kh_principal hdfs = {
        .krb5 = "hdfs/nn1.example@EXAMPLE", .user = "hdfs", .auth = KH_AUTH_KERBEROS};
    static const struct kh_principal other = {
        .krb5 = "hdfs/nn1.example@EVIL", .user = "hdfs2", .auth = KH_AUTH_KERBEROS};
    static const struct kh_principal both = {.subject = "CN=bob",
        .fingerprint = HEX64,
        .krb5 = "hdfs/nn1.example@EXAMPLE",
        .auth = KH_AUTH_KERBEROS};
    struct kh_acl *acl = rules("[acl]\na = allow get on k to hdfs/nn1.example@EXAMPLE\n"
                               "b = deny put on k to CN=bob\n"
                               "c = allow put on k to hdfs/nn1.example@EXAMPLE\n");

    CU_ASSERT_EQUAL(rights(acl, &hdfs, "k"), KH_OP_GET | KH_OP_PUT);
    CU_ASSERT_EQUAL(rights(acl, &other, "k"), 0);
    CU_ASSERT_EQUAL(rights(acl, &alice, "k"), 0);
    CU_ASSERT_EQUAL(rights(acl, &both, "k"), KH_OP_GET); /* either decides, in order */
    kh_acl_free(acl);
}

static void a_short_name_is_one_however_it_was_come_by(void)
{
    static const struct kh_principal ticket = {
        .krb5 = "hdfs/nn1@R", .user = "hdfs", .auth = KH_AUTH_KERBEROS};
    static const struct kh_principal said = {.user = "hdfs", .auth = KH_AUTH_SIMPLE};
    static const struct kh_principal cert = {
        .subject = "CN=hdfs", .fingerprint = "f", .user = "hdfs"};
    static const struct kh_principal none = {.subject = "CN=hdfs", .fingerprint = "f"};
    struct kh_acl *acl = rules("[acl]\na = allow get on k to user:hdfs\n");

    CU_ASSERT_EQUAL(rights(acl, &ticket, "k"), KH_OP_GET);
    CU_ASSERT_EQUAL(rights(acl, &said, "k"), KH_OP_GET);
    CU_ASSERT_EQUAL(rights(acl, &cert, "k"), KH_OP_GET);
    CU_ASSERT_EQUAL(rights(acl, &none, "k"), 0);
    CU_ASSERT_EQUAL(rights(acl, &nobody, "k"), 0);
    kh_acl_free(acl);
}

static void who_acts_for_another_has_his_rights_alone(void)
{
    static const struct kh_principal proxied = {.subject = "CN=bob",
        .fingerprint = HEX64,
        .krb5 = "knox/gate@R",
        .user = "carol",
        .real_user = "knox",
        .auth = KH_AUTH_KERBEROS};
    struct kh_acl *acl = rules("[acl]\na = allow get on k to user:carol\n"
                               "b = allow put on k to knox/gate@R\n"
                               "c = allow delete on k to user:knox\n"
                               "d = allow purge on k to CN=bob\n"
                               "e = allow purge on k to sha256:" HEX64 "\n"
                               "f = allow list on k to *\n");

    CU_ASSERT_EQUAL(rights(acl, &proxied, "k"), KH_OP_GET | KH_OP_LIST);
    kh_acl_free(acl);
}

static void wrong_kerberos_principals_and_users_are_refused(void)
{
    refused("allow get on k to @REALM", "is no Kerberos principal");
    refused("allow get on k to alice@", "is no Kerberos principal");
    refused("allow get on k to a@b@R", "is no Kerberos principal");
    refused("allow get on k to alice@R/x", "is no Kerberos principal");
    refused("allow get on k to alice bob@R", "is no Kerberos principal");
    refused("allow get on k to a\\@b@R", "is no Kerberos principal");
    refused("allow get on k to user:", "is no short name");
    refused("allow get on k to user:alice@R", "is no short name");
    refused("allow get on k to user:hdfs/nn1", "is no short name");
    refused("allow get on k to user:a b", "is no short name");
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"without rules everything is denied", without_rules_everything_is_denied},
        {"each operation is a right of its own", each_operation_is_a_right_of_its_own},
        {"operations come as a list or all", operations_come_as_a_list_or_all},
        {"a name is exact, a prefix is not", a_name_is_exact_a_prefix_is_not},
        {"a name is written as in a URL", a_name_is_written_as_in_a_url},
        {"the first rule that fits decides", the_first_rule_that_fits_decides},
        {"a subject is compared whole and byte by byte",
            a_subject_is_compared_whole_and_byte_by_byte},
        {"a fingerprint names one certificate", a_fingerprint_names_one_certificate},
        {"a fingerprint may be in openssl's form",
            a_fingerprint_may_be_in_openssl_s_form},
        {"an anonymous caller is allowed nothing",
            an_anonymous_caller_is_allowed_nothing},
        {"a subject that may have been cut fits no rule",
            a_subject_that_may_have_been_cut_fits_no_rule},
        {"only a rule on every name gives the status",
            only_a_rule_on_every_name_gives_the_status},
        {"some right is told from none", some_right_is_told_from_none},
        {"wrong words are named with what is right",
            wrong_words_are_named_with_what_is_right},
        {"wrong names are refused", wrong_names_are_refused},
        {"wrong fingerprints are refused", wrong_fingerprints_are_refused},
        {"subjects in another form are refused", subjects_in_another_form_are_refused},
        {"what a certificate shows can be written as a rule",
            what_a_certificate_shows_can_be_written_as_a_rule},
        {"there may be 4096 rules", there_may_be_4096_rules},
        {"the second rule is found when the first is right",
            the_second_rule_is_found_when_the_first_is_right},
        {"a Kerberos principal is compared whole",
            a_kerberos_principal_is_compared_whole},
        {"a short name is one however it was come by",
            a_short_name_is_one_however_it_was_come_by},
        {"who acts for another has his rights alone",
            who_acts_for_another_has_his_rights_alone},
        {"wrong Kerberos principals and users are refused",
            wrong_kerberos_principals_and_users_are_refused},
    };

    int rc = kh_test_main("server acl", tests, sizeof tests / sizeof tests[0]);

    free(path);
    return rc;
}
