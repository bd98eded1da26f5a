#include "core/config.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kh_error err;
static const char *dir;
static char *path;

static const struct kh_option server[] = {
    {"listen", KH_OPT_STRING, "*", 0, NULL, "address"},
    {"port", KH_OPT_INT, "9090", 0, NULL, "port"},
    {"max_body", KH_OPT_SIZE, "2M", 0, NULL, "size"},
    {"idle", KH_OPT_SECONDS, "1m", 0, NULL, "time"},
    {"fast", KH_OPT_BOOL, "yes", 0, NULL, "switch"},
    {"unset", KH_OPT_STRING, NULL, 0, NULL, "nothing"},
};

static const struct kh_option token[] = {
    {"module", KH_OPT_PATH, NULL, KH_OPT_REQUIRED, NULL, "the PKCS#11 module"},
    {"pin", KH_OPT_STRING, NULL, KH_OPT_SECRET, NULL, "source of the PIN"},
    {"scope", KH_OPT_ENUM, "deposit", 0, "deposit|epoch", "scope"},
};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static void file(const void *text, size_t len)
{
    if (!dir) {
        dir = kh_test_dir();
        path = kh_test_path(dir, "keyhsm.ini");
    }
    kh_test_write(path, text, len, 0644);
}

/* Loads TEXT and claims [server] and [backend.token] (with ENFORCE), as a program does.
 */
static kh_status load_as(
    struct kh_config **config, const char *text, size_t len, bool enforce)
{
    kh_status st;

    file(text, len);
    st = kh_config_load(config, path, &err);
    if (st == KH_OK)
        st = kh_config_claim(*config, "server", server, COUNT(server), true, &err);
    if (st == KH_OK)
        st =
            kh_config_claim(*config, "backend.token", token, COUNT(token), enforce, &err);
    if (st == KH_OK)
        st = kh_config_finish(*config, &err);
    return st;
}

/* TEXT must be refused at LINE (0: the file as a whole) with WORD in the message. */
static void refused(const char *text, size_t len, unsigned line, const char *word)
{
    struct kh_config *config = NULL;
    char where[4096];

    err = (struct kh_error){0};
    KH_ASSERT_FAILS(load_as(&config, text, len, true), KH_INVALID, err, word);
    (void)snprintf(where, sizeof where, line ? "%s:%u: " : "%s: ", path, line);
    if (strncmp(err.message, where, strlen(where)) != 0)
        fprintf(stderr, "    wanted \"%s\" in front, got: %s\n", where, err.message);
    CU_ASSERT_EQUAL(strncmp(err.message, where, strlen(where)), 0);
    CU_ASSERT_PTR_NULL(strchr(err.message, '\n'));
    CU_ASSERT_EQUAL(err.status, KH_INVALID);
    kh_config_free(config);
}

#define REFUSED(text, line, word) refused(text, sizeof(text) - 1, line, word)

static struct kh_config *accepted(const char *text)
{
    struct kh_config *config = NULL;

    KH_ASSERT_OK_FATAL(load_as(&config, text, strlen(text), false), err);
    return config;
}

static void values_are_read_and_defaults_stand_in(void)
{
    struct kh_config *c = accepted("# comment\n"
                                   "; comment\n\n"
                                   "[server]\n"
                                   "port = 11371\n"
                                   "listen=127.0.0.1\r\n"
                                   "fast: off\n"
                                   "[backend.token]\n"
                                   "  module = /usr/lib/softhsm/libsofthsm2.so\n"
                                   "pin = credential:pin");

    CU_ASSERT_EQUAL(kh_config_int(c, "server", "port"), 11371);
    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "server", "listen"), "127.0.0.1");
    CU_ASSERT_FALSE(kh_config_bool(c, "server", "fast"));
    CU_ASSERT_EQUAL(kh_config_int(c, "server", "max_body"), 2097152);
    CU_ASSERT_EQUAL(kh_config_int(c, "server", "idle"), 60);
    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "backend.token", "module"),
        "/usr/lib/softhsm/libsofthsm2.so");
    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "backend.token", "scope"), "deposit");
    kh_config_free(c);
}

static void what_is_unset_or_unclaimed_gives_nothing(void)
{
    struct kh_config *c = accepted("");

    CU_ASSERT_PTR_NULL(kh_config_string(c, "server", "unset"));
    CU_ASSERT_PTR_NULL(kh_config_string(c, "server", "unknown"));
    CU_ASSERT_PTR_NULL(kh_config_string(c, "log", "level"));
    CU_ASSERT_EQUAL(kh_config_int(c, "server", "unset"), 0);
    CU_ASSERT_EQUAL(kh_config_int(c, "log", "level"), 0);
    CU_ASSERT_FALSE(kh_config_bool(c, "server", "unset"));
    CU_ASSERT_TRUE(kh_config_bool(c, "server", "fast"));
    kh_config_free(c);
}

static void an_empty_value_is_a_value(void)
{
    struct kh_config *c = accepted("[server]\nlisten =\n");

    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "server", "listen"), "");
    kh_config_free(c);
}

static void no_file_is_an_empty_configuration(void)
{
    struct kh_config *c;

    KH_ASSERT_OK_FATAL(kh_config_load(&c, NULL, &err), err);
    KH_ASSERT_OK(kh_config_claim(c, "server", server, COUNT(server), true, &err), err);
    CU_ASSERT_EQUAL(kh_config_int(c, "server", "port"), 9090);
    KH_ASSERT_FAILS(kh_config_claim(c, "backend.token", token, COUNT(token), true, &err),
        KH_INVALID, err, "no configuration file: there is no [backend.token]");
    kh_config_free(c);
}

static void a_long_value_is_read_whole(void)
{
    char text[1200] = "[server]\nlisten = ";
    struct kh_config *c;

    memset(text + strlen(text), 'a', 1024);
    c = accepted(text);
    CU_ASSERT_EQUAL(strlen(kh_config_string(c, "server", "listen")), 1024);
    kh_config_free(c);
}

static void a_semicolon_after_a_blank_begins_a_comment(void)
{
    struct kh_config *c =
        accepted("[server] ; the daemon\nport = 1 ; one\nlisten = a;b\n");

    CU_ASSERT_EQUAL(kh_config_int(c, "server", "port"), 1);
    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "server", "listen"), "a;b");
    kh_config_free(c);
}

static void an_indented_line_is_an_option_of_its_own(void)
{
    struct kh_config *c = accepted("[server]\nlisten = a\n    port = 7\n\t; comment\n");

    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "server", "listen"), "a");
    CU_ASSERT_EQUAL(kh_config_int(c, "server", "port"), 7);
    kh_config_free(c);
}

static void a_value_does_not_go_on_in_the_next_line(void)
{
    REFUSED("[server]\nlisten = a,\n    b\n", 3, "neither [section] nor option = value");
}

static void a_byte_order_mark_is_skipped(void)
{
    struct kh_config *c = accepted("\xEF\xBB\xBF[server]\nport = 5\n");

    CU_ASSERT_EQUAL(kh_config_int(c, "server", "port"), 5);
    kh_config_free(c);
}

static void a_section_may_be_taken_up_again(void)
{
    struct kh_config *c =
        accepted("[server]\nport = 1\n[backend.token]\n[server]\nlisten = x\n");

    CU_ASSERT_EQUAL(kh_config_int(c, "server", "port"), 1);
    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "server", "listen"), "x");
    kh_config_free(c);
}

static void an_unknown_section_is_refused_even_when_it_is_empty(void)
{
    REFUSED("[backend.token]\nmodule=/m\n[sever]\n", 3, "did you mean [server]?");
    REFUSED("[backend.token]\nmodule=/m\n[sever]\nport = 1\n", 3, "no section [sever]");
    REFUSED("[backend.token]\nmodule=/m\n\n\n[quite-other]\n", 5,
        "no section [quite-other] in this program's configuration");
    REFUSED("[backend.token]\nmodule=/m\n[Server]\n", 3, "did you mean [server]?");
}

static void an_unknown_option_is_refused_with_the_nearest(void)
{
    REFUSED("[server]\n\nprot = 1\n", 3,
        "[server] has no option 'prot'; did you mean 'port'?");
    REFUSED(
        "[server]\nzzzzzz = 1\n", 2, "it has: listen, port, max_body, idle, fast, unset");
}

static void a_wrong_type_says_what_is_right(void)
{
    REFUSED("[server]\nport = many\n", 2,
        "port: 'many' is not a number; give decimal digits");
    REFUSED("[server]\nmax_body = 1X\n", 2, "max_body: '1X' is not a size");
    REFUSED("[server]\nidle = soon\n", 2, "idle: 'soon' is not a duration");
    REFUSED("[server]\nfast = perhaps\n", 2, "fast: 'perhaps' is neither yes nor no");
    REFUSED("[backend.token]\nmodule = lib.so\n", 2,
        "module: 'lib.so' is not an absolute path");
    REFUSED("[backend.token]\nmodule = /m\nscope = all\n", 3,
        "scope: 'all' is not one of deposit|epoch");
    REFUSED("[server]\nport =\n", 2, "port: '' is not a number");
}

static void a_pin_in_the_file_is_refused_and_not_repeated(void)
{
    REFUSED("[backend.token]\nmodule = /m\npin = 987654\n", 3,
        "pin: not a source of a secret");
    CU_ASSERT_PTR_NULL(strstr(err.message, "987654"));
}

static void a_missing_required_option_names_the_section_s_line(void)
{
    struct kh_config *c;

    REFUSED("[server]\n\n[backend.token]\nscope = epoch\n", 3,
        "[backend.token] lacks the required option 'module' (the PKCS#11 module)");
    REFUSED(
        "[server]\n", 0, "there is no [backend.token] with the required option 'module'");
    /* A section nobody will use may be incomplete. */
    c = accepted("[backend.token]\nscope = epoch\n");
    CU_ASSERT_PTR_NULL(kh_config_string(c, "backend.token", "module"));
    kh_config_free(c);
}

static void an_option_outside_of_a_section_is_refused(void)
{
    REFUSED("port = 1\n[server]\n", 1, "outside of any [section]");
}

static void an_option_given_twice_is_refused(void)
{
    REFUSED("[server]\nport = 1\nlisten = x\nport = 2\n", 4,
        "'port' stands twice in [server]");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, "keyhsm.ini:2"));
    REFUSED("[server]\nport = 1\n[backend.token]\nmodule=/m\n[server]\nport = 1\n", 6,
        "twice");
}

static void lines_that_are_nothing_are_refused(void)
{
    REFUSED("[server]\nport\n", 2, "neither [section] nor option = value");
    REFUSED("[server\nport = 1\n", 1, "neither [section] nor option = value");
    REFUSED("[server]\n= 5\n", 2, "nothing before the '='");
    REFUSED("[]\n", 1, "1 to 48 bytes");
    REFUSED("[server] port = 1\n", 1, "text after the section's ']'");
}

static void names_that_the_parser_would_cut_are_refused(void)
{
    REFUSED(
        "[server]\naaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff = 1\n", 2,
        "longer than 48");
    REFUSED("[aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff]\n", 1,
        "48 bytes");
}

static void nul_and_control_characters_are_refused(void)
{
    REFUSED("[server]\nport = 1\0 2\n", 2, "NUL");
    REFUSED("[server]\n\033[2J = 1\n", 2, "control character");
    REFUSED("[server]\r\nlisten = a\rb\n", 2, "control character");
    REFUSED("[server]\nlisten = \xc3\n", 2, "not UTF-8");
}

static void a_line_of_a_mebibyte_is_refused(void)
{
    size_t len = 1024 * 1024;
    char *text = malloc(len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, 'a', len);
    memcpy(text, "[server]\nlisten = ", 18);
    refused(text, len, 2, "longer than 4096 bytes");
    free(text);
}

static void a_line_of_4096_bytes_is_read_and_one_more_is_not(void)
{
    char text[5000] = "[backend.token]\nmodule=/m\n[server]\n";
    size_t start = strlen(text);
    struct kh_config *c;

    memset(text + start, ' ', 4096);
    memcpy(text + start, "port=3", 6);
    c = accepted(text);
    CU_ASSERT_EQUAL(kh_config_int(c, "server", "port"), 3);
    kh_config_free(c);
    text[start + 4096] = ' ';
    refused(text, strlen(text), 4, "longer than 4096");
}

static void a_file_over_a_mebibyte_is_refused(void)
{
    size_t len = 1024 * 1024 + 1;
    char *text = malloc(len);

    CU_ASSERT_PTR_NOT_NULL_FATAL(text);
    memset(text, '\n', len);
    refused(text, len, 0, "larger than 1048576 bytes");
    free(text);
}

static void a_missing_file_is_refused(void)
{
    struct kh_config *c = NULL;
    char *gone = kh_test_path(kh_test_dir(), "gone.ini");

    KH_ASSERT_FAILS(kh_config_load(&c, gone, &err), KH_INVALID, err, "No such file");
    CU_ASSERT_PTR_NOT_NULL(strstr(err.message, gone));
    CU_ASSERT_PTR_NULL(c);
    free(gone);
}

static void an_unreadable_file_is_refused(void)
{
    struct kh_config *c = NULL;
    uid_t me = geteuid();

    file("", 0);
    CU_ASSERT_EQUAL_FATAL(chmod(dir, 0755), 0);
    CU_ASSERT_EQUAL_FATAL(chmod(path, 0), 0);
    if (me == 0) /* nothing is unreadable for root */
        CU_ASSERT_EQUAL_FATAL(seteuid(65534), 0);
    KH_ASSERT_FAILS(kh_config_load(&c, path, &err), KH_INVALID, err, "Permission denied");
    CU_ASSERT_EQUAL_FATAL(seteuid(me), 0);
    CU_ASSERT_EQUAL_FATAL(chmod(path, 0644), 0);
}

static void a_directory_and_a_fifo_are_refused(void)
{
    struct kh_config *c = NULL;
    char *fifo = kh_test_path(kh_test_dir(), "fifo");

    KH_ASSERT_FAILS(
        kh_config_load(&c, kh_test_dir(), &err), KH_INVALID, err, "a directory");
    CU_ASSERT_EQUAL_FATAL(mkfifo(fifo, 0600), 0);
    KH_ASSERT_FAILS(
        kh_config_load(&c, fifo, &err), KH_INVALID, err, "not a regular file");
    free(fifo);
}

static void set_overrides_the_file_and_adds_sections(void)
{
    struct kh_config *c;

    file("[server]\nport = 1\n", 18);
    KH_ASSERT_OK_FATAL(kh_config_load(&c, path, &err), err);
    KH_ASSERT_OK(kh_config_override(c, "server.port=2", &err), err);
    KH_ASSERT_OK(kh_config_override(c, "server.port=3", &err), err);
    KH_ASSERT_OK(kh_config_override(c, "backend.token.module=/a.b=c", &err), err);
    KH_ASSERT_OK(kh_config_claim(c, "server", server, COUNT(server), true, &err), err);
    KH_ASSERT_OK(
        kh_config_claim(c, "backend.token", token, COUNT(token), true, &err), err);
    KH_ASSERT_OK(kh_config_finish(c, &err), err);
    CU_ASSERT_EQUAL(kh_config_int(c, "server", "port"), 3);
    CU_ASSERT_STRING_EQUAL(kh_config_string(c, "backend.token", "module"), "/a.b=c");
    CU_ASSERT_STRING_EQUAL(kh_config_where(c, "server", "port"), "--set server.port");
    kh_config_free(c);
}

static void a_malformed_set_is_refused_without_its_value(void)
{
    static const char *const wrong[] = {
        "", "a", "a=sesame", "a.b", ".b=sesame", "a.=sesame", "=a.b"};
    struct kh_config *c;

    KH_ASSERT_OK_FATAL(kh_config_load(&c, NULL, &err), err);
    for (size_t i = 0; i < COUNT(wrong); i++) {
        KH_ASSERT_FAILS(
            kh_config_override(c, wrong[i], &err), KH_INVALID, err, "SECTION.KEY=VALUE");
        CU_ASSERT_PTR_NULL(strstr(err.message, "sesame"));
    }
    kh_config_free(c);
}

static void a_wrong_set_is_refused_as_the_file_would_be(void)
{
    struct kh_config *c;

    KH_ASSERT_OK_FATAL(kh_config_load(&c, NULL, &err), err);
    KH_ASSERT_OK(kh_config_override(c, "server.prot=2", &err), err);
    KH_ASSERT_FAILS(kh_config_claim(c, "server", server, COUNT(server), true, &err),
        KH_INVALID, err,
        "--set server.prot: [server] has no option 'prot'; did you mean 'port'?");
    kh_config_free(c);
    KH_ASSERT_OK_FATAL(kh_config_load(&c, NULL, &err), err);
    KH_ASSERT_OK(kh_config_override(c, "nowhere.port=2", &err), err);
    KH_ASSERT_FAILS(
        kh_config_finish(c, &err), KH_INVALID, err, "--set nowhere.port: there is no");
    kh_config_free(c);
}

static void where_names_line_section_and_file(void)
{
    struct kh_config *c = accepted("\n[server]\nport = 1\n");
    char want[4096];

    (void)snprintf(want, sizeof want, "%s:3", path);
    CU_ASSERT_STRING_EQUAL(kh_config_where(c, "server", "port"), want);
    (void)snprintf(want, sizeof want, "%s:2", path);
    CU_ASSERT_STRING_EQUAL(kh_config_where(c, "server", NULL), want);
    CU_ASSERT_STRING_EQUAL(kh_config_where(c, "server", "listen"), path);
    CU_ASSERT_STRING_EQUAL(kh_config_where(c, "backend.token", NULL), path);
    kh_config_free(c);
}

struct told {
    char text[4096];
    const char *stop; /* at this option */
};

static kh_status tell(void *arg, const struct kh_config_value *v, struct kh_error *e)
{
    struct told *told = arg;
    size_t len = strlen(told->text);

    if (told->stop && strcmp(v->option->name, told->stop) == 0)
        return kh_fail(e, KH_BUSY, "stopped");
    (void)snprintf(told->text + len, sizeof told->text - len, "%s.%s=%s@%s ", v->section,
        v->option->name, v->value ? v->value : "-", v->where ? v->where : "default");
    return KH_OK;
}

static void every_value_in_effect_says_where_it_is_from(void)
{
    static const struct kh_option two[] = {{"port", KH_OPT_INT, "9090", 0, NULL, "a"},
        {"name", KH_OPT_STRING, NULL, 0, NULL, "b"}};
    struct told told = {.text = ""};
    char want[4096];
    struct kh_config *c;

    file("[b]\nname = x\n[a]\n", 17);
    KH_ASSERT_OK_FATAL(kh_config_load(&c, path, &err), err);
    KH_ASSERT_OK(kh_config_override(c, "a.port=1", &err), err);
    KH_ASSERT_OK(kh_config_values(c, tell, &told, &err), err);
    CU_ASSERT_STRING_EQUAL(told.text, ""); /* nobody claimed */
    KH_ASSERT_OK(kh_config_claim(c, "a", two, 2, true, &err), err);
    KH_ASSERT_OK(kh_config_claim(c, "b", two, 2, true, &err), err);
    KH_ASSERT_OK(kh_config_values(c, tell, &told, &err), err);
    (void)snprintf(want, sizeof want,
        "b.port=9090@default b.name=x@%s:2 a.port=1@--set a.port a.name=-@default ",
        path);
    CU_ASSERT_STRING_EQUAL(told.text, want);
    told = (struct told){.stop = "name"};
    KH_ASSERT_FAILS(kh_config_values(c, tell, &told, &err), KH_BUSY, err, "stopped");
    CU_ASSERT_STRING_EQUAL(told.text, "b.port=9090@default ");
    kh_config_free(c);
}

struct seen {
    struct kh_config *config;
    char names[256];
};

static kh_status see(void *arg, const char *section, struct kh_error *e)
{
    struct seen *s = arg;

    strcat(s->names, section);
    strcat(s->names, " ");
    if (strcmp(section, "stop") == 0)
        return kh_fail(e, KH_BUSY, "stopped");
    /* Claiming from inside moves the table of sections. */
    return kh_config_claim(s->config, section, NULL, 0, false, e);
}

static void sections_come_in_the_order_of_the_file(void)
{
    struct seen s = {0};

    file("[b]\n[a]\n[b]\n[stop]\n[z]\n", 23);
    KH_ASSERT_OK_FATAL(kh_config_load(&s.config, path, &err), err);
    KH_ASSERT_OK(kh_config_claim(s.config, "claimed", NULL, 0, false, &err), err);
    KH_ASSERT_FAILS(kh_config_sections(s.config, see, &s, &err), KH_BUSY, err, "stopped");
    CU_ASSERT_STRING_EQUAL(s.names, "b a stop ");
    KH_ASSERT_FAILS(kh_config_finish(s.config, &err), KH_INVALID, err,
        ":4: there is no section [stop]");
    kh_config_free(s.config);
}

int main(void)
{
    static const struct kh_test tests[] = {
        {"values_are_read_and_defaults_stand_in", values_are_read_and_defaults_stand_in},
        {"what_is_unset_or_unclaimed_gives_nothing",
            what_is_unset_or_unclaimed_gives_nothing},
        {"an_empty_value_is_a_value", an_empty_value_is_a_value},
        {"no_file_is_an_empty_configuration", no_file_is_an_empty_configuration},
        {"a_long_value_is_read_whole", a_long_value_is_read_whole},
        {"a_semicolon_after_a_blank_begins_a_comment",
            a_semicolon_after_a_blank_begins_a_comment},
        {"an_indented_line_is_an_option_of_its_own",
            an_indented_line_is_an_option_of_its_own},
        {"a_value_does_not_go_on_in_the_next_line",
            a_value_does_not_go_on_in_the_next_line},
        {"a_byte_order_mark_is_skipped", a_byte_order_mark_is_skipped},
        {"a_section_may_be_taken_up_again", a_section_may_be_taken_up_again},
        {"an_unknown_section_is_refused_even_when_it_is_empty",
            an_unknown_section_is_refused_even_when_it_is_empty},
        {"an_unknown_option_is_refused_with_the_nearest",
            an_unknown_option_is_refused_with_the_nearest},
        {"a_wrong_type_says_what_is_right", a_wrong_type_says_what_is_right},
        {"a_pin_in_the_file_is_refused_and_not_repeated",
            a_pin_in_the_file_is_refused_and_not_repeated},
        {"a_missing_required_option_names_the_section_s_line",
            a_missing_required_option_names_the_section_s_line},
        {"an_option_outside_of_a_section_is_refused",
            an_option_outside_of_a_section_is_refused},
        {"an_option_given_twice_is_refused", an_option_given_twice_is_refused},
        {"lines_that_are_nothing_are_refused", lines_that_are_nothing_are_refused},
        {"names_that_the_parser_would_cut_are_refused",
            names_that_the_parser_would_cut_are_refused},
        {"nul_and_control_characters_are_refused",
            nul_and_control_characters_are_refused},
        {"a_line_of_a_mebibyte_is_refused", a_line_of_a_mebibyte_is_refused},
        {"a_line_of_4096_bytes_is_read_and_one_more_is_not",
            a_line_of_4096_bytes_is_read_and_one_more_is_not},
        {"a_file_over_a_mebibyte_is_refused", a_file_over_a_mebibyte_is_refused},
        {"a_missing_file_is_refused", a_missing_file_is_refused},
        {"an_unreadable_file_is_refused", an_unreadable_file_is_refused},
        {"a_directory_and_a_fifo_are_refused", a_directory_and_a_fifo_are_refused},
        {"set_overrides_the_file_and_adds_sections",
            set_overrides_the_file_and_adds_sections},
        {"a_malformed_set_is_refused_without_its_value",
            a_malformed_set_is_refused_without_its_value},
        {"a_wrong_set_is_refused_as_the_file_would_be",
            a_wrong_set_is_refused_as_the_file_would_be},
        {"where_names_line_section_and_file", where_names_line_section_and_file},
        {"every_value_in_effect_says_where_it_is_from",
            every_value_in_effect_says_where_it_is_from},
        {"sections_come_in_the_order_of_the_file",
            sections_come_in_the_order_of_the_file},
    };
    int rc = kh_test_main("core/config", tests, sizeof tests / sizeof tests[0]);

    free(path);
    return rc;
}
