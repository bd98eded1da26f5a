#include "programs/ktadmin/overview.h"

#include <stdlib.h>
#include <string.h>

enum { PAGE = 256 };

/* The deposit under way: its versions follow one another. */
struct deposit {
    char name[KH_NAME_MAX + 1];
    bool any;
    bool active;
    bool corrupt;
};

static void end_deposit(struct kh_counts *counts, const struct deposit *deposit)
{
    if (!deposit->any)
        return;
    if (deposit->active)
        counts->active_deposits++;
    else
        counts->deleted_deposits++;
    counts->corrupt_deposits += deposit->corrupt;
}

static void add(
    struct kh_counts *counts, struct deposit *deposit, const struct kh_item *item)
{
    if (strcmp(deposit->name, item->name) != 0) {
        end_deposit(counts, deposit);
        *deposit = (struct deposit){.any = true};
        memcpy(deposit->name, item->name, sizeof deposit->name);
    }
    if (item->state == KH_ACTIVE) {
        counts->active_versions++;
        deposit->active = true;
    } else {
        counts->deleted_versions++;
    }
    if (item->status != KH_OK) {
        counts->corrupt_versions++;
        deposit->corrupt = true;
    }
}

kh_status kh_count_states(
    struct kh_backend *backend, struct kh_counts *counts, struct kh_error *err)
{
    struct kh_item *items = calloc(PAGE, sizeof *items);
    struct kh_cursor cursor = {0};
    struct deposit deposit = {0};
    kh_status status = KH_OK;
    size_t count = 1;

    *counts = (struct kh_counts){0};
    if (!items)
        return kh_fail(err, KH_FATAL, "out of memory");
    while (status == KH_OK && count > 0) {
        status = kh_backend_list(backend, &cursor, items, PAGE, &count, err);
        for (size_t i = 0; status == KH_OK && i < count; i++)
            add(counts, &deposit, &items[i]);
        if (status == KH_OK && count > 0) {
            memcpy(cursor.name, items[count - 1].name, sizeof cursor.name);
            cursor.version = items[count - 1].version;
            cursor.started = true;
        }
    }
    end_deposit(counts, &deposit);
    free(items);
    if (status != KH_OK)
        *counts = (struct kh_counts){0};
    return status;
}
