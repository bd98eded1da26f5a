/* kms-acls.xml and kms-site.xml to the lines of keytrustee.ini, and what is refused. */
#include "programs/ktadmin/kmsimport.h"

#include "server/kms/acl.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

#define HEAD "<?xml version=\"1.0\"?>\n<configuration>\n"
#define END "</configuration>\n"
#define P(name, value)                                                                   \
    "<property><name>" name "</name><value>" value "</value></property>\n"

static struct kh_error err;
static struct kh_hadoop acls;
static struct kh_hadoop site;
static struct kh_kms_import plan;

static kh_status parse(struct kh_hadoop *out, const char *text)
{
    struct kh_buf buf = {.data = (unsigned char *)(uintptr_t)text, .len = strlen(text)};

    err = (struct kh_error){0};
    kh_hadoop_free(out);
    return kh_hadoop_parse(out, "kms.xml", &buf, &err);
}

static void import(const char *acls_text, const char *site_text)
{
    kh_kms_import_free(&plan);
    KH_ASSERT_OK_FATAL(parse(&acls, acls_text), err);
    if (site_text)
        KH_ASSERT_OK_FATAL(parse(&site, site_text), err);
    KH_ASSERT_OK_FATAL(
        kh_kms_import_plan(&plan, &acls, site_text ? &site : NULL, &err), err);
}

static const char *wanted(const char *section, const char *key)
{
    for (size_t i = 0; i < plan.wanted_count; i++) {
        if (strcmp(plan.wanted[i].section, section) == 0 &&
            strcmp(plan.wanted[i].key, key) == 0)
            return plan.wanted[i].value;
    }
    return "(none)";
}

static bool says(const struct kh_lines *lines, const char *words)
{
    for (size_t i = 0; i < lines->count; i++) {
        if (strstr(lines->list[i], words))
            return true;
    }
    return false;
}

static void properties_are_read_as_they_stand(void)
{
    KH_ASSERT_OK(
        parse(&acls, HEAD "<!-- c --><property>\n<name> a.b </name>\n<value> x y\n"
                          "</value><final>true</final><description>d &lt; e</description>"
                          "</property>" P("c", "1") P("c", "2 &amp; &#65;")
                              P("empty", "") "<property><name>no-value</name></property>"
                                             "<property><name>d</name><value><![CDATA[<x>"
                                             "]]></value></property>" END),
        err);
    CU_ASSERT_EQUAL(acls.count, 4);
    CU_ASSERT_STRING_EQUAL(kh_hadoop_get(&acls, "a.b"), " x y\n");
    CU_ASSERT_STRING_EQUAL(kh_hadoop_get(&acls, "c"), "2 & A");
    CU_ASSERT_STRING_EQUAL(kh_hadoop_get(&acls, "empty"), "");
    CU_ASSERT_STRING_EQUAL(kh_hadoop_get(&acls, "d"), "<x>");
    CU_ASSERT_PTR_NULL(kh_hadoop_get(&acls, "no-value"));
}

static void entities_and_other_documents_are_refused(void)
{
    static const struct {
        const char *text;
        const char *word;
    } wrong[] = {
        {"<!DOCTYPE configuration [<!ENTITY x \"y\">]>\n<configuration/>",
            ":1: a DOCTYPE"},
        {"<!DOCTYPE c SYSTEM \"file:///etc/passwd\"><configuration/>", "a DOCTYPE"},
        {"<!DOCTYPE lolz [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]>"
         "<configuration><property><name>&b;</name></property></configuration>",
            "a DOCTYPE"},
        {HEAD P("a", "&undefined;") END, ":3: "},
        {"", ":1: "},
        {"no xml", ":1: "},
        {"<configuration>", "no element"},
        {"<configuration/><configuration/>", ":1: "},
        {"<html/>", "does not begin with <configuration>"},
        {HEAD "<xi:include href=\"x\"/>" END, "includes are not followed"},
        {HEAD "<include/>" END, "includes are not followed"},
        {HEAD "<property><value>x</value></property>" END, "no name"},
        {HEAD "<property><name>a<b/></name></property>" END, "an element inside"},
        {HEAD "<property><o><o><o><o><o><o><o/></o></o></o></o></o></o></property>" END,
            "too deep"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        KH_ASSERT_FAILS(parse(&acls, wrong[i].text), KH_INVALID, err, wrong[i].word);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "kms.xml:"));
    }
}

static void names_and_values_have_a_largest_size(void)
{
    size_t len = KH_HADOOP_TEXT_MAX + 200;
    char *text = malloc(len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, 'a', len);
    memcpy(text, "<configuration><property><name>", 31);
    text[len - 1] = '\0';
    KH_ASSERT_FAILS(parse(&acls, text), KH_INVALID, err, "too long");
    free(text);
}

static void lists_become_lines_of_their_sections(void)
{
    import(HEAD P("hadoop.kms.acl.CREATE", "bob,alice admins") P("hadoop.kms.acl.GET", "")
               P("hadoop.kms.acl.DELETE", " ops,dba")
                   P("hadoop.kms.blacklist.DECRYPT_EEK", "hdfs") P(
                       "keytrustee.kms.acl.PURGE", "alice") P("default.key.acl.READ", "*")
                       P("whitelist.key.acl.MANAGEMENT", "keyadmin")
                           P("key.acl.finance.DECRYPT_EEK", "alice analysts")
                               P("key.acl.a.b.ALL", "*") P("key.acl.none.READ", "") END,
        NULL);
    CU_ASSERT_EQUAL(plan.problems.count, 0);
    CU_ASSERT_EQUAL(plan.unknown.count, 0);
    CU_ASSERT_STRING_EQUAL(wanted("kms.acl", "CREATE"), "alice,bob admins");
    CU_ASSERT_STRING_EQUAL(wanted("kms.acl", "GET"), "");
    CU_ASSERT_STRING_EQUAL(wanted("kms.acl", "DELETE"), ", dba,ops");
    CU_ASSERT_STRING_EQUAL(wanted("kms.acl", "PURGE"), "alice");
    CU_ASSERT_STRING_EQUAL(wanted("kms.acl", "UNDELETE"), "(none)");
    CU_ASSERT_STRING_EQUAL(wanted("kms.blacklist", "DECRYPT_EEK"), "hdfs");
    CU_ASSERT_STRING_EQUAL(wanted("kms.key.acl.default", "READ"), "*");
    CU_ASSERT_STRING_EQUAL(wanted("kms.key.acl.whitelist", "MANAGEMENT"), "keyadmin");
    CU_ASSERT_STRING_EQUAL(wanted("kms.key.acl", "import-finance-DECRYPT_EEK"),
        "finance DECRYPT_EEK alice analysts");
    CU_ASSERT_STRING_EQUAL(wanted("kms.key.acl", "import-none-READ"), "none READ");
    /* Whatever Hadoop allows because nothing is said. */
    CU_ASSERT_STRING_EQUAL(wanted("kms.acl", "GENERATE_EEK"), "*");
    CU_ASSERT_TRUE(says(&plan.notes, "hadoop.kms.acl.GENERATE_EEK is not set"));
}

static void labels_of_wild_and_long_names_fit_and_differ(void)
{
    char label[KH_CONFIG_NAME_MAX + 1];
    char other[KH_CONFIG_NAME_MAX + 1];
    char name[256];

    memset(name, 'x', 255);
    name[255] = '\0';
    kh_kms_label(label, name, "GENERATE_EEK");
    name[254] = 'y';
    kh_kms_label(other, name, "GENERATE_EEK");
    CU_ASSERT_STRING_NOT_EQUAL(label, other);
    CU_ASSERT_TRUE(strlen(label) <= KH_CONFIG_NAME_MAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(label, "-GENERATE_EEK"));
    kh_kms_label(label, "a.b", "READ");
    kh_kms_label(other, "a b", "READ");
    CU_ASSERT_STRING_NOT_EQUAL(label, other);
    CU_ASSERT_EQUAL(strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789-_"),
        strlen(label));
}

/* What Hadoop makes of "alice, bob" is taken over, and said. */
static void values_that_mean_something_else_are_noted(void)
{
    import(HEAD P("hadoop.kms.acl.CREATE", "alice, bob") P("hadoop.kms.acl.GET",
               "\n  alice\n") P("hadoop.kms.acl.DELETE", "\n\talice,\n\tbob\n") END,
        NULL);
    CU_ASSERT_EQUAL(plan.problems.count, 0);
    CU_ASSERT_STRING_EQUAL(wanted("kms.acl", "CREATE"), "alice bob");
    CU_ASSERT_TRUE(says(&plan.notes, "hadoop.kms.acl.CREATE: a blank stands behind"));
    CU_ASSERT_STRING_EQUAL(wanted("kms.acl", "GET"), ", alice");
    CU_ASSERT_TRUE(
        says(&plan.notes, "hadoop.kms.acl.GET: the value begins with a blank"));
    CU_ASSERT_STRING_EQUAL(wanted("kms.acl", "DELETE"), "alice,bob");
    CU_ASSERT_FALSE(says(&plan.notes, "hadoop.kms.acl.DELETE"));
}

static void what_means_nothing_here_is_listed(void)
{
    import(HEAD P("hadoop.kms.acl.FROB", "*") P("default.key.acl.ALL", "*")
               P("key.acl.x", "*") P("key.acl.x.FROB", "*") P("key.acl..READ", "*")
                   P("hadoop.kms.acl.PURGE", "*") P("other", "secret") END,
        HEAD P("hadoop.kms.key.provider.uri", "jceks://file@/x") END);
    CU_ASSERT_EQUAL(plan.unknown.count, 8);
    CU_ASSERT_TRUE(says(&plan.unknown, "default.key.acl.ALL"));
    CU_ASSERT_TRUE(says(&plan.unknown, "hadoop.kms.key.provider.uri"));
    CU_ASSERT_FALSE(says(&plan.unknown, "secret"));
}

static void what_cannot_be_written_is_a_problem(void)
{
    static char many[3000];
    static char text[3400];

    for (size_t i = 0; i < 200; i++)
        (void)snprintf(many + strlen(many), sizeof many - strlen(many), "user%zu,", i);
    (void)snprintf(text, sizeof text, HEAD P("hadoop.kms.acl.GET", "%s") END, many);
    import(text, NULL);
    CU_ASSERT_TRUE(says(&plan.problems, "[kms.acl] GET would be longer"));
    import(HEAD P("hadoop.kms.acl.GET", "${admins}") P("hadoop.kms.acl.CREATE", "~")
               P("key.acl.k.READ", "a\tb") END,
        HEAD P("hadoop.kms.proxyuser.hue.hosts", "10.0.0.1/8")
            P("hadoop.kms.proxyuser.hue.users", "${x}")
                P("hadoop.kms.key.authorization.enable", "maybe")
                    P("hadoop.kms.authentication.token.validity", "1h") END);
    CU_ASSERT_TRUE(says(&plan.problems, "hadoop.kms.acl.GET has a variable"));
    CU_ASSERT_TRUE(says(&plan.problems, "hadoop.kms.acl.CREATE: there is no user"));
    CU_ASSERT_TRUE(says(&plan.problems, "key.acl.k.READ: 'a\tb' is no name"));
    CU_ASSERT_TRUE(says(&plan.problems, "hue.hosts: '10.0.0.1/8' is no network"));
    CU_ASSERT_TRUE(says(&plan.problems, "hue.users has a variable"));
    CU_ASSERT_TRUE(says(&plan.problems, "enable: neither true nor false"));
    CU_ASSERT_TRUE(says(&plan.problems, "validity: no number of seconds"));
    CU_ASSERT_EQUAL(plan.problems.count, 7);
}

static void the_site_gives_proxies_rules_and_lifetimes(void)
{
    import(HEAD END,
        HEAD P("hadoop.kms.proxyuser.hue.groups", "*") P("hadoop.kms.proxyuser.hue.hosts",
            "hue.example.com, 10.0.0.0/24") P("hadoop.kms.proxyuser.hue.users",
            "") P("hadoop.kms.authentication.kerberos.name.rules",
            "\nRULE:[2:$1@$0](nn@EXAMPLE\\.COM)s/.*/hdfs/\n  DEFAULT\n")
            P("hadoop.kms.authentication.delegation-token.renew-interval.sec", " 3600 ")
                P("hadoop.kms.authentication.delegation-token.max-lifetime."
                  "sec",
                    "604800") P("hadoop.kms.authentication.delegation-token.update-"
                                "interval.sec",
                    "86400") P("hadoop.kms.authentication.token.validity", "60")
                    P("hadoop.kms.key.authorization.enable", "false") END);
    CU_ASSERT_EQUAL(plan.problems.count, 0);
    CU_ASSERT_EQUAL(plan.unknown.count, 0);
    CU_ASSERT_STRING_EQUAL(wanted("kms.proxyuser", "import-hue-groups"), "hue groups *");
    CU_ASSERT_STRING_EQUAL(wanted("kms.proxyuser", "import-hue-hosts"),
        "hue hosts hue.example.com,10.0.0.0/24");
    CU_ASSERT_STRING_EQUAL(wanted("kms.proxyuser", "import-hue-users"), "(none)");
    CU_ASSERT_STRING_EQUAL(wanted("auth_to_local", "import-001"),
        "RULE:[2:$1@$0](nn@EXAMPLE\\.COM)s/.*/hdfs/");
    CU_ASSERT_STRING_EQUAL(wanted("auth_to_local", "import-002"), "DEFAULT");
    CU_ASSERT_STRING_EQUAL(wanted("kms", "token_renew_interval"), "3600");
    CU_ASSERT_STRING_EQUAL(wanted("kms", "token_max_lifetime"), "604800");
    CU_ASSERT_STRING_EQUAL(wanted("kms", "token_key_interval"), "86400");
    CU_ASSERT_STRING_EQUAL(wanted("auth", "cookie_validity"), "60");
    CU_ASSERT_STRING_EQUAL(wanted("kms", "key_authorization"), "no");
}

static struct kh_config *config;
static char *path;

static size_t compare(void)
{
    kh_config_free(config);
    KH_ASSERT_OK_FATAL(kh_config_load(&config, path, &err), err);
    KH_ASSERT_OK_FATAL(kh_kms_import_compare(&plan, config, &err), err);
    return plan.change_count;
}

static void write_changes(void)
{
    char kept[512];

    KH_ASSERT_OK_FATAL(
        kh_ini_edit(path, plan.changes, plan.change_count, kept, sizeof kept, &err), err);
}

static void a_second_import_changes_nothing_and_a_later_one_what_is_other(void)
{
    static const char ini[] = "[kms.acl]\nPURGE = mallory\n"
                              "[kms.key.acl]\nmine = k READ alice\n"
                              "import-old-READ = old READ alice\n"
                              "[kms.proxyuser]\nimport-x-users = x users *\n";
    static const char first[] = HEAD P("key.acl.finance.READ", "alice staff")
        P("hadoop.kms.acl.GET", "alice") END;

    path = kh_test_path(kh_test_dir(), "keytrustee.ini");
    kh_test_write(path, ini, sizeof ini - 1, 0640);
    import(first, NULL);
    CU_ASSERT_TRUE(compare() > 0);
    write_changes();
    import(first, NULL);
    CU_ASSERT_EQUAL(compare(), 0);
    kh_config_free(config);
    KH_ASSERT_OK_FATAL(kh_config_load(&config, path, &err), err);
    CU_ASSERT_PTR_NOT_NULL(strstr(kh_config_where(config, "kms.key.acl", "mine"), ":"));
    /* Another file: what is not in it any more goes; the operator's own line stays. */
    import(HEAD P("hadoop.kms.acl.GET", "bob") END, NULL);
    CU_ASSERT_EQUAL(compare(), 2);
    write_changes();
    import(HEAD P("hadoop.kms.acl.GET", "bob") END, NULL);
    CU_ASSERT_EQUAL(compare(), 0);
    CU_ASSERT_EQUAL(kh_test_shell("grep -q '^mine = k READ alice' %s", path), 0);
    CU_ASSERT_NOT_EQUAL(
        kh_test_shell("grep -q 'import-finance\\|import-old' %s", path), 0);
    CU_ASSERT_NOT_EQUAL(kh_test_shell("grep -q 'PURGE = mallory' %s", path), 0);
    /* Without kms-site.xml its part is left alone. */
    CU_ASSERT_EQUAL(kh_test_shell("grep -q 'import-x-users' %s", path), 0);
    kh_config_free(config);
    kh_kms_import_free(&plan);
    kh_hadoop_free(&acls);
    kh_hadoop_free(&site);
    free(path);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"properties are read as they stand", properties_are_read_as_they_stand},
        {"entities and other documents are refused",
            entities_and_other_documents_are_refused},
        {"names and values have a largest size", names_and_values_have_a_largest_size},
        {"lists become lines of their sections", lists_become_lines_of_their_sections},
        {"labels of wild and long names fit, and differ",
            labels_of_wild_and_long_names_fit_and_differ},
        {"values that mean something else are noted",
            values_that_mean_something_else_are_noted},
        {"what means nothing here is listed", what_means_nothing_here_is_listed},
        {"what cannot be written is a problem", what_cannot_be_written_is_a_problem},
        {"the site gives proxies, rules and lifetimes",
            the_site_gives_proxies_rules_and_lifetimes},
        {"a second import changes nothing, a later one what is other",
            a_second_import_changes_nothing_and_a_later_one_what_is_other},
    };

    return kh_test_main("ktadmin kmsimport", tests, sizeof tests / sizeof tests[0]);
}
