#include "programs/ktadmin/commands.h"

#include "core/backend.h"
#include "core/guise.h"
#include "core/secret.h"
#include "programs/common/setup.h"
#include "programs/ktadmin/confdir.h"
#include "programs/ktadmin/fingerprint.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/servercert.h"
#include "programs/ktadmin/task.h"
#include "programs/ktadmin/trustee.h"

#include <unistd.h>

struct init {
    struct kh_setup_args setup;
    const char *confdir;
    bool passphrase;
    const char *passphrase_source;
    const char *address;
    bool tls_passphrase;
    const char *tls_passphrase_source;
};

/* A switch that asks, or an option that names a source; NULL for neither. */
static const char *source_of(bool asks, const char *source)
{
    return asks ? "prompt" : source;
}

static kh_status add_set(
    struct init *init, const char *key, const char *value, struct kh_error *err)
{
    char *assignment = NULL;

    if (init->setup.set_count == KH_SETUP_SETS_MAX)
        return kh_fail(err, KH_INVALID, "--set is given too often");
    if (asprintf(&assignment, "backend.softfile.%s=%s", key, value) < 0)
        return kh_fail(err, KH_FATAL, "out of memory");
    init->setup.sets[init->setup.set_count++] = assignment;
    return KH_OK;
}

/* The store is made by the plugin that owns its format: opening with create=yes is all.
 * It belongs to the owner of the directory that it is made in. */
static kh_status make_store(
    const struct init *init, const struct kh_setup *setup, struct kh_error *err)
{
    struct kh_backend *backend = NULL;
    struct kh_guise guise;
    char certificate[PATH_MAX];
    kh_status status = kh_confdir_path(certificate, init->confdir, "store.pem", err);

    if (status != KH_OK)
        return status;
    if (access(certificate, F_OK) == 0) {
        printf("%s holds a store already; it is left as it is.\n", init->confdir);
        return KH_OK;
    }
    kh_guise_of(&guise, init->confdir);
    kh_guise_push(&guise);
    status = kh_backend_open(
        &backend, "softfile", setup->plugin_dir, setup->config, KH_OPEN_TOOL, err);
    kh_guise_pop();
    kh_backend_close(backend);
    return status;
}

static kh_status set_up(struct init *init, struct kh_setup *setup, struct kh_error *err)
{
    const char *source = source_of(init->passphrase, init->passphrase_source);
    unsigned given = init->setup.set_count;
    kh_status status = add_set(init, "create", "yes", err);

    if (status == KH_OK && init->confdir)
        status = add_set(init, "directory", init->confdir, err);
    if (status == KH_OK && source)
        status = add_set(init, "passphrase_source", source, err);
    if (status == KH_OK)
        status = kh_trustee_setup(setup, &init->setup, "softfile", err);
    if (status == KH_OK)
        init->confdir = kh_config_string(setup->config, "backend.softfile", "directory");
    kh_setup_drop_sets(&init->setup, given);
    return status;
}

static kh_status check(const struct init *init, struct kh_error *err)
{
    if (init->passphrase && init->passphrase_source)
        return kh_fail(
            err, KH_INVALID, "--passphrase and --passphrase-source exclude each other");
    if (init->tls_passphrase && init->tls_passphrase_source)
        return kh_fail(err, KH_INVALID,
            "--tls-passphrase and --tls-passphrase-source exclude each other");
    if (init->confdir && *init->confdir != '/')
        return kh_fail(
            err, KH_INVALID, "--confdir %s: give an absolute path", init->confdir);
    return init->tls_passphrase_source ? kh_secret_check(init->tls_passphrase_source, err)
                                       : KH_OK;
}

static kh_status run(struct init *init, struct kh_error *err)
{
    struct kh_server_certificate server = {.address = init->address,
        .passphrase_source =
            source_of(init->tls_passphrase, init->tls_passphrase_source)};
    char fingerprint[KH_FINGERPRINT_TEXT];
    char certificate[PATH_MAX];
    struct kh_setup setup = {0};
    kh_status status = check(init, err);

    if (status == KH_OK)
        status = set_up(init, &setup, err);
    if (status == KH_OK)
        status = make_store(init, &setup, err);
    server.confdir = init->confdir;
    if (status == KH_OK)
        status = kh_server_certificate_make(&server, err);
    if (status == KH_OK)
        status = kh_confdir_path(certificate, init->confdir, "store.pem", err);
    if (status == KH_OK)
        status = kh_certificate_fingerprint(certificate, fingerprint, err);
    if (status == KH_OK) {
        printf("Initialized directory for %s\n", fingerprint);
        status = kh_output_flush(err);
    }
    kh_setup_free(&setup);
    return status;
}

int kh_cmd_init(int argc, char **argv)
{
    struct init init = {0};
    const struct kh_cli_option options[] = {
        {"confdir", 0, "DIR", "where the store is to be; else as configured",
            &init.confdir, NULL, 0},
        {"passphrase", 0, NULL, "protect its private key: ask twice for a password",
            &init.passphrase, NULL, 0},
        {"passphrase-source", 0, "SOURCE",
            "or take it from file:/PATH, credential:NAME or fd:N",
            &init.passphrase_source, NULL, 0},
        {"external-address", 0, "HOST",
            "name or address that the TLS certificate is for; else this machine's",
            &init.address, NULL, 0},
        {"tls-passphrase", 0, NULL,
            "protect the TLS certificate's key: ask twice for a password",
            &init.tls_passphrase, NULL, 0},
        {"tls-passphrase-source", 0, "SOURCE", "or take it from SOURCE, as above",
            &init.tls_passphrase_source, NULL, 0},
        KH_SETUP_OPTIONS(init.setup),
    };
    const struct kh_cli cli = {.program = "ktadmin init",
        .arguments = "",
        .summary = "Makes a legacy store, and a TLS certificate for its server.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "The store has a directory, a key pair, and no deposits. The server's "
                "certificate is\n"
                "self-signed. What is there already is left as it is. The last line "
                "names the SHA-256\n"
                "fingerprint of the store's certificate.\n\n"
                "Exit codes: 0 done, 1 failed, 2 usage or configuration, 5 unavailable, "
                "6 a key without\n"
                "its certificate is in the way, 7 refused."};
    struct kh_task task = {.program = cli.program};
    struct kh_error err = {0};
    int first = kh_cli_parse(&cli, argc, argv, false);

    if (first < argc)
        kh_cli_die(&cli, KH_EXIT_USAGE, "one argument too many: '%s'", argv[first]);
    return kh_task_end(&task, run(&init, &err), &err);
}
