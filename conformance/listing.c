/* Listings: every version once, in byte order of name, then version, in pages of any
 * size. */
#include "conformance/contract.h"

#include <stdlib.h>

enum { SEEN_MAX = 256, PAGE_MAX = 64 };

/* What a listing gave of the names that begin with a prefix. */
struct seen {
    struct kh_item items[SEEN_MAX];
    size_t count;
    size_t pages;
    bool ordered;
};

static bool follows(const struct kh_item *item, const struct kh_cursor *cursor)
{
    int order = strcmp(item->name, cursor->name);

    return !cursor->started || order > 0 ||
           (order == 0 && item->version > cursor->version);
}

static void move_to(struct kh_cursor *cursor, const struct kh_item *item)
{
    memcpy(cursor->name, item->name, sizeof cursor->name);
    cursor->version = item->version;
    cursor->started = true;
}

static void take(struct seen *seen, const struct kh_item *item, const char *prefix)
{
    if (strncmp(item->name, prefix, strlen(prefix)) == 0 && seen->count < SEEN_MAX)
        seen->items[seen->count++] = *item;
}

/* Called between two pages. */
typedef void between(void *arg, size_t page);

static void list_all(
    struct seen *seen, const char *prefix, size_t page_size, between *fn, void *arg)
{
    struct kh_cursor cursor = {0};
    struct kh_item items[PAGE_MAX];
    struct kh_error err = {0};
    size_t count = 1;

    memset(seen, 0, sizeof *seen);
    seen->ordered = true;
    while (count > 0) {
        kh_status st = kh_backend_list(
            kh_contract_backend(), &cursor, items, page_size, &count, &err);

        KH_ASSERT_OK_FATAL(st, err);
        for (size_t i = 0; i < count; i++) {
            seen->ordered &= follows(&items[i], &cursor);
            move_to(&cursor, &items[i]);
            take(seen, &items[i], prefix);
        }
        if (count > 0 && fn)
            fn(arg, seen->pages);
        seen->pages++;
    }
}

/* PREFIX0 .. PREFIX9, ..., three versions of every third, one of them deleted. Returns
 * how many. */
static size_t populate(char prefix[KH_NAME_MAX + 1], size_t names)
{
    struct kh_error err = {0};
    size_t versions = 0;

    snprintf(prefix, KH_NAME_MAX + 1, "%s", kh_contract_name("list"));
    for (size_t i = 0; i < names; i++) {
        char name[KH_NAME_MAX + 1];

        snprintf(name, sizeof name, "%.200s.%02zu", prefix, i);
        for (uint32_t v = 0; v < (i % 3 == 0 ? 3U : 1U); v++, versions++)
            kh_contract_put(name, v, "x", v == 0 ? KH_PUT_NEW : KH_PUT_VERSION);
        if (i % 3 == 0)
            KH_ASSERT_OK(kh_backend_remove(kh_contract_backend(), name, 1, &err), err);
    }
    return versions;
}

static void check_seen(const struct seen *seen, size_t versions)
{
    CU_ASSERT_EQUAL(seen->count, versions);
    CU_ASSERT_TRUE(seen->ordered);
    for (size_t i = 0; i < seen->count; i++) {
        const struct kh_item *item = &seen->items[i];

        CU_ASSERT_EQUAL(item->status, KH_OK);
        CU_ASSERT_EQUAL(item->state, item->version == 1 ? KH_DELETED : KH_ACTIVE);
        CU_ASSERT_TRUE(item->created == 0 || item->created == KH_CONTRACT_CREATED);
    }
}

static void a_listing_gives_every_version_once_whatever_the_page(void)
{
    static const size_t pages[] = {1, 2, 7, PAGE_MAX};
    char prefix[KH_NAME_MAX + 1];
    size_t versions = populate(prefix, 20);

    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct seen *seen = calloc(1, sizeof *seen);

        CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
        list_all(seen, prefix, pages[i], NULL, NULL);
        check_seen(seen, versions);
        free(seen);
    }
}

static void a_listing_starts_after_its_cursor(void)
{
    char prefix[KH_NAME_MAX + 1];
    struct kh_cursor cursor = {.started = true, .version = 1};
    struct kh_item items[4];
    struct kh_error err = {0};
    char name[KH_NAME_MAX + 1];
    size_t count = 0;

    (void)populate(prefix, 6);
    snprintf(cursor.name, sizeof cursor.name, "%.200s.03", prefix);
    KH_ASSERT_OK(
        kh_backend_list(kh_contract_backend(), &cursor, items, 2, &count, &err), err);
    CU_ASSERT_EQUAL_FATAL(count, 2);
    CU_ASSERT_STRING_EQUAL(items[0].name, cursor.name);
    CU_ASSERT_EQUAL(items[0].version, 2);
    snprintf(name, sizeof name, "%.200s.04", prefix);
    CU_ASSERT_STRING_EQUAL(items[1].name, name);
    CU_ASSERT_EQUAL(items[1].version, 0);
}

static void a_cursor_may_name_what_is_gone(void)
{
    char prefix[KH_NAME_MAX + 1];
    struct kh_cursor cursor = {.started = true, .version = 0};
    struct kh_item items[2];
    struct kh_error err = {0};
    char name[KH_NAME_MAX + 1];
    size_t count = 0;

    (void)populate(prefix, 3);
    snprintf(cursor.name, sizeof cursor.name, "%.200s.01", prefix);
    KH_ASSERT_OK(
        kh_backend_purge(kh_contract_backend(), cursor.name, KH_ALL_VERSIONS, &err), err);
    KH_ASSERT_OK(
        kh_backend_list(kh_contract_backend(), &cursor, items, 1, &count, &err), err);
    CU_ASSERT_EQUAL_FATAL(count, 1);
    snprintf(name, sizeof name, "%.200s.02", prefix);
    CU_ASSERT_STRING_EQUAL(items[0].name, name);
}

static void put_between(void *arg, size_t page)
{
    const char *prefix = arg;
    char name[KH_NAME_MAX + 1];

    /* Before all that is listed, in the middle of it, and after it. */
    snprintf(name, sizeof name, "%.200s.00-%zu", prefix, page);
    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    snprintf(name, sizeof name, "%.200s.09-%zu", prefix, page);
    kh_contract_put(name, 0, "x", KH_PUT_NEW);
}

static size_t count_name(const struct seen *seen, const char *name, uint32_t version)
{
    size_t times = 0;

    for (size_t i = 0; i < seen->count; i++)
        times +=
            strcmp(seen->items[i].name, name) == 0 && seen->items[i].version == version;
    return times;
}

static void what_was_there_is_listed_once_while_others_are_put(void)
{
    struct seen *seen = calloc(1, sizeof *seen);
    char prefix[KH_NAME_MAX + 1];

    CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
    (void)populate(prefix, 20);
    /* The place holds more than ours by now; a page of 32 keeps the number of puts small.
     */
    list_all(seen, prefix, 32, put_between, prefix);
    CU_ASSERT_TRUE(seen->ordered);
    for (size_t i = 0; i < 20; i++) {
        char name[KH_NAME_MAX + 1];

        snprintf(name, sizeof name, "%.200s.%02zu", prefix, i);
        CU_ASSERT_EQUAL(count_name(seen, name, 0), 1);
        CU_ASSERT_EQUAL(count_name(seen, name, 2), i % 3 == 0 ? 1 : 0);
    }
    free(seen);
}

static void a_purged_version_is_not_listed(void)
{
    struct seen *seen = calloc(1, sizeof *seen);
    const char *name = kh_contract_name("unlisted");
    struct kh_error err = {0};

    CU_ASSERT_PTR_NOT_NULL_FATAL(seen);
    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    kh_contract_put(name, 1, "x", KH_PUT_VERSION);
    KH_ASSERT_OK(kh_backend_purge(kh_contract_backend(), name, 0, &err), err);
    list_all(seen, name, PAGE_MAX, NULL, NULL);
    CU_ASSERT_EQUAL_FATAL(seen->count, 1);
    CU_ASSERT_EQUAL(seen->items[0].version, 1);
    free(seen);
}

struct kh_contract_group kh_contract_listing(void)
{
    static const struct kh_test tests[] = {
        {"a_listing_gives_every_version_once_whatever_the_page",
            a_listing_gives_every_version_once_whatever_the_page},
        {"a_listing_starts_after_its_cursor", a_listing_starts_after_its_cursor},
        {"a_cursor_may_name_what_is_gone", a_cursor_may_name_what_is_gone},
        {"what_was_there_is_listed_once_while_others_are_put",
            what_was_there_is_listed_once_while_others_are_put},
        {"a_purged_version_is_not_listed", a_purged_version_is_not_listed},
    };

    return (struct kh_contract_group){
        KH_CAP_WRITE | KH_CAP_LIST, tests, sizeof tests / sizeof tests[0]};
}
