#include "programs/ktadmin/target.h"

#include "core/secret.h"

#include <string.h>

static kh_status check_server(const struct kh_target_options *o, struct kh_error *err)
{
    if (strncmp(o->server, "https://", strlen("https://")) != 0)
        return kh_fail(
            err, KH_INVALID, "--server %s: the URL must begin with https://", o->server);
    if (!o->client_certfile != !o->client_keyfile)
        return kh_fail(
            err, KH_INVALID, "--client-certfile and --client-keyfile belong together");
    if (!o->client_certfile && !o->negotiate)
        return kh_fail(err, KH_INVALID,
            "--server needs --client-certfile and --client-keyfile, or --negotiate: the "
            "daemon lets no one in without a certificate or a ticket");
    if (o->passphrase && o->passphrase_source)
        return kh_fail(
            err, KH_INVALID, "--passphrase and --passphrase-source exclude each other");
    return o->passphrase_source ? kh_secret_check(o->passphrase_source, err) : KH_OK;
}

kh_status kh_target_check(const struct kh_target_options *o, struct kh_error *err)
{
    bool client = o->socket || o->client_certfile || o->client_keyfile || o->cacert ||
                  o->passphrase || o->passphrase_source || o->negotiate;

    if (o->backend && o->server)
        return kh_fail(err, KH_INVALID, "--backend and --server exclude each other");
    if (!o->backend && !o->server)
        return kh_fail(err, KH_INVALID,
            "which deposits or keys? Give --backend NAME (a store on this host) or "
            "--server URL "
            "(a daemon)");
    if (o->server)
        return check_server(o, err);
    if (client)
        return kh_fail(err, KH_INVALID,
            "--unix-socket, --client-certfile, --client-keyfile, --cacert, --negotiate "
            "and "
            "--passphrase "
            "belong to --server");
    return KH_OK;
}

kh_status kh_target_open(
    struct kh_target **out, const struct kh_target_options *options, struct kh_error *err)
{
    const struct kh_setup_wish wish = {.program = "ktadmin",
        .args = &options->setup,
        .default_config = KH_DEFAULT_CONFIG,
        .backends = options->backend,
        .sections = kh_keytrusteed_sections,
        .section_count = KH_KEYTRUSTEED_SECTION_COUNT};
    struct kh_setup setup = {0};
    kh_status status = kh_target_check(options, err);

    *out = NULL;
    if (status == KH_OK)
        status = kh_setup(&setup, &wish, err);
    if (status != KH_OK)
        return status;
    status = options->server ? kh_target_server(out, options, err)
                             : kh_target_backend(out, options, &setup, err);
    if (status == KH_OK)
        (*out)->setup = setup;
    else
        kh_setup_free(&setup);
    return status;
}

void kh_target_close(struct kh_target *target)
{
    struct kh_setup setup;

    if (!target)
        return;
    setup = target->setup;
    target->ops->close(target);
    kh_setup_free(&setup);
}
