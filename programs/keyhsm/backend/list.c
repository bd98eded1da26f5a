#include "core/loader.h"
#include "programs/common/cli.h"
#include "programs/keyhsm/backend/backend.h"
#include "programs/keyhsm/backend/look.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void print_line(const struct kh_plugin *plugin, const char *path)
{
    char capabilities[128];

    (void)path;
    kh_capabilities_text(plugin->capabilities, capabilities, sizeof capabilities);
    printf("%-12s %-10s %s\n%-12s %-10s [%s]\n", plugin->name, plugin->version,
        plugin->description, "", "", capabilities);
}

static int is_object(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 3 && strcmp(entry->d_name + len - 3, ".so") == 0;
}

/* A line for each file; one that is refused says why. Their number, -1: no directory. */
static int list(const char *dir, unsigned *refused)
{
    struct dirent **entries;
    int count = scandir(dir, &entries, is_object, alphasort);

    for (int i = 0; i < count; i++) {
        struct kh_error err = {0};
        struct kh_plugin_place place;
        kh_status st;

        entries[i]->d_name[strlen(entries[i]->d_name) - 3] = 0;
        st = kh_plugin_place(&place, dir, entries[i]->d_name, &err);
        if (st == KH_OK)
            st = kh_plugin_look(&place, KH_LOOK_SECONDS, print_line, &err);
        if (st != KH_OK) {
            printf("%-12s refused    %s\n", entries[i]->d_name, err.message);
            ++*refused;
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries); /* NOLINT(bugprone-multi-level-implicit-pointer-conversion) */
    return count;
}

int kh_cmd_backend_list(int argc, char **argv)
{
    const char *dir = kh_plugin_dir;
    const struct kh_cli_option options[] = {
        {"plugin-dir", 0, "DIR", "where the backend plugins are", &dir, NULL, 0},
    };
    const struct kh_cli cli = {.program = "keyhsm backend list",
        .arguments = "",
        .summary = "Lists the backend plugins of a directory.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "Each is loaded in a process of its own. Exit codes: 0 done, 1 one was "
                "refused or there is none, 2 usage."};
    unsigned refused = 0;
    int count;

    if (kh_cli_parse(&cli, argc, argv, false) != argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "takes no operand");
    count = list(dir, &refused);
    if (count < 0)
        kh_cli_die(&cli, KH_EXIT_FAILED, "%s: %s", dir, strerror(errno));
    if (count == 0)
        kh_cli_die(&cli, KH_EXIT_FAILED, "%s: there is no plugin", dir);
    return refused > 0 ? KH_EXIT_FAILED : KH_EXIT_OK;
}
