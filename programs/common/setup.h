/*
 * What every program does at its start: the common options, the configuration, secret
 * memory, the log.
 *
 *     struct kh_setup_args args = {0};
 *     const struct kh_cli_option options[] = {KH_SETUP_OPTIONS(args), ...};
 *     ...kh_cli_parse...
 *     const struct kh_setup_wish wish = {.program = "keyhsmd", .args = &args, ...};
 *     if (kh_setup(&setup, &wish, &err) != KH_OK)
 *         kh_cli_die(&cli, kh_exit_code(err.status), "%s", err.message);
 */
#ifndef KH_PROGRAMS_SETUP_H
#define KH_PROGRAMS_SETUP_H

#include "core/config.h"
#include "programs/common/cli.h"
#include "programs/common/sections.h"

#define KH_SETUP_SETS_MAX 64

/* What the user said; zero-initialise. The strings are argv's. */
struct kh_setup_args {
    const char *config;                  /* --config FILE */
    const char *plugin_dir;              /* --plugin-dir DIR */
    const char *log_level;               /* --log-level LEVEL */
    const char *sets[KH_SETUP_SETS_MAX]; /* --set SECTION.KEY=VALUE */
    unsigned set_count;
};

/* The rows of a program's option table that fill ARGS. */
#define KH_SETUP_OPTIONS(args)                                                           \
    {"config", 'c', "FILE", "the configuration file", &(args).config, NULL, 0},          \
        {"plugin-dir", 0, "DIR", "where the backend plugins are", &(args).plugin_dir,    \
            NULL, 0},                                                                    \
        {"set", 0, "SECTION.KEY=VALUE", "set one option over the file; may be repeated", \
            &(args).set_count, (args).sets, KH_SETUP_SETS_MAX},                          \
    {                                                                                    \
        "log-level", 0, "LEVEL", "error, warning, notice, info or debug",                \
            &(args).log_level, NULL, 0                                                   \
    }

/* Adds --set KEY=VALUE as if the user had said it, for options that are one in short.
 * False: too many, or no memory. The text is there until kh_setup_drop_sets, or as long
 * as the process. */
KH_CHECK bool kh_setup_add_set(
    struct kh_setup_args *args, const char *key, const char *value);
/* Takes away and frees what was added to ARGS, each in malloc'd memory of its own, since
 * it had GIVEN of them. A configuration that was read meanwhile has copies. */
void kh_setup_drop_sets(struct kh_setup_args *args, unsigned given);

/* What the program wants. */
struct kh_setup_wish {
    const char *program; /* its name, for the log */
    const struct kh_setup_args *args;
    const char
        *default_config; /* read when it exists and --config was not given; may be NULL */
    const char
        *backends; /* the backends it will open, separated by commas; may be NULL */
    bool backend_configured; /* it will open what [server] backend says, instead */
    const struct kh_section
        *sections; /* claimed beside [log], [memory] and [backend.NAME] */
    size_t section_count;
};

/* A program that is ready. All zero after a failure. */
struct kh_setup {
    struct kh_config *config;
    const char *plugin_dir; /* for kh_backend_open; NULL: the compiled-in one */
};

/*
 * In this order: reads the configuration, applies --set, claims and checks every section,
 * sets secret memory up, opens the log. Call it before any thread and any secret.
 * Whatever is wrong with the configuration is KH_INVALID with one line "FILE:LINE: ...";
 * memory that cannot be locked is KH_REFUSED; a log that cannot be opened is
 * KH_UNAVAILABLE.
 */
KH_CHECK kh_status kh_setup(
    struct kh_setup *setup, const struct kh_setup_wish *wish, struct kh_error *err);

/* The first part alone: the configuration. For a program that looks at it and needs no
 * secret. */
KH_CHECK kh_status kh_setup_configure(
    struct kh_setup *setup, const struct kh_setup_wish *wish, struct kh_error *err);
/* The second part alone, after kh_setup_configure: secret memory as [memory] says.
 * KH_REFUSED as for kh_setup; then nothing was set up and it may be tried again. */
KH_CHECK kh_status kh_setup_memory(const struct kh_setup *setup, struct kh_error *err);
/* The last part alone: the log as [log] and --log-level say. */
KH_CHECK kh_status kh_setup_log(
    const struct kh_setup *setup, const struct kh_setup_wish *wish, struct kh_error *err);

/* Frees the configuration: after the last backend is closed. */
void kh_setup_free(struct kh_setup *setup);

#endif
