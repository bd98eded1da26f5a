/* What a plugin does before it is open: looks at its place, or makes one. */
#include "core/backend.h"

#include "core/guise.h"
#include "core/host.h"
#include "core/loader.h"

struct visit {
    const struct kh_plugin *plugin;
    char section[64];
    struct kh_host_origin origin;
    struct kh_host host;
    struct kh_guise guise;
    struct kh_error own;
    struct kh_error *err;
};

static kh_status begin(
    struct visit *v, const struct kh_backend_place *place, struct kh_error *err)
{
    kh_status st = kh_loader_load(place->plugin_dir, place->name, &v->plugin, err);

    if (st != KH_OK)
        return st;
    v->err = err ? err : &v->own;
    *v->err = (struct kh_error){0};
    (void)snprintf(v->section, sizeof v->section, "backend.%s", place->name);
    v->origin = (struct kh_host_origin){place->config, v->section};
    kh_host_init(&v->host, place->name, KH_OPEN_TOOL, &v->origin);
    kh_host_guise(&v->origin, v->plugin, &v->guise);
    kh_guise_push(&v->guise);
    return KH_OK;
}

/* A failure always has words, and the status it was returned with. */
static kh_status end(const struct visit *v, kh_status st)
{
    kh_guise_pop();
    if (st != KH_OK && !*v->err->message)
        return kh_fail(
            v->err, st, "plugin '%s' failed and gave no reason", v->plugin->name);
    v->err->status = st;
    return st;
}

kh_status kh_backend_examine(const struct kh_backend_place *place, kh_finding_fn fn,
    void *arg, struct kh_error *err)
{
    struct visit v;
    kh_status st = begin(&v, place, err);

    if (st != KH_OK)
        return st;
    return end(
        &v, v.plugin->examine ? v.plugin->examine(&v.host, fn, arg, v.err) : KH_OK);
}

kh_status kh_backend_create(const struct kh_backend_place *place,
    const struct kh_creation *creation, struct kh_error *err)
{
    struct visit v;
    kh_status st = begin(&v, place, err);

    if (st != KH_OK)
        return st;
    if (!v.plugin->create)
        return end(&v,
            kh_fail(v.err, KH_REFUSED,
                "backend '%s' cannot make its own place; make it with the vendor's tools",
                place->name));
    return end(&v, v.plugin->create(&v.host, creation, v.err));
}
