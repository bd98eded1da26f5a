#include "programs/ktadmin/integrate.h"

#include "core/backend.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"
#include "programs/ktadmin/trustee.h"

#include <string.h>
#include <unistd.h>

static const char sets_section[] = "backend.keyhsm";

void kh_integration_say(const struct kh_integration_args *args, const char *format, ...)
{
    char line[4096];
    va_list list;

    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    fprintf(stderr, "%s: ", args->program);
    kh_print_text(stderr, line);
    fputc('\n', stderr);
}

int kh_integration_exit(kh_status status)
{
    int code = kh_task_exit_code(status);

    /* 3 and 4 mean what they mean for a migration. */
    return status == KH_NOT_FOUND || status == KH_EXISTS ? KH_EXIT_FAILED : code;
}

static kh_status add_set(
    struct kh_setup_args *args, const char *key, const char *value, struct kh_error *err)
{
    char *assignment = NULL;

    if (args->set_count == KH_SETUP_SETS_MAX)
        return kh_fail(err, KH_INVALID, "--set is given too often");
    if (asprintf(&assignment, "%s.%s=%s", sets_section, key, value) < 0)
        return kh_fail(err, KH_FATAL, "out of memory");
    args->sets[args->set_count++] = assignment;
    return KH_OK;
}

/* The configuration as it is going to be, with what only this run can say of it. */
static kh_status set_up(
    const struct kh_integration *in, struct kh_setup *setup, struct kh_error *err)
{
    struct kh_setup_args args = in->args->setup;
    unsigned given = args.set_count;
    kh_status status;

    args.config = in->scratch_config;
    status = add_set(&args, "server_certificate", in->scratch_pin, err);
    if (status == KH_OK && *in->key_pipe)
        status = add_set(&args, "passphrase_source", in->key_pipe, err);
    if (status == KH_OK)
        status = kh_trustee_setup(setup, &args, "softfile,keyhsm", err);
    kh_setup_drop_sets(&args, given);
    return status;
}

/* An identity without the names of the ways that lead to it. */
static const char *bare(const char *identity)
{
    static const char way[] = "keyhsm:";

    while (strncmp(identity, way, sizeof way - 1) == 0)
        identity += sizeof way - 1;
    return identity;
}

static kh_status info_of(const struct kh_setup *setup, const char *name,
    struct kh_info *info, struct kh_error *err)
{
    struct kh_backend *backend = NULL;
    kh_status status = kh_backend_open(
        &backend, name, setup->plugin_dir, setup->config, KH_OPEN_TOOL, err);

    if (status == KH_OK)
        status = kh_backend_info(backend, info, err);
    kh_backend_close(backend);
    return status;
}

/* A store that was left goes on only where its deposits are. */
static kh_status check_left(
    const struct kh_integration *in, const struct kh_setup *setup, struct kh_error *err)
{
    struct kh_info store = {0};
    struct kh_info far = {0};
    const char *destination;
    kh_status status = info_of(setup, "softfile", &store, err);

    if (status != KH_OK || !store.sealed)
        return status;
    status = info_of(setup, "keyhsm", &far, err);
    if (status != KH_OK)
        return status;
    destination = strchr(store.sealed_for, ' ');
    destination = destination ? destination + 1 : store.sealed_for;
    if (strcmp(bare(destination), bare(far.identity)) != 0)
        return kh_fail(err, KH_REFUSED,
            "%s is sealed: its deposits are in %s, and %s is another place (%s)",
            in->confdir, store.sealed_for, in->args->server, far.identity);
    return KH_OK;
}

static bool was_left(const struct kh_integration *in)
{
    char path[PATH_MAX];

    return kh_confdir_path(path, in->confdir, KH_CONFDIR_SEAL, NULL) == KH_OK &&
           access(path, F_OK) == 0;
}

/* Both ends are open by now. */
static kh_status begin(void *arg, struct kh_error *err)
{
    kh_integration_drop_scratch(arg);
    return kh_integration_pin(arg, err);
}

static int fail(
    const struct kh_integration *in, kh_status status, const struct kh_error *err)
{
    kh_integration_say(in->args, "%s", err->message);
    return kh_integration_exit(status);
}

static int migrate(struct kh_integration *in, const struct kh_setup *setup)
{
    struct kh_migration_request request = in->args->migration;
    int status;

    request.program = in->args->program;
    request.from = "softfile";
    request.to = "keyhsm";
    request.engine.seal_empty = true;
    request.begin = begin;
    request.arg = in;
    status = kh_migration_main(&request, setup);
    if (status == KH_MIGRATION_FINDINGS)
        kh_integration_say(in->args,
            "nothing was moved. A name that breaks the rule: decrypt its data, make a "
            "key with a new name and encrypt with that one; or give the key a new name "
            "on the way: --suggest-names FILE, then --name-map FILE");
    return status;
}

static int finish(struct kh_integration *in)
{
    struct kh_error err = {0};
    kh_status status = kh_integration_pin(in, &err);

    if (status == KH_OK)
        status = kh_integration_configure(in, &err);
    if (status != KH_OK) {
        kh_integration_say(in->args, "%s", err.message);
        kh_integration_say(in->args,
            "the deposits are on the HSM, but %s does not say so yet: put this right and "
            "run the same command again",
            in->config);
        return KH_EXIT_FAILED;
    }
    if (in->identity.passphrase.len > 0 && !*in->daemon_source)
        kh_integration_say(in->args,
            "%s has a passphrase, and keytrusteed must get it without asking: set "
            "passphrase_source of [backend.keyhsm] in %s before the restart "
            "(credential:NAME or file:/PATH)",
            in->keyfile, in->config);
    kh_integration_say(in->args, "now restart the server: systemctl restart keytrusteed");
    return KH_EXIT_OK;
}

static int move_over(struct kh_integration *in)
{
    bool dry_run = in->args->migration.engine.dry_run;
    struct kh_setup setup = {0};
    struct kh_error err = {0};
    bool left = was_left(in);
    kh_status status = set_up(in, &setup, &err);
    int code;

    if (status == KH_OK && left)
        status = check_left(in, &setup, &err);
    if (status != KH_OK)
        code = fail(in, status, &err);
    else if (left && dry_run)
        code = KH_EXIT_OK;
    else
        code = migrate(in, &setup);
    kh_setup_free(&setup);
    if (code != KH_EXIT_OK)
        return code;
    if (!dry_run)
        return finish(in);
    kh_integration_say(in->args, "dry run: %s; %s would say backend = keyhsm",
        in->pinned ? "the certificate is pinned already"
                   : "the certificate would be pinned",
        in->config);
    return KH_EXIT_OK;
}

int kh_integrate(const struct kh_integration_args *args)
{
    struct kh_integration in = {.args = args, .lock = -1};
    struct kh_error err = {0};
    kh_status status = kh_integration_prepare(&in, &err);
    int code;

    if (status == KH_OK)
        status = kh_integration_preview(&in, &err);
    if (status == KH_OK)
        status = kh_integration_trust(&in, &err);
    code = status == KH_OK ? move_over(&in) : fail(&in, status, &err);

    kh_integration_clean_up(&in);
    return code;
}
