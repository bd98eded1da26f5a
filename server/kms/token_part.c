#include "server/kms/token_part.h"

#include "core/deposit.h"
#include "core/log.h"
#include "core/secmem.h"
#include "server/kms/token_log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAGIC_LEN = 8, PAGE = 64, SECONDS_DIGITS = 12 };

static const unsigned char magic[MAGIC_LEN] = {'k', 'm', 's', '-', 'd', 't', 0, 1};

void kms_part_name(const struct kms_table *events, unsigned server, unsigned number,
    char out[KH_NAME_MAX + 1])
{
    int64_t last = 0;

    for (size_t i = 0; i < events->count; i++)
        last = events->events[i].forget > last ? events->events[i].forget : last;
    (void)snprintf(out, KH_NAME_MAX + 1, KMS_LOG_NAME "%012" PRId64 ".%08x.%u",
        last / 1000 + 1, server, number);
}

bool kms_part_over(const char *name, int64_t now)
{
    const char *seconds = name + sizeof KMS_LOG_NAME - 1;
    char *end = NULL;
    long long last = strtoll(seconds, &end, 10);

    return end == seconds + SECONDS_DIGITS && *end == '.' && last < now / 1000;
}

kh_status kms_part_list(
    struct kh_backend *backend, struct kms_names *out, struct kh_error *err)
{
    struct kh_cursor cursor = {.started = true};
    struct kh_item *items = calloc(PAGE, sizeof *items);
    size_t count = PAGE;
    kh_status st = KH_OK;

    if (!items)
        return kh_fail(err, KH_UNAVAILABLE, "no memory for a list of deposits");
    (void)snprintf(cursor.name, sizeof cursor.name, KMS_LOG_NAME);
    while (st == KH_OK && count == PAGE) {
        st = kh_backend_list(backend, &cursor, items, PAGE, &count, err);
        for (size_t i = 0; st == KH_OK && i < count; i++) {
            const char *name = items[i].name;

            if (strncmp(name, KMS_LOG_NAME, sizeof KMS_LOG_NAME - 1) != 0)
                count = 0;
            else
                st = kms_names_add(out, name, strlen(name), err);
            memcpy(cursor.name, name, sizeof cursor.name);
            cursor.version = items[i].version;
        }
    }
    free(items);
    return st;
}

static kh_status not_a_part(const char *name, struct kh_error *err)
{
    return kh_fail(err, KH_CORRUPT,
        "the deposit %s is no record of delegation tokens; tokens are refused until it "
        "is purged, and those it had cancelled are then good again",
        name);
}

kh_status kms_part_read(struct kh_backend *backend, const char *name,
    struct kms_table *out, struct kh_error *err)
{
    struct kh_deposit deposit KH_CLEANUP_DEPOSIT = {0};
    kh_status st = kh_backend_get(backend, name, KH_LATEST, false, &deposit, err);
    const unsigned char *bytes = deposit.data.data;
    size_t len = deposit.data.len;

    if (st != KH_OK)
        return st == KH_CORRUPT ? not_a_part(name, err) : st;
    if (len < MAGIC_LEN || memcmp(bytes, magic, MAGIC_LEN) != 0 ||
        (len - MAGIC_LEN) % KMS_EVENT_LEN != 0)
        return not_a_part(name, err);
    for (size_t at = MAGIC_LEN; at < len; at += KMS_EVENT_LEN) {
        struct kms_event event;

        kms_event_read(bytes + at, &event);
        if (!kms_table_merge(out, &event))
            return kh_fail(err, KH_UNAVAILABLE, "no memory for an event");
    }
    return KH_OK;
}

kh_status kms_part_write(struct kh_backend *backend, const char *name,
    const struct kms_table *events, struct kh_error *err)
{
    struct kh_deposit deposit KH_CLEANUP_DEPOSIT = {
        .state = KH_ACTIVE, .created = (int64_t)time(NULL)};
    kh_status st =
        kh_buf_alloc(&deposit.data, MAGIC_LEN + events->count * KMS_EVENT_LEN, err);

    if (st != KH_OK)
        return st;
    (void)snprintf(deposit.name, sizeof deposit.name, "%s", name);
    memcpy(deposit.data.data, magic, MAGIC_LEN);
    for (size_t i = 0; i < events->count; i++)
        kms_event_write(
            &events->events[i], deposit.data.data + MAGIC_LEN + i * KMS_EVENT_LEN);
    return kh_backend_put(backend, &deposit, KH_PUT_NEW, err);
}

void kms_part_purge(struct kh_backend *backend, const char *name)
{
    struct kh_error err = {0};
    kh_status st = kh_backend_purge(backend, name, KH_ALL_VERSIONS, &err);

    if (st != KH_OK && st != KH_NOT_FOUND)
        kh_log(
            KH_LOG_WARNING, "kms: an old record of delegation tokens: %s", err.message);
}
