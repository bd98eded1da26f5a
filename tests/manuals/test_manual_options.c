/*
 * keyhsm.ini(5) and etc/keyhsm.ini, keytrustee.ini(5) and etc/keytrustee.ini, against the
 * tables that the programs read: every option of every section and plugin stands in them,
 * under its section, with its values and its default, and nothing else does.
 *
 *     test_manual_options [keyhsm|keytrustee]            the test
 *     test_manual_options keyhsm|keytrustee --manual     what the tables say, in the
 *                                                        manual's form, to paste from
 *     test_manual_options keyhsm|keytrustee --ini        the same, as in etc/
 */
#include "core/loader.h"
#include "programs/common/sections.h"
#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

enum { PLUGINS_MAX = 4, SECTIONS_MAX = 32, LINE_MAX_ = 512 };

/* One configuration file: where it is explained, and who reads it. */
static const struct book {
    const char *name;
    const char *manual;
    const char *example;
    const struct kh_section *sections;
    size_t section_count;
    const char *plugins[PLUGINS_MAX];
} books[] = {
    {"keyhsm", TEST_MANUAL_DIR "/keyhsm.ini.5", TEST_SOURCE_DIR "/etc/keyhsm.ini",
        kh_daemon_sections, KH_DAEMON_SECTION_COUNT, {"softfile", "pkcs11", "keyhsm"}},
    {"keytrustee", TEST_MANUAL_DIR "/keytrustee.ini.5",
        TEST_SOURCE_DIR "/etc/keytrustee.ini", kh_keytrusteed_sections,
        KH_KEYTRUSTEED_SECTION_COUNT, {"softfile", "keyhsm"}},
};
static const struct book *book = &books[0];

struct section {
    char name[64];
    const struct kh_option *options;
    size_t count;
};
static struct section sections[SECTIONS_MAX];
static size_t section_count;

static void add(const char *name, const struct kh_option *options, size_t count)
{
    struct section *s = &sections[section_count++];

    snprintf(s->name, sizeof s->name, "%s", name);
    s->options = options;
    s->count = count;
}

static void collect(void)
{
    struct kh_error err = {0};

    for (size_t i = 0; i < book->section_count; i++)
        add(book->sections[i].name, book->sections[i].options,
            book->sections[i].option_count);
    for (size_t i = 0; i < KH_COMMON_SECTION_COUNT; i++)
        add(kh_common_sections[i].name, kh_common_sections[i].options,
            kh_common_sections[i].option_count);
    for (size_t i = 0; i < PLUGINS_MAX && book->plugins[i]; i++) {
        const struct kh_plugin *plugin = NULL;
        char name[64];

        if (kh_loader_load(TEST_PLUGIN_DIR, book->plugins[i], &plugin, &err) != KH_OK) {
            fprintf(stderr, "%s\n", err.message);
            exit(1);
        }
        snprintf(name, sizeof name, "backend.%s", book->plugins[i]);
        add(name, plugin->options, plugin->option_count);
    }
}

/* ".It Ic NAME No = Ar TYPE", as the manual writes it. */
static void item_line(const struct kh_option *o, char out[LINE_MAX_])
{
    static const char *const types[] = {[KH_OPT_STRING] = "Ar text",
        [KH_OPT_INT] = "Ar number",
        [KH_OPT_SIZE] = "Ar size",
        [KH_OPT_SECONDS] = "Ar time",
        [KH_OPT_BOOL] = "Cm yes | no",
        [KH_OPT_PATH] = "Ar path"};
    size_t at;

    if (o->type != KH_OPT_ENUM) {
        snprintf(out, LINE_MAX_, ".It Ic %s No = %s", o->name, types[o->type]);
        return;
    }
    at = (size_t)snprintf(out, LINE_MAX_, ".It Ic %s No = Cm ", o->name);
    for (const char *p = o->values; *p && at + 4 < LINE_MAX_; p++)
        at += (size_t)snprintf(out + at, LINE_MAX_ - at, *p == '|' ? " | " : "%c", *p);
}

/* The default in words; an empty one is none. */
static const char *standard(const struct kh_option *o)
{
    return o->default_value && *o->default_value ? o->default_value : NULL;
}

static void default_line(const struct kh_option *o, char out[LINE_MAX_])
{
    if (standard(o))
        snprintf(out, LINE_MAX_, "Default: %s.", standard(o));
    else
        snprintf(out, LINE_MAX_, "%s",
            o->flags & KH_OPT_REQUIRED ? "Required." : "No default.");
}

/* "#port = 9090": a commented default. */
static void ini_line(const struct kh_option *o, char out[LINE_MAX_])
{
    snprintf(out, LINE_MAX_, "#%s =%s%s", o->name, standard(o) ? " " : "",
        standard(o) ? standard(o) : "");
}

static void print_ini(void)
{
    char line[LINE_MAX_];

    for (size_t s = 0; s < section_count; s++) {
        printf("\n[%s]\n", sections[s].name);
        for (size_t i = 0; i < sections[s].count; i++) {
            const struct kh_option *o = &sections[s].options[i];

            ini_line(o, line);
            printf("# %s%s%s\n%s\n", o->help, o->values ? ": " : "",
                o->values ? o->values : "", line);
        }
    }
}

static void print_manual(void)
{
    char line[LINE_MAX_];

    for (size_t s = 0; s < section_count; s++) {
        printf(".Ss [%s]\n.Bl -tag -width Ds\n", sections[s].name);
        for (size_t i = 0; i < sections[s].count; i++) {
            const struct kh_option *o = &sections[s].options[i];

            item_line(o, line);
            printf("%s\n%c%s.\n", line, o->help[0] >= 'a' ? o->help[0] - 32 : o->help[0],
                o->help + 1);
            default_line(o, line);
            printf("%s\n", line);
        }
        printf(".El\n");
    }
}

/* Calls FN for each line of the manual with the section and item it belongs to. */
typedef void (*line_fn)(
    const char *section, const char *item, const char *line, void *arg);

static void each_line(line_fn fn, void *arg)
{
    char section[64] = "";
    char item[LINE_MAX_] = "";
    char line[LINE_MAX_];
    FILE *manual = fopen(book->manual, "re");

    CU_ASSERT_PTR_NOT_NULL_FATAL(manual);
    while (fgets(line, sizeof line, manual)) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, ".Ss [", 5) == 0)
            snprintf(
                section, sizeof section, "%.*s", (int)strcspn(line + 5, "]"), line + 5);
        else if (strncmp(line, ".Sh ", 4) == 0)
            section[0] = '\0';
        if (strncmp(line, ".It ", 4) == 0 || strncmp(line, ".Ss ", 4) == 0 ||
            strncmp(line, ".Sh ", 4) == 0)
            snprintf(item, sizeof item, "%s", line);
        fn(section, item, line, arg);
    }
    fclose(manual);
}

struct wanted {
    const char *section;
    char item[LINE_MAX_];
    char standard[LINE_MAX_];
    unsigned items;
    unsigned defaults;
};

static void look(const char *section, const char *item, const char *line, void *arg)
{
    struct wanted *w = arg;

    if (strcmp(section, w->section) != 0 || strcmp(item, w->item) != 0)
        return;
    w->items += strcmp(line, w->item) == 0;
    w->defaults += strcmp(line, w->standard) == 0;
}

static void every_option_stands_in_the_manual_with_its_default(void)
{
    for (size_t s = 0; s < section_count; s++) {
        for (size_t i = 0; i < sections[s].count; i++) {
            struct wanted w = {.section = sections[s].name};

            item_line(&sections[s].options[i], w.item);
            default_line(&sections[s].options[i], w.standard);
            each_line(look, &w);
            if (w.items != 1 || w.defaults != 1)
                fprintf(stderr,
                    "    %s.ini(5) [%s]: '%s' is there %u times, '%s' %u times\n",
                    book->name, w.section, w.item, w.items, w.standard, w.defaults);
            CU_ASSERT_EQUAL(w.items, 1);
            CU_ASSERT_EQUAL(w.defaults, 1);
        }
    }
}

static bool known(const char *section, const char *option)
{
    for (size_t s = 0; s < section_count; s++) {
        if (strcmp(sections[s].name, section) != 0)
            continue;
        if (!option)
            return true;
        for (size_t i = 0; i < sections[s].count; i++) {
            if (strcmp(sections[s].options[i].name, option) == 0)
                return true;
        }
    }
    return false;
}

static void refuse_unknown(
    const char *section, const char *item, const char *line, void *arg)
{
    unsigned *seen = arg;
    char option[64] = "";

    (void)item;
    if (strncmp(line, ".Ss [", 5) == 0) {
        if (!known(section, NULL))
            fprintf(
                stderr, "    %s.ini(5): no program knows [%s]\n", book->name, section);
        CU_ASSERT_TRUE(known(section, NULL));
    }
    if (!*section || strncmp(line, ".It Ic ", 7) != 0)
        return;
    snprintf(option, sizeof option, "%.*s", (int)strcspn(line + 7, " "), line + 7);
    if (!known(section, option))
        fprintf(stderr, "    %s.ini(5): no program knows %s in [%s]\n", book->name,
            option, section);
    CU_ASSERT_TRUE(known(section, option));
    (*seen)++;
}

static void nothing_stands_in_the_manual_that_no_program_knows(void)
{
    unsigned seen = 0;

    each_line(refuse_unknown, &seen);
    CU_ASSERT(seen > 0);
}

/* How often LINE stands under [SECTION] of the example, and, for LINE NULL, how many
 * settings do. */
static unsigned count_in_example(const char *section, const char *wanted)
{
    char here[64] = "";
    char line[LINE_MAX_];
    unsigned count = 0;
    FILE *example = fopen(book->example, "re");

    CU_ASSERT_PTR_NOT_NULL_FATAL(example);
    while (fgets(line, sizeof line, example)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '[')
            snprintf(here, sizeof here, "%.*s", (int)strcspn(line + 1, "]"), line + 1);
        if (strcmp(here, section) != 0)
            continue;
        count += wanted ? strcmp(line, wanted) == 0
                        : line[0] == '#' && line[1] != ' ' && line[1];
    }
    fclose(example);
    return count;
}

static void the_example_shows_every_default_and_nothing_else(void)
{
    char line[LINE_MAX_];

    for (size_t s = 0; s < section_count; s++) {
        for (size_t i = 0; i < sections[s].count; i++) {
            ini_line(&sections[s].options[i], line);
            if (count_in_example(sections[s].name, line) != 1)
                fprintf(stderr, "    %s [%s]: '%s' is missing\n", book->example,
                    sections[s].name, line);
            CU_ASSERT_EQUAL(count_in_example(sections[s].name, line), 1);
        }
        CU_ASSERT_EQUAL(count_in_example(sections[s].name, NULL), sections[s].count);
    }
}

static const struct kh_test tests[] = {
    {"every_option_stands_in_the_manual_with_its_default",
        every_option_stands_in_the_manual_with_its_default},
    {"nothing_stands_in_the_manual_that_no_program_knows",
        nothing_stands_in_the_manual_that_no_program_knows},
    {"the_example_shows_every_default_and_nothing_else",
        the_example_shows_every_default_and_nothing_else},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof books / sizeof books[0]; i++) {
        if (strcmp(argv[1], books[i].name) == 0)
            book = &books[i];
    }
    collect();
    if (argc == 3 && strcmp(argv[2], "--manual") == 0)
        print_manual();
    else if (argc == 3 && strcmp(argv[2], "--ini") == 0)
        print_ini();
    if (argc > 2)
        return 0;
    return kh_test_main("manual_options", tests, sizeof tests / sizeof tests[0]);
}
