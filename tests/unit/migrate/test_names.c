/* Renaming: the map, its proposals, and what a migration does with them. */
#include "tests/unit/migrate/lab.h"

#include "core/deposit.h"
#include "core/migrate/namemap.h"
#include "core/name.h"

#include <stdlib.h>
#include <string.h>

static struct kh_error err;

static char *write_map(const char *text)
{
    char *path = kh_test_path(kh_test_dir(), "map");

    kh_test_write(path, text, strlen(text), 0600);
    return path;
}

static kh_status load(struct kh_name_map **map, const char *text)
{
    char *path = write_map(text);
    kh_status st = kh_name_map_load(map, path, &err);

    free(path);
    return st;
}

static void a_map_is_looked_up_both_ways(void)
{
    struct kh_name_map *map = NULL;

    KH_ASSERT_OK_FATAL(
        load(&map, "# comment\n\nold%20one\tnew-one\nb\tc\r\nc\tb\nsame\tsame\nlast\tz"),
        err);
    CU_ASSERT_EQUAL(kh_name_map_count(map), 4);
    CU_ASSERT_STRING_EQUAL(kh_name_map_to(map, "old one"), "new-one");
    CU_ASSERT_STRING_EQUAL(kh_name_map_to(map, "untouched"), "untouched");
    CU_ASSERT_STRING_EQUAL(kh_name_map_to(map, "b"), "c");
    CU_ASSERT_STRING_EQUAL(kh_name_map_from(map, "b"), "c");
    CU_ASSERT_STRING_EQUAL(kh_name_map_from(map, "z"), "last");
    CU_ASSERT_STRING_EQUAL(kh_name_map_from(map, "untouched"), "untouched");
    CU_ASSERT_PTR_NULL(kh_name_map_from(map, "last"));
    CU_ASSERT_PTR_NULL(kh_name_map_from(map, "old one"));
    kh_name_map_free(map);
    CU_ASSERT_STRING_EQUAL(kh_name_map_to(NULL, "x"), "x");
    CU_ASSERT_STRING_EQUAL(kh_name_map_from(NULL, "x"), "x");
}

static void malformed_maps_are_refused_with_file_and_line(void)
{
    static const struct {
        const char *text;
        const char *word;
    } cases[] = {
        {"a\tb\nno tab here\n", ":2: not a renaming"},
        {"a\tb\tc\n", ":1: not a renaming"},
        {"%zz\tb\n", ":1: the old name"},
        {"%4\tb\n", ":1: the old name"},
        {"%00\tb\n", ":1: the old name"},
        {"\tb\n", ":1: the old name"},
        {"a\t\n", ":1: the new name"},
        {"a\tb\na\tc\n", "'a' stands twice"},
        {"a\tb\n%61\tc\n", "'a' stands twice"},
    };
    struct kh_name_map *map = NULL;
    char *line = malloc(3000);

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        KH_ASSERT_FAILS(load(&map, cases[i].text), KH_INVALID, err, cases[i].word);
        CU_ASSERT_PTR_NULL(map);
    }
    memset(line, 'x', 2999);
    line[2999] = '\0';
    KH_ASSERT_FAILS(load(&map, line), KH_INVALID, err, ":1: line longer");
    line[300] = '\0';
    memcpy(line, "a\t", 2);
    KH_ASSERT_FAILS(load(&map, line), KH_INVALID, err, ":1: the new name");
    free(line);
    KH_ASSERT_FAILS(
        kh_name_map_load(&map, "/nowhere/map", &err), KH_INVALID, err, "/nowhere/map");
}

static void the_digest_tells_maps_apart_and_ignores_their_order(void)
{
    struct kh_name_map *a = NULL;
    struct kh_name_map *b = NULL;
    struct kh_name_map *c = NULL;
    char x[65];
    char y[65];

    KH_ASSERT_OK(load(&a, "a\tb\nc\td\n"), err);
    KH_ASSERT_OK(load(&b, "# other text\nc\td\na\tb\n"), err);
    KH_ASSERT_OK(load(&c, "a\td\nc\tb\n"), err);
    KH_ASSERT_OK(kh_name_map_digest(a, x, &err), err);
    KH_ASSERT_OK(kh_name_map_digest(b, y, &err), err);
    CU_ASSERT_STRING_EQUAL(x, y);
    KH_ASSERT_OK(kh_name_map_digest(c, y, &err), err);
    CU_ASSERT_STRING_NOT_EQUAL(x, y);
    KH_ASSERT_OK(kh_name_map_digest(NULL, y, &err), err);
    CU_ASSERT_STRING_EQUAL(y, "none");
    kh_name_map_free(a);
    kh_name_map_free(b);
    kh_name_map_free(c);
}

static void fill_wild(struct lab *lab)
{
    lab_put(lab, LAB_SOURCE, "a b", 0, "space");
    lab_put(lab, LAB_SOURCE, "a/b", 0, "slash");
    lab_put(lab, LAB_SOURCE, "a/b", 1, "slash, rolled");
    lab_put(lab, LAB_SOURCE, "\xff\x01", 0, "no text at all");
    lab_put(lab, LAB_SOURCE, "tame", 0, "fine");
}

static void check_renamed(
    struct lab *lab, const char *old, uint32_t version, const char *data)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d = {0};
    struct kh_name_map *map = NULL;
    char escaped[KH_NAME_ESCAPED_MAX];

    KH_ASSERT_OK_FATAL(
        kh_name_map_load(&map, lab->options.name_map, &lab->err), lab->err);
    KH_ASSERT_OK(kh_backend_get(
                     lab->vault, kh_name_map_to(map, old), version, false, &d, &lab->err),
        lab->err);
    CU_ASSERT_EQUAL_FATAL(d.data.len, strlen(data));
    CU_ASSERT_EQUAL(memcmp(d.data.data, data, d.data.len), 0);
    CU_ASSERT_STRING_EQUAL(kh_attrs_get(&d.attrs, "legacy-name"),
        kh_name_escape(old, escaped, sizeof escaped));
    kh_name_map_free(map);
}

static void proposals_make_a_map_that_a_migration_takes(void)
{
    struct lab lab;
    char *map;

    lab_make(&lab);
    map = kh_test_path(lab.root, "names.map");
    fill_wild(&lab);
    lab.options.suggest_names = map;
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_EQUAL(lab_findings(&lab), 3);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "suggestions", NULL));
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_VAULT), 0);
    CU_ASSERT_EQUAL(
        kh_test_shell(
            "[ $(grep -vc '^#' '%s') = 3 ] && [ -z \"$(find '%s' -perm /077)\" ]", map,
            map),
        0);
    lab.options.suggest_names = NULL;
    lab.options.name_map = map;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_EQUAL(lab.result.renamed, 3);
    CU_ASSERT_EQUAL(
        kh_test_shell("grep -q '\"old\":\"a%%2Fb\"' '%s'", lab.result.report), 0);
    lab_open(&lab);
    check_renamed(&lab, "a b", 0, "space");
    check_renamed(&lab, "a/b", 0, "slash");
    check_renamed(&lab, "a/b", 1, "slash, rolled");
    check_renamed(&lab, "\xff\x01", 0, "no text at all");
    lab_close(&lab);
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_VAULT), 5);
    free(map);
    lab_free(&lab);
}

static void proposals_avoid_every_name_in_use_and_existing_files(void)
{
    char proposal[KH_NAME_MAX + 1];
    struct lab lab;
    char *map;

    lab_make(&lab);
    map = kh_test_path(lab.root, "names.map");
    kh_name_suggest("a b", 0, proposal);
    lab_put(&lab, LAB_SOURCE, "a b", 0, "x");
    lab_put(&lab, LAB_SOURCE, proposal, 0, "in the way");
    kh_name_suggest("a b", 1, proposal);
    lab_put(&lab, LAB_VAULT, proposal, 0, "in the way too");
    lab.options.suggest_names = map;
    CU_ASSERT_EQUAL(lab_plan(&lab), KH_REFUSED);
    lab.options.name_map = map;
    lab.options.suggest_names = NULL;
    KH_ASSERT_OK(lab_plan(&lab), lab.err);
    lab.options.suggest_names = map;
    lab.options.name_map = NULL;
    KH_ASSERT_FAILS(lab_plan(&lab), KH_EXISTS, lab.err, map);
    free(map);
    lab_free(&lab);
}

static void collide(const char *text, const char *name)
{
    struct lab lab;
    char *map = write_map(text);

    lab_make(&lab);
    fill_wild(&lab);
    lab.options.name_map = map;
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_EQUAL(lab.result.outcome, KH_MIGRATION_FINDINGS);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "collision", name));
    CU_ASSERT_EQUAL(lab_count(&lab, LAB_VAULT), 0);
    free(map);
    lab_free(&lab);
}

static void new_names_that_collide_are_findings(void)
{
    collide("a b\tsame\na/b\tsame\n%FF%01\tother\n", "a%2Fb");
    collide("a b\ttame\na/b\tx\n%FF%01\ty\n", "a%20b");
}

static void two_deposits_may_swap_their_names(void)
{
    struct lab lab;
    char *map = write_map("one\ttwo\ntwo\tone\nnot-there\tx\n");

    lab_make(&lab);
    lab_put(&lab, LAB_SOURCE, "one", 0, "was one");
    lab_put(&lab, LAB_SOURCE, "two", 0, "was two");
    lab.options.name_map = map;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "unused-renaming", "not-there"));
    lab_open(&lab);
    check_renamed(&lab, "one", 0, "was one");
    check_renamed(&lab, "two", 0, "was two");
    lab_close(&lab);
    free(map);
    lab_free(&lab);
}

static void a_new_name_that_breaks_the_rule_is_a_finding(void)
{
    struct lab lab;
    char *map = write_map("tame\t.hidden\n");

    lab_make(&lab);
    lab_put(&lab, LAB_SOURCE, "tame", 0, "x");
    lab.options.name_map = map;
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL_FATAL(lab_find(&lab, "bad-name", "tame"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(lab_find(&lab, "bad-name", "tame")->message, "in the map"));
    free(map);
    lab_free(&lab);
}

static void no_room_for_the_old_name_is_a_finding(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit own = {.name = "has-one"};
    struct lab lab;
    char *map = write_map("many-attributes\tmany\nhas-one\tother\n");

    lab_make(&lab);
    lab_fill(&lab);
    KH_ASSERT_OK(kh_attrs_set(&own.attrs, "legacy-name", "older still", &err), err);
    lab_put_deposit(&lab, LAB_SOURCE, &own);
    lab.options.name_map = map;
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "attributes", "many-attributes"));
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "attributes", "has-one"));
    CU_ASSERT_EQUAL(lab_findings(&lab), 2);
    free(map);
    lab_free(&lab);
}

static void another_map_in_the_middle_is_a_finding(void)
{
    struct lab lab;
    char *map = write_map("beta\tgamma\n");

    lab_make(&lab);
    lab_fill(&lab);
    lab_fault(&lab, LAB_VAULT, "attest", true);
    CU_ASSERT_EQUAL(lab_run(&lab), KH_CORRUPT);
    lab_fault(&lab, LAB_VAULT, "attest", false);
    lab.options.name_map = map;
    CU_ASSERT_EQUAL(lab_run(&lab), KH_REFUSED);
    CU_ASSERT_PTR_NOT_NULL(lab_find(&lab, "other-map", NULL));
    lab.options.name_map = NULL;
    KH_ASSERT_OK(lab_run(&lab), lab.err);
    free(map);
    lab_free(&lab);
}

static const struct kh_test tests[] = {
    {"a_map_is_looked_up_both_ways", a_map_is_looked_up_both_ways},
    {"malformed_maps_are_refused_with_file_and_line",
        malformed_maps_are_refused_with_file_and_line},
    {"the_digest_tells_maps_apart_and_ignores_their_order",
        the_digest_tells_maps_apart_and_ignores_their_order},
    {"proposals_make_a_map_that_a_migration_takes",
        proposals_make_a_map_that_a_migration_takes},
    {"proposals_avoid_every_name_in_use_and_existing_files",
        proposals_avoid_every_name_in_use_and_existing_files},
    {"new_names_that_collide_are_findings", new_names_that_collide_are_findings},
    {"two_deposits_may_swap_their_names", two_deposits_may_swap_their_names},
    {"a_new_name_that_breaks_the_rule_is_a_finding",
        a_new_name_that_breaks_the_rule_is_a_finding},
    {"no_room_for_the_old_name_is_a_finding", no_room_for_the_old_name_is_a_finding},
    {"another_map_in_the_middle_is_a_finding", another_map_in_the_middle_is_a_finding},
};

int main(void)
{
    return kh_test_main("migration names", tests, sizeof tests / sizeof tests[0]);
}
