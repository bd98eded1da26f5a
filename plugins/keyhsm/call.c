#include "plugins/keyhsm/remote.h"

#include <time.h>

enum { BUSY_TRIES = 5, BUSY_SECONDS_MAX = 10 };

static void wait_seconds(unsigned seconds)
{
    struct timespec left = {.tv_sec = seconds};

    while (nanosleep(&left, &left) != 0)
        continue;
}

/* keyhsmd has done nothing and says when to ask again. A daemon passes that on to its own
 * caller; a migration has none, and would end. */
static bool wait_while_busy(
    const struct kh_remote *remote, const struct kh_exchange *e, int tries)
{
    unsigned seconds = e->retry_after ? e->retry_after : 1;

    if (remote->host->mode != KH_OPEN_MIGRATE || tries >= BUSY_TRIES ||
        seconds > BUSY_SECONDS_MAX)
        return false;
    wait_seconds(seconds);
    return true;
}

static bool good(const struct kh_exchange *e)
{
    return e->status >= 200 && e->status <= 299;
}

/* One try and what it means. */
static kh_status try(struct kh_remote *remote, struct kh_http *http,
    struct kh_exchange *e, struct kh_error *err)
{
    kh_status st = kh_http_run(http, e, err);

    /* With an open backend it is not the caller's fault, but the place's. */
    if (st == KH_REFUSED && remote->open)
        return err->status = KH_UNAVAILABLE;
    if (st != KH_OK || good(e))
        return st;
    if (e->status == 504)
        e->fate = KH_LATE;
    return kh_wire_refusal(e, remote->server, err);
}

kh_status kh_remote_call(
    struct kh_remote *remote, struct kh_exchange *exchange, struct kh_error *err)
{
    struct kh_http *http = NULL;
    bool again = exchange->repeatable;
    kh_status st = kh_pool_take(remote->pool, &http, err);

    if (st != KH_OK)
        return st;
    st = try(remote, http, exchange, err);
    if (st != KH_OK && exchange->fate == KH_LOST && again)
        st = try(remote, http, exchange, err);
    for (int i = 0; st == KH_BUSY && exchange->fate == KH_ANSWERED &&
                    wait_while_busy(remote, exchange, i);
         i++)
        st = try(remote, http, exchange, err);
    kh_pool_give(remote->pool, http);
    return st;
}

kh_status kh_remote_call_path(struct kh_remote *remote, struct kh_exchange *exchange,
    const struct kh_path *path, struct kh_error *err)
{
    char text[KH_PATH_SIZE];
    kh_status st = kh_url_path(text, path, err);

    if (st != KH_OK)
        return st;
    exchange->path = text;
    st = kh_remote_call(remote, exchange, err);
    exchange->path = NULL;
    return st;
}
