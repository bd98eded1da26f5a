#include "provider/module/client_impl.h"

#include "plugins/keyhsm/curl.h"
#include "provider/module/host.h"
#include "provider/module/inner.h"
#include "provider/module/settings.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct kh_client {
    OSSL_LIB_CTX *inner; /* the module's */
    struct kh_settings settings;
    struct kh_remote remote;
    pid_t pid;  /* whose connections those of REMOTE are; 0: nothing is ready */
    bool ready; /* read without a lock once it is true, in the process PID */
};

/*
 * Held while a client gets ready, which reads files and asks nobody. One for all of them,
 * so that a fork can wait for it: in the child it is free, and no client is half ready.
 */
static pthread_mutex_t starting = PTHREAD_MUTEX_INITIALIZER;

static void before_fork(void)
{
    (void)pthread_mutex_lock(&starting);
}

static void after_fork(void)
{
    (void)pthread_mutex_unlock(&starting);
}

static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, after_fork, after_fork);
}

/* ---- birth and death ---- */

struct kh_client *kh_client_new(
    const struct kh_module *module, OSSL_FUNC_core_get_params_fn *get)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct kh_client *client = calloc(1, sizeof *client);

    (void)pthread_once(&once, watch_forks);
    if (!client)
        return NULL;
    client->inner = module->inner;
    if (!kh_settings_read(&client->settings, module->handle, get)) {
        kh_client_free(client);
        return NULL;
    }
    client->settings.remote.host = client->remote.host = kh_module_host();
    client->settings.remote.server = client->settings.address;
    return client;
}

/* Frees what REMOTE points to; it can be prepared again. */
static void empty(struct kh_remote *remote)
{
    kh_pool_free(remote->pool);
    kh_identity_free(&remote->shared.identity);
    free(remote->server);
    *remote = (struct kh_remote){.host = remote->host};
}

void kh_client_free(struct kh_client *client)
{
    OSSL_LIB_CTX *before;

    if (!client)
        return;
    before = kh_inner_enter(client->inner);
    if (client->ready && client->pid != getpid())
        kh_pool_forked(client->remote.pool);
    empty(&client->remote);
    kh_inner_leave(before);
    kh_settings_free(&client->settings);
    free(client);
}

bool kh_client_usable(const struct kh_client *client)
{
    return client->settings.bad.status == KH_OK;
}

/* ---- a call ---- */

/* What fails is tried again by the next call: a certificate may be put in its place. */
static kh_status get_ready(struct kh_client *client, struct kh_error *err)
{
    struct kh_remote *remote = &client->remote;
    kh_status st;

    if (client->ready) {
        kh_pool_forked(remote->pool);
        client->pid = getpid();
        return KH_OK;
    }
    remote->settings = client->settings.remote;
    st = kh_remote_prepare(remote, err);
    if (st == KH_OK) {
        client->pid = getpid();
        remote->open = true;
        __atomic_store_n(&client->ready, true, __ATOMIC_RELEASE);
    } else {
        empty(remote);
    }
    return st;
}

static bool is_ready(const struct kh_client *client)
{
    return __atomic_load_n(&client->ready, __ATOMIC_ACQUIRE) &&
           __atomic_load_n(&client->pid, __ATOMIC_ACQUIRE) == getpid();
}

static kh_status check_ready(struct kh_client *client, struct kh_error *err)
{
    kh_status st = client->settings.bad.status;

    if (st != KH_OK)
        return kh_fail(err, st, "%s", client->settings.bad.message);
    if (is_ready(client))
        return KH_OK;
    (void)pthread_mutex_lock(&starting);
    if (!is_ready(client))
        st = get_ready(client, err);
    (void)pthread_mutex_unlock(&starting);
    return st;
}

kh_status kh_client_call(
    struct kh_client *client, struct kh_exchange *exchange, struct kh_error *err)
{
    OSSL_LIB_CTX *before;
    kh_status st;

    /* Once in the process, in the application's context: see kh_curl_start. */
    (void)kh_curl_start();
    kh_identity_start();
    before = kh_inner_enter(client->inner);
    st = check_ready(client, err);
    if (st == KH_OK)
        st = kh_remote_call(&client->remote, exchange, err);
    kh_inner_leave(before);
    return st;
}

kh_status kh_client_get(struct kh_client *client, const char *name, uint32_t version,
    struct kh_buf *out, struct kh_error *err)
{
    struct kh_path path = {.name = name, .below = "", .version = version};
    struct kh_exchange e = {.method = "GET", .repeatable = true, .bytes = true};
    char text[KH_PATH_SIZE];
    kh_status st = kh_url_path(text, &path, err);

    if (st != KH_OK)
        return st;
    e.path = text;
    st = kh_client_call(client, &e, err);
    if (st == KH_OK && e.answer.len > KH_DATA_LIMIT)
        st = kh_fail(err, KH_UNAVAILABLE, "'%s': the deposit is larger than %d bytes",
            name, KH_DATA_LIMIT);
    if (st == KH_OK) {
        *out = e.answer;
        memset(&e.answer, 0, sizeof e.answer);
    }
    kh_exchange_free(kh_module_host(), &e);
    return st;
}

void kh_client_buf_free(struct kh_buf *buf)
{
    kh_module_host()->buf_free(kh_module_host(), buf);
}
