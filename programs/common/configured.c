#include "programs/common/configured.h"

#include "core/backend.h"
#include "core/loader.h"
#include "server/meter.h"

#include <stdlib.h>
#include <string.h>

struct watch {
    const struct kh_setup_wish *wish;
    const char *(*served)(void *arg);
    void *arg;
    struct kh_meter *valid;
    struct kh_meter *restart;
    struct kh_meter *hsm;
};

struct search {
    const char *plugin_dir;
    bool hardware;
};

/* "backend.NAME", and NAME's plugin keeps keys in hardware. */
static kh_status look(void *arg, const char *section, struct kh_error *err)
{
    static const char prefix[] = "backend.";
    struct search *search = arg;
    const struct kh_plugin *plugin = NULL;

    if (strncmp(section, prefix, sizeof prefix - 1) == 0 &&
        kh_loader_load(search->plugin_dir, section + sizeof prefix - 1, &plugin, err) ==
            KH_OK &&
        (plugin->capabilities & KH_CAP_HARDWARE))
        search->hardware = true;
    return KH_OK;
}

/* The backend that the file means; NULL: it leaves the choice to the command line. */
static const char *chosen(const struct watch *watch, const struct kh_setup *setup)
{
    return watch->wish->backend_configured
               ? kh_config_string(setup->config, "server", "backend")
               : NULL;
}

static void refresh(void *arg)
{
    const struct watch *watch = arg;
    struct kh_setup setup = {0};
    struct kh_error err = {0};
    struct search search = {0};
    kh_status st = kh_setup_configure(&setup, watch->wish, &err);
    const char *name;

    kh_meter_set(watch->valid, st == KH_OK);
    if (st != KH_OK) /* the others stay as they were: nothing better is known */
        return;
    name = chosen(watch, &setup);
    kh_meter_set(watch->restart, name && strcmp(name, watch->served(watch->arg)) != 0);
    search.plugin_dir = setup.plugin_dir;
    (void)!kh_config_sections(setup.config, look, &search, &err);
    kh_meter_set(watch->hsm, search.hardware);
    kh_setup_free(&setup);
}

void kh_configured_watch(struct kh_metrics *metrics, const struct kh_setup_wish *wish,
    const char *(*served)(void *arg), void *arg)
{
    struct watch *watch = calloc(1, sizeof *watch);

    if (!watch)
        return;
    *watch = (struct watch){wish, served, arg,
        kh_metrics_gauge(metrics, "keyhsm_config_valid",
            "1 when the configuration file can be read and is right: else the next start "
            "fails."),
        kh_metrics_gauge(metrics, "keyhsm_config_restart_needed",
            "1 when the configuration file names another backend than the one served."),
        kh_metrics_gauge(metrics, "keyhsm_hsm_configured",
            "1 when the configuration file has the section of a backend with hardware.")};
    if (!kh_metrics_before(metrics, refresh, watch, free))
        free(watch);
}
