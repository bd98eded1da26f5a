/* Before a backend is opened: which plugins a configuration speaks of, and what it says
 * to them. */
#include "core/backend.h"

#include "core/loader.h"

#include <stdlib.h>
#include <string.h>

static const char prefix[] = "backend.";

struct claim {
    struct kh_config *config;
    const char *plugin_dir;
    const char *used; /* separated by commas; may be NULL */
};

/* Takes the next name off *LIST, without blanks. False at the end; an empty name is given
 * too. */
static bool next_name(const char **list, const char **name, size_t *len)
{
    const char *p = *list;

    if (!p)
        return false;
    *len = strcspn(p, ",");
    *list = p[*len] ? p + *len + 1 : NULL;
    while (*len > 0 && *p == ' ') {
        p++;
        (*len)--;
    }
    while (*len > 0 && p[*len - 1] == ' ')
        (*len)--;
    *name = p;
    return true;
}

static bool is_used(const struct claim *c, const char *backend)
{
    const char *list = c->used;
    const char *name;
    size_t len;

    while (next_name(&list, &name, &len)) {
        if (len == strlen(backend) && memcmp(name, backend, len) == 0)
            return true;
    }
    return false;
}

static kh_status claim(
    struct claim *c, const char *section, bool enforce, struct kh_error *err)
{
    const struct kh_plugin *plugin;
    kh_status st =
        kh_loader_load(c->plugin_dir, section + sizeof prefix - 1, &plugin, err);

    if (st != KH_OK)
        return st;
    return kh_config_claim(
        c->config, section, plugin->options, plugin->option_count, enforce, err);
}

/* A section of the file. What the loader refuses gets the place where the file asks for
 * it. */
static kh_status claim_section(void *arg, const char *section, struct kh_error *err)
{
    struct claim *c = arg;
    const struct kh_plugin *plugin;
    struct kh_error why = {0};
    kh_status st;

    if (strncmp(section, prefix, sizeof prefix - 1) != 0)
        return KH_OK;
    st = kh_loader_load(c->plugin_dir, section + sizeof prefix - 1, &plugin, &why);
    if (st != KH_OK)
        return kh_fail(err, st, "%s: [%s]: %s", kh_config_where(c->config, section, NULL),
            section, why.message);
    return claim(c, section, is_used(c, section + sizeof prefix - 1), err);
}

kh_status kh_backend_claim(struct kh_config *config, const char *plugin_dir,
    const char *used, struct kh_error *err)
{
    struct claim c = {config, plugin_dir, used};
    const char *list = used;
    const char *name;
    size_t len;
    kh_status st = kh_config_sections(config, claim_section, &c, err);

    while (st == KH_OK && next_name(&list, &name, &len)) {
        char section[sizeof prefix + 64];

        if (len == 0 || len > 64)
            return kh_fail(err, KH_INVALID, "'%.128s': give a backend's name", used);
        (void)snprintf(section, sizeof section, "%s%.*s", prefix, (int)len, name);
        st = claim(&c, section, true, err);
    }
    return st;
}
