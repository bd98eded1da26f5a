/* keytrustee.ini, before and after the integration. */
#include "core/fileio.h"
#include "core/secmem.h"
#include "programs/common/ini_edit.h"
#include "programs/ktadmin/integrate.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHANGES = 6 };

static const char section[] = "backend.keyhsm";

static kh_status edit(const struct kh_integration *in, const char *path,
    char kept[PATH_MAX], struct kh_error *err)
{
    const struct kh_ini_change changes[CHANGES] = {
        {"server", "backend", "keyhsm"},
        {section, "server", in->args->server},
        {section, "client_certificate", in->certfile},
        {section, "client_key", in->keyfile},
        {section, "server_certificate", in->pin},
        {section, "passphrase_source", *in->daemon_source ? in->daemon_source : NULL},
    };

    return kh_ini_edit(path, changes, CHANGES, kept, PATH_MAX, err);
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

/* The directory of PATH, into OUT. */
static const char *directory_of(const char *path, char out[PATH_MAX])
{
    snprintf(out, PATH_MAX, "%s", path);
    return dirname(out);
}

static kh_status copy(
    const struct kh_integration *in, const char *to, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf text = {0};
    kh_status status = kh_file_read(in->config, KH_CONFIG_FILE_MAX, &text, err);

    return status == KH_OK ? kh_file_write(to, text.data, text.len, 0600, false, err)
                           : status;
}

kh_status kh_integration_preview(const struct kh_integration *in, struct kh_error *err)
{
    char buffer[PATH_MAX];
    char kept[PATH_MAX] = "";
    const char *directory = directory_of(in->config, buffer);
    kh_status status = KH_OK;

    if (is_there(directory) && access(directory, W_OK) != 0)
        return kh_fail(err, KH_UNAVAILABLE,
            "%s: cannot be written, and %s has to be changed there: %s", directory,
            in->config, strerror(errno));
    if (is_there(in->config))
        status = copy(in, in->scratch_config, err);
    if (status == KH_OK)
        status = edit(in, in->scratch_config, kept, err);
    if (status == KH_OK && *kept)
        (void)unlink(kept);
    return status;
}

/* A file that is new belongs to root; the daemon has to read it all the same. */
static kh_status let_the_daemon_read(
    const struct kh_integration *in, struct kh_error *err)
{
    struct stat st;

    if (geteuid() != 0)
        return KH_OK;
    if (stat(in->confdir, &st) != 0 || chown(in->config, 0, st.st_gid) != 0)
        return kh_fail(err, KH_UNAVAILABLE, "cannot let the group of %s read %s: %s",
            in->confdir, in->config, strerror(errno));
    return KH_OK;
}

kh_status kh_integration_configure(const struct kh_integration *in, struct kh_error *err)
{
    char kept[PATH_MAX] = "";
    char buffer[PATH_MAX];
    bool fresh = !is_there(in->config);
    kh_status status = KH_OK;

    if (fresh)
        status = kh_dir_make(directory_of(in->config, buffer), 0755, err);
    if (status == KH_OK)
        status = edit(in, in->config, kept, err);
    if (status == KH_OK && fresh)
        status = let_the_daemon_read(in, err);
    if (status != KH_OK)
        return status;
    if (fresh)
        kh_integration_say(in->args, "made %s: backend = keyhsm", in->config);
    else if (*kept)
        kh_integration_say(in->args, "changed %s: backend = keyhsm (the old file: %s)",
            in->config, kept);
    else
        kh_integration_say(in->args, "%s says backend = keyhsm already", in->config);
    return KH_OK;
}
