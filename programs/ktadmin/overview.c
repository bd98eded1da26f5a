#include "programs/ktadmin/overview.h"

#include "programs/ktadmin/confdir.h"
#include "programs/ktadmin/target.h"
#include "programs/ktadmin/trustee.h"
#include "server/trust.h"

#include <stdlib.h>
#include <string.h>

static void look_at_certificate(struct kh_certificate_facts *facts, const char *path)
{
    struct kh_error err = {0};
    X509 *certificate = NULL;
    char *real = realpath(path, NULL); /* operators keep links to certificates */
    kh_status status = kh_pin_read(&certificate, real ? real : path, &err);

    snprintf(facts->path, sizeof facts->path, "%s", path);
    free(real);
    if (status != KH_OK) {
        snprintf(facts->problem, KH_PROBLEM_SIZE, "%s", err.message);
        return;
    }
    facts->there = true;
    facts->days = kh_certificate_days_left(certificate);
    kh_cert_fingerprint(certificate, facts->fingerprint);
    X509_free(certificate);
}

/* Counts when it is this backend that serves. */
static kh_status look_into(struct kh_overview *out, struct kh_backend *backend,
    struct kh_info *info, struct kh_error *err)
{
    kh_status status = kh_backend_info(backend, info, err);

    if (status != KH_OK || info->sealed)
        return status;
    status = kh_backend_probe(backend, err);
    if (status == KH_OK && strcmp(kh_backend_name(backend), out->backend) == 0) {
        status = kh_count_states(backend, &out->counts, err);
        out->counted = status == KH_OK;
    }
    return status;
}

static kh_status look_at_backend(struct kh_overview *out, const struct kh_setup *setup,
    const char *name, struct kh_info *info)
{
    char *problem =
        strcmp(name, "softfile") == 0 ? out->store_problem : out->server_problem;
    struct kh_backend *backend = NULL;
    struct kh_error err = {0};
    kh_status status = kh_backend_open(
        &backend, name, setup->plugin_dir, setup->config, KH_OPEN_TOOL, &err);

    if (status == KH_OK)
        status = look_into(out, backend, info, &err);
    kh_backend_close(backend);
    if (status != KH_OK)
        snprintf(problem, KH_PROBLEM_SIZE, "%s", err.message);
    return status;
}

static void look_at_store(struct kh_overview *out, const struct kh_setup *setup)
{
    struct kh_info info = {0};

    if (look_at_backend(out, setup, "softfile", &info) != KH_OK)
        return;
    out->sealed = info.sealed;
    snprintf(out->sealed_for, sizeof out->sealed_for, "%s", info.sealed_for);
}

static void look_at_keyhsmd(struct kh_overview *out, const struct kh_setup_args *args)
{
    struct kh_setup setup = {0};
    struct kh_info info = {0};
    struct kh_error err = {0};

    /* Once more, for now its options are required. */
    if (kh_trustee_setup(&setup, args, "softfile,keyhsm", &err) != KH_OK)
        snprintf(out->server_problem, KH_PROBLEM_SIZE, "%s", err.message);
    else if (look_at_backend(out, &setup, "keyhsm", &info) == KH_OK)
        snprintf(out->place, sizeof out->place, "%s", info.place);
    kh_setup_free(&setup);
}

/* Paths, and all that stands in the configuration. */
static kh_status look_at_config(
    struct kh_overview *out, const struct kh_config *config, struct kh_error *err)
{
    const char *directory = kh_config_string(config, "backend.softfile", "directory");
    const char *pin = kh_config_string(config, "backend.keyhsm", "server_certificate");
    const char *server = kh_config_string(config, "backend.keyhsm", "server");
    char path[PATH_MAX];
    kh_status status;

    snprintf(out->directory, sizeof out->directory, "%s",
        directory ? directory : KH_CONFDIR_DEFAULT);
    snprintf(out->backend, sizeof out->backend, "%s",
        kh_config_string(config, "server", "backend"));
    snprintf(out->server, sizeof out->server, "%s", server ? server : "");
    look_at_certificate(
        &out->certificate, kh_config_string(config, "tls", "certificate"));
    status = kh_confdir_path(path, out->directory, KH_CONFDIR_PIN, err);
    if (status == KH_OK)
        look_at_certificate(&out->pin, pin ? pin : path);
    return status;
}

kh_status kh_overview(
    struct kh_overview *out, const struct kh_setup_args *args, struct kh_error *err)
{
    struct kh_setup setup = {0};
    kh_status status = kh_trustee_setup(&setup, args, "softfile", err);

    memset(out, 0, sizeof *out);
    if (status == KH_OK)
        status = look_at_config(out, setup.config, err);
    if (status == KH_OK)
        look_at_store(out, &setup);
    kh_setup_free(&setup);
    if (status == KH_OK && *out->server)
        look_at_keyhsmd(out, args);
    return status;
}

const char *kh_overview_problem(const struct kh_overview *o)
{
    bool keyhsm = strcmp(o->backend, "keyhsm") == 0;

    if (keyhsm && !*o->server)
        return "keyhsm is the backend, and [backend.keyhsm] does not say where it is";
    if (keyhsm)
        return o->server_problem;
    if (strcmp(o->backend, "softfile") == 0 && o->sealed)
        return "the store is sealed, and softfile is still the backend: run ktadmin "
               "keyhsm again";
    return o->store_problem;
}
