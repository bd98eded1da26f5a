/* The way out: keytrustee.ini back to softfile, once nothing is left behind keyhsmd. */
#include "core/backend.h"
#include "core/fileio.h"
#include "programs/common/ini_edit.h"
#include "programs/ktadmin/integrate.h"
#include "programs/ktadmin/trustee.h"

#include <string.h>
#include <unistd.h>

static const char way_out[] =
    "There is no path for migrating keys back from the HSM. To leave it:\n"
    "  1. Back up the data present in the encryption zones.\n"
    "  2. Delete the keys created previously, and purge them: ktadmin deposit purge.\n"
    "  3. Disable the HSM: run this command again.\n"
    "  4. Create a new store, new keys and encryption zones.\n"
    "  5. Restore the data from the backup.\n";

/* The work under way. */
struct ending {
    const struct kh_integration_args *args;
    struct kh_setup setup;
    bool told; /* why it ended, at length */
};

static kh_status set_up(struct ending *ending, const char *backends, struct kh_error *err)
{

    kh_setup_free(&ending->setup);
    return kh_trustee_setup(&ending->setup, &ending->args->setup, backends, err);
}

/* Whatever is listed remains: deleted and corrupt versions, too. */
static kh_status check_empty(
    const struct kh_setup *setup, bool *empty, struct kh_error *err)
{
    struct kh_backend *backend = NULL;
    const struct kh_cursor beginning = {0};
    struct kh_item item = {0};
    size_t count = 0;
    kh_status status = kh_backend_open(
        &backend, "keyhsm", setup->plugin_dir, setup->config, KH_OPEN_TOOL, err);

    if (status == KH_OK)
        status = kh_backend_list(backend, &beginning, &item, 1, &count, err);
    kh_backend_close(backend);
    *empty = count == 0;
    return status;
}

static kh_status refuse(const struct kh_integration_args *args, struct kh_error *err)
{
    (void)kh_fail(err, KH_REFUSED, "deposits remain on the HSM; nothing was changed");
    kh_integration_say(args, "%s", err->message);
    fputs(way_out, stderr);
    return KH_REFUSED;
}

static kh_status configure(
    const struct kh_integration_args *args, const char *confdir, struct kh_error *err)
{
    const struct kh_ini_change change = {"server", "backend", "softfile"};
    const char *path = args->setup.config ? args->setup.config : KH_KEYTRUSTEE_CONFIG;
    char kept[PATH_MAX];
    kh_status status = kh_ini_edit(path, &change, 1, kept, sizeof kept, err);

    if (status != KH_OK)
        return status;
    kh_integration_say(
        args, "changed %s: backend = softfile (the old file: %s)", path, kept);
    kh_integration_say(args,
        "the store in %s was left for ever, its key is destroyed: move store.pem and "
        "seal.json away from there (and store.key and deposits, if they were kept), and "
        "make a new store with ktadmin init; then restart the server: systemctl restart "
        "keytrusteed",
        confdir);
    return KH_OK;
}

/* Holding the turn: nobody moves deposits in meanwhile. */
static kh_status end_locked(
    struct ending *ending, const char *confdir, struct kh_error *err)
{
    bool empty = false;
    kh_status status = check_empty(&ending->setup, &empty, err);

    if (status != KH_OK)
        return status;
    ending->told = !empty;
    return empty ? configure(ending->args, confdir, err) : refuse(ending->args, err);
}

static kh_status end(struct ending *ending, struct kh_error *err)
{
    const char *backend;
    const char *confdir;
    int lock = -1;
    kh_status status = set_up(ending, "softfile", err);

    if (status != KH_OK)
        return status;
    backend = kh_config_string(ending->setup.config, "server", "backend");
    if (strcmp(backend, "keyhsm") != 0) {
        kh_integration_say(
            ending->args, "nothing to do: the server's backend is %s", backend);
        return KH_OK;
    }
    status = set_up(ending, "softfile,keyhsm", err);
    if (status != KH_OK)
        return status;
    confdir = kh_config_string(ending->setup.config, "backend.softfile", "directory");
    status = kh_integration_take_turn(confdir, &lock, err);
    if (status == KH_OK)
        status = end_locked(ending, confdir, err);
    kh_unlock(lock);
    return status;
}

int kh_disintegrate(const struct kh_integration_args *args)
{
    struct ending ending = {.args = args};
    struct kh_error err = {0};
    kh_status status = end(&ending, &err);

    if (status != KH_OK && !ending.told)
        kh_integration_say(args, "%s", err.message);
    kh_setup_free(&ending.setup);
    return kh_integration_exit(status);
}
