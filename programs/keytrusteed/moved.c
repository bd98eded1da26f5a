#include "programs/keytrusteed/moved.h"

#include "core/log.h"
#include "server/reply.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 100, RETRY_SECONDS = 5 };

struct kt_mover {
    const struct kh_setup_wish *wish;
    bool follow;
    pthread_mutex_t mutex; /* one follows, the others wait for it */
    struct kh_setup fresh;
    struct kh_backend *next; /* what was opened */
    uint64_t tried;          /* monotonic milliseconds of the last try that failed */
    struct kh_error err;     /* how it failed */
};

struct kt_mover *kt_mover_new(const struct kh_setup_wish *wish, bool follow)
{
    struct kt_mover *mover = calloc(1, sizeof *mover);

    if (mover) {
        mover->wish = wish;
        mover->follow = follow;
        pthread_mutex_init(&mover->mutex, NULL);
    }
    return mover;
}

void kt_mover_free(struct kt_mover *mover)
{
    if (!mover)
        return;
    kh_backend_close(mover->next);
    kh_setup_free(&mover->fresh);
    pthread_mutex_destroy(&mover->mutex);
    free(mover);
}

/* Between the seal and the new configuration there is a moment: then it says the old one
 * still, and the caller comes again. */
static kh_status open_next(
    struct kt_mover *mover, const struct kh_backend *old, struct kh_error *err)
{
    const char *name;
    kh_status st = kh_setup_configure(&mover->fresh, mover->wish, err);

    if (st != KH_OK)
        return st;
    name = kh_config_string(mover->fresh.config, "server", "backend");
    if (strcmp(name, kh_backend_name(old)) == 0)
        return kh_fail(err, KH_UNAVAILABLE,
            "the configuration still names backend '%s'; 'ktadmin keyhsm' completes it",
            name);
    return kh_backend_open(&mover->next, name, mover->fresh.plugin_dir,
        mover->fresh.config, KH_OPEN_SERVE, err);
}

static kh_status follow(
    struct kt_mover *mover, struct kh_app *app, const struct kh_backend *old)
{
    char before[sizeof mover->err.message];
    kh_status st;

    if (app->backend != old) /* somebody else did it while this one waited */
        return KH_OK;
    if (mover->tried && kh_clock_ms() - mover->tried < RETRY_MS)
        return mover->err.status;
    memcpy(before, mover->err.message, sizeof before);
    mover->err = (struct kh_error){0};
    st = open_next(mover, old, &mover->err);
    if (st == KH_OK) {
        kh_app_use(app, mover->next);
        kh_log(KH_LOG_NOTICE, "the deposits have moved: serving backend %s from now on",
            kh_backend_name(mover->next));
        return KH_OK;
    }
    if (strcmp(before, mover->err.message) != 0) /* once, however often it is tried */
        kh_log(KH_LOG_ERROR, "the deposits have moved, and cannot be followed yet: %s",
            mover->err.message);
    kh_backend_close(mover->next);
    mover->next = NULL;
    kh_setup_free(&mover->fresh);
    mover->tried = kh_clock_ms();
    return st;
}

static void answer(
    const struct kt_mover *mover, struct kh_request *request, const char *why)
{
    char text[640];

    if (mover->follow)
        snprintf(text, sizeof text,
            "the deposits have moved to the HSM, and this server cannot follow yet: %s",
            why);
    else
        snprintf(text, sizeof text,
            "the deposits have moved to the HSM: restart keytrusteed to serve them from "
            "there (systemctl restart keytrusteed)");
    kh_response_clear(&request->response);
    kh_response_refuse(&request->response, request, 503, "moved", text);
    kh_response_header(&request->response, "Retry-After", "%d", RETRY_SECONDS);
}

bool kt_moved(void *arg, struct kh_app *app, struct kh_request *request)
{
    struct kt_mover *mover = arg;
    struct kh_backend *old = app->backend;
    struct kh_info info = {0};
    struct kh_error err = {0};
    kh_status st = KH_REFUSED;

    if (kh_backend_info(old, &info, &err) != KH_OK || !info.sealed)
        return false;
    if (mover->follow) {
        pthread_mutex_lock(&mover->mutex);
        st = follow(mover, app, old);
        err = mover->err;
        pthread_mutex_unlock(&mover->mutex);
    }
    if (st != KH_OK)
        answer(mover, request, err.message);
    return st == KH_OK;
}
