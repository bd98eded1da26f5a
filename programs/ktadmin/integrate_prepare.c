/* What an integration needs before it meets keyhsmd: paths, the key, its turn. */
#include "core/backend.h"
#include "core/fileio.h"
#include "core/secmem.h"
#include "core/secret.h"
#include "programs/ktadmin/integrate.h"
#include "programs/ktadmin/trustee.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* keytrusteed has another directory than this command. */
static kh_status absolute(const char *path, char out[PATH_MAX], struct kh_error *err)
{
    char here[PATH_MAX];
    int n;

    if (*path == '/' || strchr(path, ':')) {
        n = snprintf(out, PATH_MAX, "%s", path);
    } else {
        if (!getcwd(here, sizeof here))
            return kh_fail(err, KH_UNAVAILABLE, "the working directory: %m");
        n = snprintf(out, PATH_MAX, "%s/%s", here, path);
    }
    if (n < 0 || n >= PATH_MAX)
        return kh_fail(err, KH_INVALID, "%.64s...: the path is too long", path);
    return KH_OK;
}

static bool lasts(const char *source)
{
    return source && strncmp(source, "fd:", 3) != 0 && strcmp(source, "prompt") != 0;
}

/* Where keytrusteed can get the key's passphrase from when nobody is there: from what was
 * given now, else from what its file says of the same key already. */
static void find_daemon_source(
    struct kh_integration *in, const struct kh_config *config, char out[1025])
{
    const char *before = kh_config_string(config, "backend.keyhsm", "passphrase_source");
    const char *key_before = kh_config_string(config, "backend.keyhsm", "client_key");
    const char *tls = kh_config_string(config, "tls", "passphrase_source");
    const char *tls_key = kh_config_string(config, "tls", "private_key");
    const char *found = NULL;

    if (lasts(in->args->passphrase_source))
        found = in->args->passphrase_source;
    else if (lasts(before) && key_before && strcmp(key_before, in->keyfile) == 0)
        found = before;
    else if (lasts(tls) && tls_key && strcmp(tls_key, in->keyfile) == 0)
        found = tls;
    snprintf(out, 1025, "%s", found ? found : "");
}

static kh_status read_config(struct kh_integration *in, struct kh_error *err)
{
    struct kh_setup setup = {0};
    const char *confdir;
    kh_status status = kh_trustee_setup(&setup, &in->args->setup, "softfile", err);

    if (status != KH_OK)
        return status;
    confdir = kh_config_string(setup.config, "backend.softfile", "directory");
    if (!confdir)
        confdir = KH_CONFDIR_DEFAULT;
    in->config = in->args->setup.config ? in->args->setup.config : KH_KEYTRUSTEE_CONFIG;
    snprintf(in->confdir, sizeof in->confdir, "%s", confdir);
    find_daemon_source(in, setup.config, in->daemon_source);
    if (access(confdir, F_OK) != 0)
        status = kh_fail(err, KH_UNAVAILABLE,
            "no key store in %s (there is no such directory); `ktadmin init` makes one",
            confdir);
    else
        status = kh_confdir_path(in->pin, confdir, KH_CONFDIR_PIN, err);
    kh_setup_free(&setup);
    return status;
}

static kh_status load_identity(struct kh_integration *in, struct kh_error *err)
{
    const struct kh_http_options options = {.certfile = in->certfile,
        .keyfile = in->keyfile,
        .passphrase_source =
            in->args->passphrase ? "prompt" : in->args->passphrase_source};
    kh_status status = kh_identity_load(&in->identity, &options, err);

    if (status == KH_OK && in->identity.passphrase.len == 0)
        *in->daemon_source = '\0';
    return status;
}

kh_status kh_integration_take_turn(const char *confdir, int *lock, struct kh_error *err)
{
    struct kh_error why = {0};
    char path[PATH_MAX];
    kh_status status = kh_confdir_make_ssl(confdir, err);

    if (status == KH_OK)
        status = kh_confdir_path(path, confdir, KH_CONFDIR_LOCK, err);
    if (status != KH_OK)
        return status;
    status = kh_lock(path, confdir, lock, &why);
    if (status == KH_BUSY)
        return kh_fail(
            err, KH_BUSY, "another ktadmin keyhsm is running: %s", why.message);
    if (status != KH_OK)
        return kh_fail(err, status, "%s", why.message);
    return kh_confdir_give(confdir, path, err);
}

static kh_status make_scratch(struct kh_integration *in, struct kh_error *err)
{
    const char *base = getenv("TMPDIR");
    char path[PATH_MAX - 64];
    int n = snprintf(
        path, sizeof path, "%s/ktadmin-XXXXXX", base && *base == '/' ? base : "/tmp");

    if (n < 0 || n >= (int)sizeof path || !mkdtemp(path))
        return kh_fail(err, KH_UNAVAILABLE, "cannot make the directory %s: %m", path);
    snprintf(in->scratch, sizeof in->scratch, "%s", path);
    snprintf(in->scratch_pin, sizeof in->scratch_pin, "%s/ssl-cert-keyhsm.pem", path);
    snprintf(in->scratch_config, sizeof in->scratch_config, "%s/keytrustee.ini", path);
    return KH_OK;
}

/* The plugin reads the passphrase once, from a pipe: it stays in no file, and nobody is
 * asked twice. */
static kh_status pass_on(struct kh_integration *in, struct kh_error *err)
{
    const struct kh_buf *secret = &in->identity.passphrase;
    int ends[2];
    ssize_t written;

    if (secret->len == 0)
        return KH_OK;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return kh_fail(err, KH_FATAL, "cannot make a pipe: %m");
    /* It fits: a passphrase is shorter than what a pipe holds. */
    written = write(ends[1], secret->data, secret->len);
    (void)close(ends[1]);
    snprintf(in->key_pipe, sizeof in->key_pipe, "fd:%d", ends[0]);
    if (written != (ssize_t)secret->len)
        return kh_fail(err, KH_FATAL, "cannot write into a pipe: %m");
    return KH_OK;
}

kh_status kh_integration_prepare(struct kh_integration *in, struct kh_error *err)
{
    kh_status status = absolute(in->args->certfile, in->certfile, err);

    if (status == KH_OK)
        status = absolute(in->args->keyfile, in->keyfile, err);
    if (status == KH_OK)
        status = read_config(in, err);
    if (status == KH_OK)
        status = load_identity(in, err);
    /* What is only looked at needs no turn. */
    if (status == KH_OK && !in->args->migration.engine.dry_run)
        status = kh_integration_take_turn(in->confdir, &in->lock, err);
    if (status == KH_OK)
        status = make_scratch(in, err);
    return status == KH_OK ? pass_on(in, err) : status;
}

void kh_integration_drop_scratch(struct kh_integration *in)
{
    if (!*in->scratch)
        return;
    (void)unlink(in->scratch_pin);
    (void)unlink(in->scratch_config);
    (void)rmdir(in->scratch);
    *in->scratch = '\0';
}

void kh_integration_clean_up(struct kh_integration *in)
{
    kh_integration_drop_scratch(in);
    if (*in->key_pipe)
        (void)close((int)strtol(in->key_pipe + 3, NULL, 10));
    kh_unlock(in->lock);
    kh_peer_free(&in->peer);
    kh_identity_free(&in->identity);
}
