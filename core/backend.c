#include "core/backend.h"

#include "core/backend_open.h"
#include "core/loader.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t monotonic(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

struct kh_error *kh_backend_enter(struct kh_backend *b, struct kh_backend_call *call,
    kh_call what, struct kh_error *err)
{
    call->what = what;
    call->started = monotonic();
    err = err ? err : &call->own;
    *err = (struct kh_error){0};
    if (b->plugin->capabilities & KH_CAP_THREADSAFE)
        (void)pthread_rwlock_rdlock(&b->lock);
    else
        (void)pthread_rwlock_wrlock(&b->lock);
    kh_guise_push(&b->guise);
    return err;
}

/* After a method: a failure always has words, and the status it was returned with. */
static kh_status words(const struct kh_backend *b, kh_status st, struct kh_error *err)
{
    if (st == KH_OK)
        return st;
    if (!*err->message)
        return kh_fail(err, st, "backend '%s' failed and gave no reason", b->name);
    err->status = st;
    return st;
}

kh_status kh_backend_leave(struct kh_backend *b, const struct kh_backend_call *call,
    kh_status st, struct kh_error *err)
{
    kh_guise_pop();
    (void)pthread_rwlock_unlock(&b->lock);
    kh_call_count(&b->counts[call->what], st, monotonic() - call->started);
    return words(b, st, err);
}

kh_status kh_backend_need(const struct kh_backend *b, uint32_t capability,
    const char *what, struct kh_error *err)
{
    if (b->plugin->capabilities & capability)
        return KH_OK;
    return kh_fail(err, KH_REFUSED, "backend '%s' cannot %s", b->name, what);
}

/* ---- open and close ---------------------------------------------- */

static void destroy(struct kh_backend *b)
{
    (void)pthread_rwlock_destroy(&b->lock);
    free(b->name);
    free(b->section);
    free(b);
}

static struct kh_backend *create(const char *name, const struct kh_plugin *plugin)
{
    struct kh_backend *b = calloc(1, sizeof *b);

    if (!b)
        return NULL;
    (void)pthread_rwlock_init(&b->lock, NULL);
    b->plugin = plugin;
    b->name = strdup(name);
    if (!b->name || asprintf(&b->section, "backend.%s", name) < 0) {
        b->section = NULL;
        destroy(b);
        return NULL;
    }
    return b;
}

/* No backend may hold more than KH_DATA_LIMIT, whatever it says. Of two threads that ask
 * at once both are right. */
static kh_status learn_limits(struct kh_backend *b, struct kh_error *err)
{
    struct kh_info info;
    kh_status st = kh_backend_info(b, &info, err);
    uint64_t max = info.data_max ? info.data_max : KH_DATA_DEFAULT_MAX;

    if (st == KH_OK)
        atomic_store(&b->data_max, max < KH_DATA_LIMIT ? max : KH_DATA_LIMIT);
    return st;
}

uint64_t kh_backend_data_max(struct kh_backend *backend)
{
    struct kh_error err = {0};

    if (atomic_load(&backend->data_max) == 0 && learn_limits(backend, &err) != KH_OK)
        return KH_DATA_DEFAULT_MAX;
    return atomic_load(&backend->data_max);
}

kh_status kh_backend_open(struct kh_backend **out, const char *name,
    const char *plugin_dir, const struct kh_config *config, kh_open_mode mode,
    struct kh_error *err)
{
    const struct kh_plugin *plugin;
    struct kh_backend_call call;
    struct kh_backend *b;
    kh_status st = kh_loader_load(plugin_dir, name, &plugin, err);

    *out = NULL;
    if (st != KH_OK)
        return st;
    b = create(name, plugin);
    if (!b)
        return kh_fail(err, KH_FATAL, "no memory to open backend '%s'", name);
    b->origin = (struct kh_host_origin){config, b->section};
    kh_host_init(&b->host, b->name, mode, &b->origin);
    kh_host_guise(&b->origin, plugin, &b->guise);
    err = kh_backend_enter(b, &call, KH_CALL_OPEN, err);
    st = kh_backend_leave(b, &call, plugin->open(&b->host, &b->ctx, err), err);
    if (st != KH_OK) {
        destroy(b);
        return st;
    }
    st = learn_limits(b, err);
    /* A plugin that lets a daemon start while its place is away means it. */
    if (st != KH_OK && !(mode == KH_OPEN_SERVE && st == KH_UNAVAILABLE)) {
        kh_backend_close(b);
        return st;
    }
    *out = b;
    return KH_OK;
}

void kh_backend_close(struct kh_backend *backend)
{
    if (!backend)
        return;
    (void)pthread_rwlock_wrlock(&backend->lock);
    kh_guise_push(&backend->guise);
    backend->plugin->close(backend->ctx);
    kh_guise_pop();
    (void)pthread_rwlock_unlock(&backend->lock);
    destroy(backend);
}

const char *kh_backend_name(const struct kh_backend *backend)
{
    return backend->name;
}

const struct kh_call_counts *kh_backend_counts(
    const struct kh_backend *backend, kh_call call)
{
    return &backend->counts[call];
}

const struct kh_config *kh_backend_config(const struct kh_backend *backend)
{
    return backend->origin.config;
}

uint32_t kh_backend_capabilities(const struct kh_backend *backend)
{
    return backend->plugin->capabilities;
}

const char *kh_backend_option(const struct kh_backend *backend, const char *name)
{
    return kh_config_string(backend->origin.config, backend->section, name);
}

const struct kh_plugin *kh_backend_plugin(const struct kh_backend *backend)
{
    return backend->plugin;
}

/* ---- the place --------------------------------------------------- */

kh_status kh_backend_probe(struct kh_backend *backend, struct kh_error *err)
{
    struct kh_backend_call call;

    err = kh_backend_enter(backend, &call, KH_CALL_PROBE, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->probe(backend->ctx, err), err);
}

kh_status kh_backend_info(
    struct kh_backend *backend, struct kh_info *info, struct kh_error *err)
{
    struct kh_backend_call call;

    memset(info, 0, sizeof *info);
    err = kh_backend_enter(backend, &call, KH_CALL_INFO, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->info(backend->ctx, info, err), err);
}

kh_status kh_backend_usage(
    struct kh_backend *backend, struct kh_usage *usage, struct kh_error *err)
{
    struct kh_backend_call call;

    memset(usage, 0, sizeof *usage);
    if (!backend->plugin->usage)
        return kh_fail(
            err, KH_REFUSED, "backend '%s' does not count what it stores", backend->name);
    err = kh_backend_enter(backend, &call, KH_CALL_USAGE, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->usage(backend->ctx, usage, err), err);
}

kh_status kh_backend_reserve(
    struct kh_backend *backend, uint64_t versions, struct kh_error *err)
{
    struct kh_backend_call call;

    if (!backend->plugin->reserve)
        return KH_OK;
    err = kh_backend_enter(backend, &call, KH_CALL_RESERVE, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->reserve(backend->ctx, versions, err), err);
}

kh_status kh_backend_backed_up(struct kh_backend *backend, struct kh_error *err)
{
    struct kh_backend_call call;

    if (!backend->plugin->backed_up)
        return KH_OK;
    err = kh_backend_enter(backend, &call, KH_CALL_BACKED_UP, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->backed_up(backend->ctx, err), err);
}

kh_status kh_backend_check(struct kh_backend *backend, struct kh_error *err)
{
    struct kh_backend_call call;

    if (!backend->plugin->check)
        return KH_OK;
    err = kh_backend_enter(backend, &call, KH_CALL_CHECK, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->check(backend->ctx, err), err);
}

bool kh_backend_has_random(const struct kh_backend *backend)
{
    return backend->plugin->random != NULL;
}

kh_status kh_backend_random(
    struct kh_backend *backend, struct kh_buf *out, struct kh_error *err)
{
    struct kh_backend_call call;

    if (!backend->plugin->random)
        return kh_fail(err, KH_REFUSED, "backend '%s' has no generator", backend->name);
    if (out->len == 0 || out->len > KH_RANDOM_MAX)
        return kh_fail(err, KH_INVALID, "%zu random bytes were asked for; 1 to %d can be",
            out->len, KH_RANDOM_MAX);
    err = kh_backend_enter(backend, &call, KH_CALL_RANDOM, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->random(backend->ctx, out, err), err);
}

kh_status kh_backend_seal(
    struct kh_backend *backend, const struct kh_seal *seal, struct kh_error *err)
{
    struct kh_backend_call call;
    kh_status st =
        kh_backend_need(backend, KH_CAP_SEAL, "be sealed: there is no leaving it", err);

    if (st != KH_OK)
        return st;
    if (backend->host.mode != KH_OPEN_MIGRATE)
        return kh_fail(
            err, KH_REFUSED, "backend '%s' is sealed by a migration only", backend->name);
    if (!seal->destination || !seal->migration)
        return kh_fail(err, KH_INVALID, "a seal names its destination and its migration");
    err = kh_backend_enter(backend, &call, KH_CALL_SEAL, err);
    return kh_backend_leave(
        backend, &call, backend->plugin->seal(backend->ctx, seal, err), err);
}
