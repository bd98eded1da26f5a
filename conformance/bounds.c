/*
 * What a plugin does with the memory it is given: outputs end where they end, inputs are
 * read and not written, a failure leaves outputs alone. Every output stands at the edge
 * of a page that nobody may touch, and inputs in memory that cannot be written: a plugin
 * that errs ends the process, and the report names the test.
 */
#include "conformance/raw.h"

#include <stdlib.h>

static void an_info_is_written_within_its_bounds(void)
{
    struct kh_edge edge = kh_edge_new(sizeof(struct kh_info));
    struct kh_info *info = edge.at;
    struct kh_error err = {0};
    struct kh_raw raw;

    if (kh_raw_open(&raw)) {
        KH_ASSERT_OK(raw.plugin->info(raw.ctx, info, &err), err);
        CU_ASSERT_PTR_NOT_NULL(memchr(info->place, 0, sizeof info->place));
        CU_ASSERT_PTR_NOT_NULL(memchr(info->identity, 0, sizeof info->identity));
        CU_ASSERT_PTR_NOT_NULL(memchr(info->profile, 0, sizeof info->profile));
        kh_raw_close(&raw);
    }
    kh_edge_free(&edge);
}

static void a_stat_is_written_within_its_bounds(void)
{
    const char *name = kh_contract_name("stat-edge");
    struct kh_edge edge = kh_edge_new(sizeof(struct kh_stat));
    struct kh_stat *stat = edge.at;
    struct kh_error err = {0};
    struct kh_raw raw;

    kh_contract_put(name, 0, "x", KH_PUT_NEW);
    if (kh_raw_open(&raw)) {
        KH_ASSERT_OK(raw.plugin->stat(raw.ctx, name, 0, stat, &err), err);
        CU_ASSERT_STRING_EQUAL(stat->name, name);
        kh_raw_close(&raw);
    }
    kh_edge_free(&edge);
}

enum { LISTED = 5, ASKED = 2 };

static void a_listing_gives_no_more_than_there_is_room_for(void)
{
    struct kh_edge edge = kh_edge_new(ASKED * sizeof(struct kh_item));
    struct kh_cursor cursor = {0};
    struct kh_error err = {0};
    struct kh_raw raw;
    size_t count = 0;

    for (int i = 0; i < LISTED; i++)
        kh_contract_put(kh_contract_name("list-edge"), 0, "x", KH_PUT_NEW);
    if (kh_raw_open(&raw)) {
        KH_ASSERT_OK(
            raw.plugin->list(raw.ctx, &cursor, edge.at, ASKED, &count, &err), err);
        CU_ASSERT_EQUAL(count, ASKED);
        kh_raw_close(&raw);
    }
    kh_edge_free(&edge);
}

static void a_name_is_read_to_its_end_and_no_further(void)
{
    const char *given = kh_contract_name("name-edge");
    struct kh_edge edge = kh_edge_new(strlen(given) + 1);
    KH_CLEANUP_DEPOSIT struct kh_deposit got = {0};
    struct kh_error err = {0};
    struct kh_stat stat = {0};
    struct kh_raw raw;

    kh_contract_put(given, 0, "x", KH_PUT_NEW);
    memcpy(edge.at, given, strlen(given) + 1);
    kh_edge_freeze(&edge);
    if (kh_raw_open(&raw)) {
        KH_ASSERT_OK(raw.plugin->stat(raw.ctx, edge.at, 0, &stat, &err), err);
        KH_ASSERT_OK(raw.plugin->get(raw.ctx, edge.at, 0, false, &got, &err), err);
        KH_ASSERT_OK(raw.plugin->remove(raw.ctx, edge.at, 0, &err), err);
        KH_ASSERT_OK(raw.plugin->purge(raw.ctx, edge.at, 0, &err), err);
        kh_raw_close(&raw);
    }
    kh_edge_free(&edge);
}

/* The deposit and its data stand in memory that cannot be written. */
static void a_deposit_given_to_put_is_not_written_to(void)
{
    static const char text[] = "what is put stays the caller's";
    struct kh_edge edge = kh_edge_new(sizeof(struct kh_deposit));
    struct kh_edge data = kh_edge_new(sizeof text);
    struct kh_deposit *d = edge.at;
    struct kh_error err = {0};
    struct kh_raw raw;

    memcpy(data.at, text, sizeof text);
    (void)snprintf(d->name, sizeof d->name, "%s", kh_contract_name("put-edge"));
    d->created = KH_CONTRACT_CREATED;
    d->data = (struct kh_buf){data.at, sizeof text, sizeof text};
    kh_edge_freeze(&data);
    kh_edge_freeze(&edge);
    if (kh_raw_open(&raw)) {
        KH_ASSERT_OK(raw.plugin->put(raw.ctx, d, KH_PUT_NEW, &err), err);
        kh_raw_close(&raw);
    }
    kh_edge_free(&edge);
    kh_edge_free(&data);
}

/* ---- errors ---- */

/* One line of text, no secret: of an error that a plugin filled itself. */
static bool is_good_error(const struct kh_error *err)
{
    size_t len = strnlen(err->message, sizeof err->message);

    return len > 0 && len < sizeof err->message && !strpbrk(err->message, "\r\n") &&
           !strstr(err->message, "SECRET-IN-DATA");
}

static void a_failure_says_why_in_one_line_and_leaves_its_outputs_alone(void)
{
    const char *name = kh_contract_name("absent");
    struct kh_edge edge = kh_edge_new(sizeof(struct kh_stat));
    struct kh_deposit got = {0};
    struct kh_error err = {0};
    struct kh_raw raw;

    if (kh_raw_open(&raw)) {
        CU_ASSERT_EQUAL(
            raw.plugin->stat(raw.ctx, name, KH_LATEST, edge.at, &err), KH_NOT_FOUND);
        CU_ASSERT_TRUE(is_good_error(&err));
        CU_ASSERT_TRUE(kh_contract_is_zero(edge.at, sizeof(struct kh_stat)));
        err = (struct kh_error){0};
        CU_ASSERT_EQUAL(
            raw.plugin->get(raw.ctx, name, KH_LATEST, false, &got, &err), KH_NOT_FOUND);
        CU_ASSERT_TRUE(is_good_error(&err));
        CU_ASSERT_TRUE(kh_contract_is_zero(&got, sizeof got));
        err = (struct kh_error){0};
        CU_ASSERT_EQUAL(
            raw.plugin->purge(raw.ctx, name, KH_ALL_VERSIONS, &err), KH_NOT_FOUND);
        CU_ASSERT_TRUE(is_good_error(&err));
        kh_raw_close(&raw);
    }
    kh_edge_free(&edge);
}

static void a_refused_put_does_not_tell_the_secret(void)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit d;
    struct kh_error err = {0};
    struct kh_raw raw;

    kh_contract_make(&d, kh_contract_name("twice"), 0, "SECRET-IN-DATA", 14);
    if (kh_raw_open(&raw)) {
        KH_ASSERT_OK(raw.plugin->put(raw.ctx, &d, KH_PUT_NEW, &err), err);
        CU_ASSERT_EQUAL(raw.plugin->put(raw.ctx, &d, KH_PUT_NEW, &err), KH_EXISTS);
        CU_ASSERT_TRUE(is_good_error(&err));
        kh_raw_close(&raw);
    }
}

struct kh_contract_group kh_contract_bounds(void)
{
    static const struct kh_test tests[] = {
        {"an_info_is_written_within_its_bounds", an_info_is_written_within_its_bounds},
        {"a_stat_is_written_within_its_bounds", a_stat_is_written_within_its_bounds},
        {"a_listing_gives_no_more_than_there_is_room_for",
            a_listing_gives_no_more_than_there_is_room_for},
        {"a_name_is_read_to_its_end_and_no_further",
            a_name_is_read_to_its_end_and_no_further},
        {"a_deposit_given_to_put_is_not_written_to",
            a_deposit_given_to_put_is_not_written_to},
        {"a_failure_says_why_in_one_line_and_leaves_its_outputs_alone",
            a_failure_says_why_in_one_line_and_leaves_its_outputs_alone},
        {"a_refused_put_does_not_tell_the_secret",
            a_refused_put_does_not_tell_the_secret},
    };

    return (struct kh_contract_group){
        KH_CAP_READ | KH_CAP_WRITE | KH_CAP_LIST, tests, sizeof tests / sizeof tests[0]};
}
