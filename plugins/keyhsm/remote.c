#include "plugins/keyhsm/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libcurl would find them missing only when it connects. */
static kh_status check_files(const struct kh_remote_settings *s, struct kh_error *err)
{
    const char *const files[] = {s->ca_file, s->crl_file};

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (files[i] && access(files[i], R_OK) != 0)
            return kh_fail(err, KH_INVALID, "%s: %s", files[i], strerror(errno));
    }
    return KH_OK;
}

kh_status kh_remote_prepare(struct kh_remote *remote, struct kh_error *err)
{
    const struct kh_remote_settings *s = &remote->settings;
    struct kh_http_shared *shared = &remote->shared;
    kh_status st = kh_url_check(s->server, err);
    size_t len;

    if (st == KH_OK)
        st = check_files(s, err);
    if (st != KH_OK)
        return st;
    len = strlen(s->server);
    remote->server = strndup(s->server, s->server[len - 1] == '/' ? len - 1 : len);
    if (!remote->server)
        return kh_fail(err, KH_FATAL, "out of memory");
    shared->settings = s;
    shared->server = remote->server;
    shared->pinned = s->server_certificate != NULL;
    if (shared->pinned)
        st = kh_pin_load(&shared->pin, s->server_certificate, err);
    if (st == KH_OK)
        st = kh_identity_load(&shared->identity, s, err);
    return st == KH_OK ? kh_pool_new(&remote->pool, shared, err) : st;
}

/* A daemon starts without keyhsmd: after a power cut they come up in any order. It
 * answers as while keyhsmd is restarted, and nobody has to look after it. */
static bool may_wait(const struct kh_remote *remote, kh_status st)
{
    return remote->host->mode == KH_OPEN_SERVE && (st == KH_UNAVAILABLE || st == KH_BUSY);
}

static kh_status meet(struct kh_remote *remote, struct kh_error *err)
{
    struct kh_wire_backend backend;
    kh_status st = kh_remote_ask(remote, &backend, err);

    if (may_wait(remote, st)) {
        remote->host->log(remote->host, KH_LOG_WARNING,
            "%s; nothing is served until it answers", err->message);
        *err = (struct kh_error){0};
        remote->open = true;
        return KH_OK;
    }
    if (st != KH_OK)
        return st;
    if (remote->host->mode == KH_OPEN_MIGRATE &&
        !(backend.capabilities & KH_CAP_HARDWARE))
        return kh_fail(err, KH_REFUSED,
            "keyhsmd at %s serves backend '%s', which does not keep keys in hardware; "
            "deposits move towards hardware only",
            remote->server, backend.name);
    remote->open = true;
    remote->host->log(remote->host,
        remote->host->mode == KH_OPEN_SERVE ? KH_LOG_NOTICE : KH_LOG_DEBUG,
        "%s serves backend '%s', %s", remote->server, backend.name, backend.info.place);
    return KH_OK;
}

kh_status kh_remote_open(
    struct kh_remote **out, const struct kh_host *host, struct kh_error *err)
{
    struct kh_remote *remote = calloc(1, sizeof *remote);
    kh_status st;

    *out = NULL;
    if (!remote)
        return kh_fail(err, KH_FATAL, "out of memory");
    remote->host = host;
    st = kh_remote_settings_read(&remote->settings, host, err);
    if (st == KH_OK)
        st = kh_remote_prepare(remote, err);
    if (st == KH_OK)
        st = meet(remote, err);
    if (st != KH_OK) {
        kh_remote_close(remote);
        return st;
    }
    *out = remote;
    return KH_OK;
}

void kh_remote_close(struct kh_remote *remote)
{
    if (!remote)
        return;
    kh_pool_free(remote->pool);
    kh_identity_free(&remote->shared.identity);
    free(remote->server);
    free(remote);
}
