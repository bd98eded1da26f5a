/*
 * What the sections of a configuration file may hold, for the makers of manual pages and
 * completion: "section" name, then "option" name, type, default, values, help, a line
 * each, with tabs between.
 *
 *     ini_tables keyhsm|keytrustee PLUGIN_DIR PLUGIN...
 */
#include "core/loader.h"
#include "programs/common/sections.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *type_name(const struct kh_option *o)
{
    static const char *const names[] = {[KH_OPT_STRING] = "text",
        [KH_OPT_INT] = "number",
        [KH_OPT_SIZE] = "size",
        [KH_OPT_SECONDS] = "time",
        [KH_OPT_BOOL] = "bool",
        [KH_OPT_PATH] = "path",
        [KH_OPT_ENUM] = "enum"};

    return names[o->type];
}

static void print_section(const char *name, const struct kh_option *options, size_t count)
{
    printf("section\t%s\n", name);
    for (size_t i = 0; i < count; i++) {
        const struct kh_option *o = &options[i];
        const char *standard = o->default_value ? o->default_value : "";

        printf("option\t%s\t%s\t%s\t%s\t%s\t%s\n", o->name, type_name(o), standard,
            !*standard && (o->flags & KH_OPT_REQUIRED) ? "required" : "",
            o->values ? o->values : "", o->help);
    }
}

static void print_sections(const struct kh_section *sections, size_t count)
{
    for (size_t i = 0; i < count; i++)
        print_section(sections[i].name, sections[i].options, sections[i].option_count);
}

static void print_plugin(const char *dir, const char *name)
{
    const struct kh_plugin *plugin = NULL;
    struct kh_error err = {0};
    char section[256];

    if (kh_loader_load(dir, name, &plugin, &err) != KH_OK) {
        fprintf(stderr, "ini_tables: %s\n", err.message);
        exit(EXIT_FAILURE);
    }
    snprintf(section, sizeof section, "backend.%s", name);
    print_section(section, plugin->options, plugin->option_count);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: ini_tables keyhsm|keytrustee PLUGIN_DIR PLUGIN...\n");
        return EXIT_FAILURE;
    }
    if (strcmp(argv[1], "keytrustee") == 0)
        print_sections(kh_keytrusteed_sections, KH_KEYTRUSTEED_SECTION_COUNT);
    else
        print_sections(kh_daemon_sections, KH_DAEMON_SECTION_COUNT);
    print_sections(kh_common_sections, KH_COMMON_SECTION_COUNT);
    for (int i = 3; i < argc; i++)
        print_plugin(argv[2], argv[i]);
    return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
