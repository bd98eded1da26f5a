/* keyhsm settings: what the configuration comes to, and where each value is from. */
#include "programs/common/setup.h"
#include "programs/keyhsm/commands.h"

#include <jansson.h>
#include <string.h>

struct settings {
    struct kh_setup_args setup;
    const char *backend;
    bool json;
};

struct view {
    const char *section; /* of the last line */
    json_t *list;        /* NULL: text */
};

/* What may be seen of a value. Sources are no secrets, and what only stands where one
 * belongs was refused; but a key's URI may hold a PIN (RFC 7512). */
static const char *shown(const struct kh_config_value *v)
{
    if (v->value && strcasestr(v->value, "pin-value="))
        return "(hidden: it holds a PIN)";
    return v->value;
}

static kh_status print_text(
    void *arg, const struct kh_config_value *v, struct kh_error *err)
{
    struct view *view = arg;
    const char *value = shown(v);
    char line[1200];

    (void)err;
    if (!view->section || strcmp(view->section, v->section) != 0)
        printf("%s[%s]\n", view->section ? "\n" : "", v->section);
    view->section = v->section;
    snprintf(line, sizeof line, "%s%s = %s", value ? "" : "#", v->option->name,
        value ? value : "");
    if (value)
        printf("%-48s ; %s\n", line, v->where ? v->where : "default");
    else
        printf("%-48s ; not set\n", line);
    return KH_OK;
}

static kh_status print_json(
    void *arg, const struct kh_config_value *v, struct kh_error *err)
{
    struct view *view = arg;
    const char *value = shown(v);
    json_t *one = json_pack("{s:s,s:s,s:s?,s:s?,s:b}", "section", v->section, "option",
        v->option->name, "value", value == v->value ? value : NULL, "from",
        v->where ? v->where
        : value  ? "default"
                 : NULL,
        "hidden", value != v->value);

    if (!one || json_array_append_new(view->list, one) != 0)
        return kh_fail(err, KH_FATAL, "no memory for the settings");
    return KH_OK;
}

static kh_status print(
    const struct settings *settings, const struct kh_setup *setup, struct kh_error *err)
{
    struct view view = {.list = settings->json ? json_array() : NULL};
    kh_status st = KH_OK;

    if (settings->json && !view.list)
        return kh_fail(err, KH_FATAL, "no memory for the settings");
    if (!settings->json)
        printf("; %s\n", kh_config_where(setup->config, "", NULL));
    st = kh_config_values(
        setup->config, settings->json ? print_json : print_text, &view, err);
    if (st == KH_OK && settings->json &&
        json_dumpf(view.list, stdout, JSON_INDENT(2)) == 0)
        fputc('\n', stdout);
    json_decref(view.list);
    if (st == KH_OK && (fflush(stdout) != 0 || ferror(stdout)))
        st = kh_fail(err, KH_UNAVAILABLE, "standard output cannot be written: %m");
    return st;
}

/* Looks and touches nothing: neither memory to lock nor a log to open. */
static kh_status run(const struct settings *settings, struct kh_error *err)
{
    const struct kh_setup_wish wish = {.program = "keyhsm",
        .args = &settings->setup,
        .default_config = KH_KEYHSM_CONFIG,
        .backends = settings->backend,
        .sections = kh_tool_sections,
        .section_count = KH_DAEMON_SECTION_COUNT};
    struct kh_setup setup = {0};
    kh_status st = kh_setup_configure(&setup, &wish, err);

    if (st == KH_OK)
        st = print(settings, &setup, err);
    kh_setup_free(&setup);
    return st;
}

int kh_cmd_settings(int argc, char **argv)
{
    struct settings settings = {.backend = "pkcs11"};
    const struct kh_cli_option options[] = {
        {"json", 'j', NULL, "print JSON", &settings.json, NULL, 0},
        {"backend", 'b', "NAME", "the backend the daemon serves (pkcs11)",
            &settings.backend, NULL, 0},
        KH_SETUP_OPTIONS(settings.setup),
    };
    const struct kh_cli cli = {.program = "keyhsm settings",
        .arguments = "",
        .summary = "Prints the configuration in effect, and where each value is from.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "No secret is printed: of PINs and passphrases the source is shown.\n"
                "Exit codes: 0 done, 1 failed, 2 usage or configuration."};
    struct kh_error err = {0};
    kh_status st;

    if (kh_cli_parse(&cli, argc, argv, false) < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "no arguments are taken");
    st = run(&settings, &err);
    if (st != KH_OK)
        kh_cli_die(&cli, kh_exit_code(st), "%s", err.message);
    return KH_EXIT_OK;
}
