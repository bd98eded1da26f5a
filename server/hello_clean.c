#include "server/hello.h"

#include "core/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { PAGE = 16, AGE_SECONDS = 60 };

static const char prefix[] = KH_HELLO_PREFIX;

/* A name of ours, and older than a round trip can be. Anything else stays. */
static bool is_leftover(const char *name, int64_t now)
{
    struct tm parts = {0};
    char again[64];
    time_t when;

    if (strncmp(name, prefix, sizeof prefix - 1) != 0)
        return false;
    if (sscanf(name + sizeof prefix - 1, "%4d-%2d-%2d-%2d%2d%2d", &parts.tm_year,
            &parts.tm_mon, &parts.tm_mday, &parts.tm_hour, &parts.tm_min,
            &parts.tm_sec) != 6)
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    when = timegm(&parts);
    strftime(again, sizeof again, KH_HELLO_FORMAT, &parts);
    return strcmp(again, name) == 0 && when + AGE_SECONDS < now;
}

static unsigned purge(struct kh_backend *backend, const char *name)
{
    struct kh_error err = {0};

    if (kh_backend_purge(backend, name, KH_ALL_VERSIONS, &err) != KH_OK) {
        kh_log(KH_LOG_WARNING, "test deposit %s cannot be purged: %s", name, err.message);
        return 0;
    }
    kh_log(KH_LOG_NOTICE, "test deposit %s, left by a daemon that was killed, was purged",
        name);
    return 1;
}

unsigned kh_hello_clean(struct kh_backend *backend, int64_t now)
{
    struct kh_item items[PAGE];
    struct kh_cursor cursor = {.version = KH_VERSION_MAX, .started = true};
    struct kh_error err = {0};
    unsigned purged = 0;
    size_t count = PAGE;
    kh_status st = KH_OK;

    /* The prefix itself is before all names that have it. */
    memcpy(cursor.name, prefix, sizeof prefix);
    while (st == KH_OK && count == PAGE) {
        st = kh_backend_list(backend, &cursor, items, PAGE, &count, &err);
        for (size_t i = 0; st == KH_OK && i < count; i++) {
            if (strncmp(items[i].name, prefix, sizeof prefix - 1) != 0)
                return purged;
            if (is_leftover(items[i].name, now))
                purged += purge(backend, items[i].name);
            memcpy(cursor.name, items[i].name, sizeof cursor.name);
        }
    }
    return purged;
}
