#include "plugins/pkcs11/keyset.h"

#include <stdlib.h>
#include <string.h>

#define TAG_LEN 4

static int compare(const void *a, const void *b)
{
    const struct kh_keyset_entry *x = a;
    const struct kh_keyset_entry *y = b;

    return memcmp(x->rest, y->rest, sizeof x->rest);
}

kh_status kh_keyset_add(struct kh_keyset *set, const struct kh_key_id *id, bool complete,
    struct kh_error *err)
{
    if (set->count == set->room) {
        size_t room = set->room ? 2 * set->room : 256;
        struct kh_keyset_entry *list = realloc(set->list, room * sizeof *list);

        if (!list)
            return kh_fail(err, KH_FATAL, "no memory for %zu key ids", room);
        set->list = list;
        set->room = room;
    }
    memcpy(set->list[set->count].rest, id->bytes + TAG_LEN, sizeof set->list->rest);
    set->list[set->count].complete = complete;
    set->count++;
    return KH_OK;
}

void kh_keyset_sort(struct kh_keyset *set)
{
    size_t kept = 0;

    if (set->count == 0)
        return;
    qsort(set->list, set->count, sizeof *set->list, compare);
    for (size_t i = 1; i < set->count; i++) {
        if (compare(&set->list[kept], &set->list[i]) != 0)
            set->list[++kept] = set->list[i];
        else
            set->list[kept].complete &= set->list[i].complete;
    }
    set->count = kept + 1;
}

const struct kh_keyset_entry *kh_keyset_find(
    const struct kh_keyset *set, const struct kh_key_id *id)
{
    struct kh_keyset_entry key = {.complete = 0};

    if (set->count == 0 || id->len != TAG_LEN + sizeof key.rest)
        return NULL;
    memcpy(key.rest, id->bytes + TAG_LEN, sizeof key.rest);
    return bsearch(&key, set->list, set->count, sizeof *set->list, compare);
}

void kh_keyset_free(struct kh_keyset *set)
{
    free(set->list);
    memset(set, 0, sizeof *set);
}
