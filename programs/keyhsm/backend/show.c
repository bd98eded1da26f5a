#include "core/loader.h"
#include "programs/common/cli.h"
#include "programs/keyhsm/backend/backend.h"
#include "programs/keyhsm/backend/look.h"
#include "programs/keyhsm/backend/place.h"

#include <string.h>

static void print_option(const struct kh_option *o)
{
    static const char *const types[] = {
        "string", "number", "size", "seconds", "yes|no", "path", ""};

    printf("  %-24s %s%s%s%s%s\n  %-24s %s\n", o->name,
        o->type == KH_OPT_ENUM ? o->values : types[o->type],
        o->flags & KH_OPT_REQUIRED ? ", required" : "",
        o->flags & KH_OPT_SECRET ? ", names a secret" : "",
        o->default_value ? ", default " : "", o->default_value ? o->default_value : "",
        "", o->help);
}

static const char *may_come(uint32_t capabilities)
{
    uint32_t need = KH_CAP_WRITE | KH_CAP_READ | KH_CAP_LIST | KH_CAP_HARDWARE;

    return (capabilities & need) == need ? "yes" : "no";
}

static const char *may_leave(uint32_t capabilities)
{
    uint32_t need = KH_CAP_LIST | KH_CAP_READ | KH_CAP_EXPORT | KH_CAP_SEAL;

    return (capabilities & need) == need ? "yes" : "no";
}

static void print_plugin(const struct kh_plugin *plugin, const char *path)
{
    char capabilities[128];

    kh_capabilities_text(plugin->capabilities, capabilities, sizeof capabilities);
    printf("name           %s\nversion        %s\ndescription    %s\nfile           %s\n"
           "ABI            %u, a table of %u bytes\ncapabilities   %s\n"
           "migrations     to it: %s; from it: %s\n",
        plugin->name, plugin->version, plugin->description, path, plugin->abi,
        plugin->size, capabilities, may_come(plugin->capabilities),
        may_leave(plugin->capabilities));
    printf("options of [backend.%s]%s\n", plugin->name,
        plugin->option_count ? "" : ": none");
    for (size_t i = 0; i < plugin->option_count; i++)
        print_option(&plugin->options[i]);
}

int kh_cmd_backend_show(int argc, char **argv)
{
    const char *dir = kh_plugin_dir;
    const struct kh_cli_option options[] = {
        {"plugin-dir", 0, "DIR", "where the backend plugins are", &dir, NULL, 0},
    };
    const struct kh_cli cli = {.program = "keyhsm backend show",
        .arguments = "NAME|PATH",
        .summary = "Shows what a backend plugin is.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "It is loaded in a process of its own. Exit codes: 0 done, 1 refused, 2 "
                "usage."};
    struct kh_error err = {0};
    struct kh_plugin_place place;
    int first = kh_cli_parse(&cli, argc, argv, false);
    kh_status st;

    if (first + 1 != argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "give one plugin");
    st = kh_plugin_place(&place, dir, argv[first], &err);
    if (st == KH_OK)
        st = kh_plugin_look(&place, KH_LOOK_SECONDS, print_plugin, &err);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    return KH_EXIT_OK;
}
