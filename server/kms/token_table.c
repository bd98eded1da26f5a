#include "server/kms/token_table.h"

#include "server/kms/place.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

static void put(unsigned char *out, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0)
        *out++ = (unsigned char)(value >> 8 * bytes);
}

static uint64_t take(const unsigned char *bytes, unsigned count)
{
    uint64_t value = 0;

    while (count-- > 0)
        value = value << 8 | *bytes++;
    return value;
}

static bool digest(const void *bytes, size_t len, unsigned char out[EVP_MAX_MD_SIZE])
{
    return EVP_Digest(bytes, len, out, NULL, EVP_sha256(), NULL) == 1;
}

kh_status kms_event_of(const struct kms_token *token, const char *owner,
    struct kms_event *out, struct kh_error *err)
{
    unsigned char hash[EVP_MAX_MD_SIZE] = {0};

    *out = (struct kms_event){0};
    if (!digest(token->ident, token->ident_len, hash))
        return kh_fail(err, KH_UNAVAILABLE, "OpenSSL makes no SHA-256");
    memcpy(out->id, hash, sizeof out->id);
    if (!digest(owner, strlen(owner), hash))
        return kh_fail(err, KH_UNAVAILABLE, "OpenSSL makes no SHA-256");
    out->owner = (uint32_t)take(hash, 4);
    return KH_OK;
}

void kms_event_write(const struct kms_event *event, unsigned char out[KMS_EVENT_LEN])
{
    memcpy(out, event->id, 16);
    put(out + 16, event->owner, 4);
    put(out + 20, (uint64_t)event->until, 8);
    put(out + 28, (uint64_t)event->forget, 8);
}

void kms_event_read(const unsigned char bytes[KMS_EVENT_LEN], struct kms_event *out)
{
    memcpy(out->id, bytes, 16);
    out->owner = (uint32_t)take(bytes + 16, 4);
    out->until = (int64_t)take(bytes + 20, 8);
    out->forget = (int64_t)take(bytes + 28, 8);
}

static int by_id(const void *item, const void *key)
{
    return memcmp(((const struct kms_event *)item)->id, key, 16);
}

static size_t place(const struct kms_table *table, const unsigned char id[16], bool *is)
{
    const struct kms_sorted sorted = {table->events, table->count, sizeof *table->events};

    return kms_place(&sorted, by_id, id, is);
}

const struct kms_event *kms_table_find(
    const struct kms_table *table, const unsigned char id[16])
{
    bool is;
    size_t at = place(table, id, &is);

    return is ? &table->events[at] : NULL;
}

static void join(struct kms_event *into, const struct kms_event *event)
{
    if (into->until != 0 && (event->until == 0 || event->until > into->until))
        into->until = event->until;
    if (event->forget > into->forget)
        into->forget = event->forget;
}

/* Room for one more; it doubles, so that a full table is not copied for each. */
static bool grow(struct kms_table *table)
{
    size_t room = table->room ? table->room * 2 : 64;
    struct kms_event *more;

    if (table->count < table->room)
        return true;
    more = realloc(table->events, room * sizeof *more);
    if (!more)
        return false;
    table->events = more;
    table->room = room;
    return true;
}

bool kms_table_merge(struct kms_table *table, const struct kms_event *event)
{
    bool is;
    size_t at = place(table, event->id, &is);

    if (is) {
        join(&table->events[at], event);
        return true;
    }
    if (!grow(table))
        return false;
    memmove(&table->events[at + 1], &table->events[at],
        (table->count - at) * sizeof table->events[0]);
    table->events[at] = *event;
    table->count++;
    return true;
}

bool kms_table_has_room(const struct kms_table *table, const struct kms_event *event)
{
    size_t of_owner = 0;

    if (kms_table_find(table, event->id))
        return true;
    for (size_t i = 0; i < table->count; i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there as count is not 0 */
        of_owner += table->events[i].owner == event->owner;
    return table->count < KMS_EVENTS_MAX && of_owner < KMS_EVENTS_OWNER_MAX;
}

void kms_table_prune(struct kms_table *table, int64_t now)
{
    size_t kept = 0;

    for (size_t i = 0; i < table->count; i++) {
        if (table->events[i].forget > now)
            table->events[kept++] = table->events[i];
    }
    table->count = kept;
}

void kms_table_clear(struct kms_table *table)
{
    free(table->events);
    *table = (struct kms_table){0};
}
