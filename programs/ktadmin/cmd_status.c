#include "programs/ktadmin/commands.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/overview.h"
#include "programs/ktadmin/status_remote.h"
#include "programs/ktadmin/task.h"

static void line(const char *label, const char *text)
{
    printf("%-14s ", label);
    kh_print_text(stdout, text);
    putchar('\n');
}

static void print_counts(const struct kh_overview *o)
{
    const struct kh_counts *c = &o->counts;

    if (!o->counted) {
        line("deposits", "not known");
        return;
    }
    printf("%-14s %" PRIu64 " active, %" PRIu64 " deleted, %" PRIu64 " corrupt\n",
        "deposits", c->active_deposits, c->deleted_deposits, c->corrupt_deposits);
    printf("%-14s %" PRIu64 " active, %" PRIu64 " deleted, %" PRIu64 " corrupt\n",
        "versions", c->active_versions, c->deleted_versions, c->corrupt_versions);
}

static void print_certificate(const char *label, const struct kh_certificate_facts *facts)
{
    char text[sizeof facts->path + sizeof facts->fingerprint + 64];

    if (facts->there)
        snprintf(text, sizeof text, "%s, %d days left, SHA-256 %s", facts->path,
            facts->days, facts->fingerprint);
    else
        snprintf(text, sizeof text, "none: %s", facts->problem);
    line(label, text);
}

static void print(const struct kh_overview *o)
{
    const char *problem = kh_overview_problem(o);

    line("store", o->directory);
    line("sealed", o->sealed ? o->sealed_for : "no");
    line("backend", o->backend);
    print_counts(o);
    line("keyhsmd", *o->server ? o->server : "not configured");
    if (*o->server)
        line("  answers", *o->server_problem ? o->server_problem : o->place);
    print_certificate("pin", &o->pin);
    print_certificate("certificate", &o->certificate);
    line("serves", *problem ? problem : "yes");
}

static json_t *json_certificate(const struct kh_certificate_facts *facts)
{
    return facts->there
               ? json_pack("{s:s,s:s,s:i}", "file", facts->path, "sha256",
                     facts->fingerprint, "days_left", facts->days)
               : json_pack("{s:s,s:s}", "file", facts->path, "problem", facts->problem);
}

static json_t *json_states(uint64_t active, uint64_t deleted, uint64_t corrupt)
{
    return json_pack("{s:I,s:I,s:I}", "active", (json_int_t)active, "deleted",
        (json_int_t)deleted, "corrupt", (json_int_t)corrupt);
}

static json_t *json_keyhsmd(const struct kh_overview *o)
{
    if (!*o->server)
        return json_null();
    if (*o->server_problem)
        return json_pack("{s:s,s:b,s:s}", "server", o->server, "answers", 0, "problem",
            o->server_problem);
    return json_pack(
        "{s:s,s:b,s:s}", "server", o->server, "answers", 1, "place", o->place);
}

static kh_status print_json(const struct kh_overview *o, struct kh_error *err)
{
    const struct kh_counts *c = &o->counts;
    const char *problem = kh_overview_problem(o);
    json_t *deposits = o->counted ? json_states(c->active_deposits, c->deleted_deposits,
                                        c->corrupt_deposits)
                                  : json_null();
    json_t *versions = o->counted ? json_states(c->active_versions, c->deleted_versions,
                                        c->corrupt_versions)
                                  : json_null();

    return kh_json_print(
        json_pack("{s:s,s:b,s:s*,s:s,s:o,s:o,s:o,s:o,s:o,s:b,s:s*}", "store",
            o->directory, "sealed", o->sealed, "sealed_for",
            o->sealed ? o->sealed_for : NULL, "backend", o->backend, "deposits", deposits,
            "versions", versions, "keyhsmd", json_keyhsmd(o), "pin",
            json_certificate(&o->pin), "certificate", json_certificate(&o->certificate),
            "serves", !*problem, "problem", *problem ? problem : NULL),
        err);
}

/* Of the store on this host. */
static kh_status local(
    const struct kh_setup_args *setup, bool json, bool *serves, struct kh_error *err)
{
    struct kh_overview overview;
    kh_status status = kh_overview(&overview, setup, err);

    if (status == KH_OK && json)
        status = print_json(&overview, err);
    else if (status == KH_OK)
        print(&overview);
    *serves = status == KH_OK && !*kh_overview_problem(&overview);
    return status;
}

/* Options of a daemon without one are a mistake, not nothing. */
static bool asks_daemon(const struct kh_target_options *o)
{
    return o->server || o->socket || o->client_certfile || o->client_keyfile ||
           o->cacert || o->negotiate || o->passphrase || o->passphrase_source;
}

int kh_cmd_status(int argc, char **argv)
{
    struct kh_target_options o = {0};
    bool json = false;
    const struct kh_cli_option options[] = {
        {"json", 'j', NULL, "as a JSON object", &json, NULL, 0},
        KH_SERVER_OPTIONS(o),
        KH_SETUP_OPTIONS(o.setup),
    };
    const struct kh_cli cli = {.program = "ktadmin status",
        .arguments = "",
        .summary = "Shows the store, its server's backend, keyhsmd, and certificates; or "
                   "what a daemon says.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "Reads keytrustee.ini, opens the store and asks keyhsmd; with --server "
                "asks that daemon\nfor /v1/status instead. Changes nothing.\n\n"
                "Exit codes: 0 the backend serves, 2 usage or configuration, 5 it does "
                "not, or the daemon\ndoes not answer, 7 the daemon refuses to say."};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);
    bool serves = false;
    kh_status status;

    if (first < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "one argument too many: '%s'", argv[first]);
    if (asks_daemon(&o) && !o.server)
        kh_cli_die(&cli, KH_EXIT_USAGE, "which daemon? --server is missing");
    status = o.server ? kh_status_remote(&o, json, &serves, &err)
                      : local(&o.setup, json, &serves, &err);
    if (status == KH_OK)
        status = kh_output_flush(&err);
    if (status != KH_OK)
        kh_cli_die(&cli, kh_task_exit_code(status), "%s", err.message);
    return serves ? KH_EXIT_OK : KH_EXIT_UNAVAILABLE;
}
