#include "core/plugin_table.h"

#include "core/config_value.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define METHOD(caps, method)                                                             \
    {                                                                                    \
        (caps), #method, offsetof(struct kh_plugin, method)                              \
    }

/* Which methods a plugin must have for which of its capabilities (any of them; 0:
 * always). */
static const struct {
    uint32_t capabilities;
    const char *name;
    size_t offset;
} mandatory[] = {
    METHOD(0, open),
    METHOD(0, close),
    METHOD(0, probe),
    METHOD(0, info),
    METHOD(KH_CAP_WRITE, put),
    METHOD(KH_CAP_WRITE, remove),
    METHOD(KH_CAP_WRITE, restore),
    METHOD(KH_CAP_WRITE, purge),
    METHOD(KH_CAP_READ, get),
    METHOD(KH_CAP_LIST, stat),
    METHOD(KH_CAP_LIST, list),
    METHOD(KH_CAP_SEAL, seal),
    METHOD(KH_CAP_EXPORT | KH_CAP_HARDWARE, fingerprint),
    METHOD(KH_CAP_HARDWARE, attest),
};

static bool has_method(const struct kh_plugin *plugin, size_t offset)
{
    void (*method)(void);

    memcpy(&method, (const char *)plugin + offset, sizeof method);
    return method != NULL;
}

static kh_status check_methods(
    const struct kh_plugin *plugin, const char *path, struct kh_error *err)
{
    for (size_t i = 0; i < sizeof mandatory / sizeof mandatory[0]; i++) {
        uint32_t caps = mandatory[i].capabilities;

        if ((caps == 0 || (plugin->capabilities & caps)) &&
            !has_method(plugin, mandatory[i].offset))
            return kh_fail(err, KH_REFUSED,
                "%s: the plugin has no method '%s', which its capabilities need", path,
                mandatory[i].name);
    }
    return KH_OK;
}

/* What ABI 1 began with. A table may be shorter than ours down to this. */
enum { SHORTEST = offsetof(struct kh_plugin, attest_round) };

/* abi and size first: nothing else may be looked at before they match. A longer table is
 * refused and not cut: its plugin may write what our structures have no room for. */
static kh_status check_size(
    const struct kh_plugin *plugin, const char *path, struct kh_error *err)
{
    if (plugin->abi != KH_PLUGIN_ABI)
        return kh_fail(err, KH_REFUSED,
            "%s: built for plugin ABI %u, this program has %u", path, plugin->abi,
            KH_PLUGIN_ABI);
    if (plugin->size > sizeof *plugin)
        return kh_fail(err, KH_REFUSED,
            "%s: built against a newer version of keyhsm (a table of %u bytes, this "
            "program's has %zu); upgrade keyhsm, or build it against this version's "
            "headers",
            path, plugin->size, sizeof *plugin);
    if (plugin->size < SHORTEST || plugin->size % sizeof(void *) != 0)
        return kh_fail(err, KH_REFUSED,
            "%s: its plugin table has %u bytes, which no version had (%d to %zu); build "
            "it against this version's headers",
            path, plugin->size, (int)SHORTEST, sizeof *plugin);
    return KH_OK;
}

/* A shorter table with its end made up: what it lacks is NULL. */
static kh_status complete(const struct kh_plugin *candidate, const char *path,
    const struct kh_plugin **plugin, struct kh_error *err)
{
    struct kh_plugin *whole;

    *plugin = candidate;
    if (candidate->size == sizeof *candidate)
        return KH_OK;
    whole = calloc(1, sizeof *whole);
    if (!whole)
        return kh_fail(err, KH_FATAL, "no memory to load %s", path);
    memcpy(whole, candidate, candidate->size);
    *plugin = whole;
    return KH_OK;
}

static kh_status check_contents(const struct kh_plugin *plugin, const char *name,
    const char *path, struct kh_error *err)
{
    struct kh_error why = {0};

    if (!plugin->name || strcmp(plugin->name, name) != 0)
        return kh_fail(err, KH_REFUSED, "%s: the plugin calls itself '%.64s', not '%s'",
            path, plugin->name ? plugin->name : "", name);
    if (!plugin->version || !plugin->description)
        return kh_fail(
            err, KH_REFUSED, "%s: the plugin has no version or no description", path);
    if (kh_option_table_check(plugin->options, plugin->option_count, &why) != KH_OK)
        return kh_fail(err, KH_REFUSED, "%s: %s", path, why.message);
    return check_methods(plugin, path, err);
}

kh_status kh_plugin_accept(const struct kh_plugin *candidate, const char *name,
    const char *path, const struct kh_plugin **plugin, struct kh_error *err)
{
    kh_status st = check_size(candidate, path, err);

    *plugin = NULL;
    if (st == KH_OK)
        st = check_contents(candidate, name, path, err);
    if (st == KH_OK)
        st = complete(candidate, path, plugin, err);
    return st;
}
