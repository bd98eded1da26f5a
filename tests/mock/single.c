/*
 * Not thread safe, and it notices: probe fails when another probe is inside. The overlap
 * is looked for, not timed: every call gives the processor away several times while it is
 * inside.
 *
 * It also misbehaves in ways the core must catch: get gives another deposit than the one
 * asked for, list claims more entries than it was asked for, stat leaves a failure
 * without words.
 */
#include "tests/mock/stubs.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static atomic_int inside;

static kh_status probe(void *ctx, struct kh_error *err)
{
    int others = atomic_fetch_add(&inside, 1);

    (void)ctx;
    for (int i = 0; i < 20; i++)
        (void)sched_yield();
    if (atomic_fetch_sub(&inside, 1) != 1 || others != 0)
        return kh_fail(err, KH_FATAL, "two calls at the same time");
    return KH_OK;
}

static kh_status get(void *ctx, const char *name, uint32_t version, bool with_deleted,
    struct kh_deposit *deposit, struct kh_error *err)
{
    (void)ctx;
    (void)name;
    (void)version;
    (void)with_deleted;
    (void)err;
    strcpy(deposit->name, "another");
    return KH_OK;
}

static kh_status stat_one(void *ctx, const char *name, uint32_t version,
    struct kh_stat *stat, struct kh_error *err)
{
    (void)ctx;
    (void)name;
    (void)version;
    (void)stat;
    (void)err;
    return KH_CORRUPT;
}

static kh_status list(void *ctx, const struct kh_cursor *after, struct kh_item *items,
    size_t max, size_t *count, struct kh_error *err)
{
    (void)ctx;
    (void)after;
    (void)items;
    (void)err;
    *count = max + 1;
    return KH_OK;
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "single",
    .version = "1",
    .description = "a mock that is not thread safe",
    .capabilities = KH_CAP_READ | KH_CAP_LIST,
    .open = stub_open,
    .close = stub_close,
    .probe = probe,
    .info = stub_info,
    .get = get,
    .stat = stat_one,
    .list = list,
};
