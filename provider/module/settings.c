#include "provider/module/settings.h"

#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { CONNECT_MS = 1000, TIMEOUT_SECONDS = 10, TIMEOUT_MAX = 600, CONNECTIONS = 16 };

/* In the order of kh_settings_read's local array. */
enum option {
    SERVER,
    SERVER_NAME,
    SERVER_CERTIFICATE,
    CACERT,
    CRLFILE,
    CLIENT_CERTFILE,
    CLIENT_KEYFILE,
    NEGOTIATE,
    TIMEOUT,
    CONNECTIONS_MAX,
    OPTIONS
};

static const struct {
    const char *option, *variable;
} names[OPTIONS] = {
    [SERVER] = {"server", "KEYHSM_SERVER"},
    [SERVER_NAME] = {"server_name", "KEYHSM_SERVER_NAME"},
    [SERVER_CERTIFICATE] = {"server_certificate", "KEYHSM_SERVER_CERTIFICATE"},
    [CACERT] = {"cacert", "KEYHSM_CACERT"},
    [CRLFILE] = {"crlfile", "KEYHSM_CRLFILE"},
    [CLIENT_CERTFILE] = {"client_certfile", "KEYHSM_CLIENT_CERTFILE"},
    [CLIENT_KEYFILE] = {"client_keyfile", "KEYHSM_CLIENT_KEYFILE"},
    [NEGOTIATE] = {"negotiate", "KEYHSM_NEGOTIATE"},
    [TIMEOUT] = {"timeout", "KEYHSM_TIMEOUT"},
    [CONNECTIONS_MAX] = {"connections", "KEYHSM_CONNECTIONS"},
};

/* ---- where they stand ---- */

static bool from_section(const OSSL_CORE_HANDLE *handle,
    OSSL_FUNC_core_get_params_fn *get, const char *values[OPTIONS])
{
    OSSL_PARAM params[OPTIONS + 1];
    char *found[OPTIONS] = {NULL};

    for (size_t i = 0; i < OPTIONS; i++)
        params[i] = OSSL_PARAM_construct_utf8_ptr(names[i].option, &found[i], 0);
    params[OPTIONS] = OSSL_PARAM_construct_end();
    if (get(handle, params) != 1)
        return false;
    for (size_t i = 0; i < OPTIONS; i++)
        values[i] = found[i];
    return true;
}

/* An empty one unsets the option. */
static void from_environment(const char *values[OPTIONS])
{
    for (size_t i = 0; i < OPTIONS; i++) {
        const char *value = secure_getenv(names[i].variable);

        if (value)
            values[i] = value;
        if (values[i] && !*values[i])
            values[i] = NULL;
    }
}

/* The environment may change under us, and openssl.cnf's text is libcrypto's. */
static bool keep(struct kh_settings *settings, const char *values[OPTIONS])
{
    for (size_t i = 0; i < OPTIONS; i++) {
        if (!values[i])
            continue;
        values[i] = settings->text[settings->text_count] = strdup(values[i]);
        if (!values[i])
            return false;
        settings->text_count++;
    }
    return true;
}

/* ---- what they mean ---- */

static kh_status take_server(struct kh_settings *s, const char *values[OPTIONS])
{
    const char *server = values[SERVER];
    const char *name = values[SERVER_NAME] ? values[SERVER_NAME] : "localhost";
    const char *socket = server && strncmp(server, "unix:", 5) == 0 ? server + 5 : NULL;

    if (!server)
        return kh_fail(&s->bad, KH_INVALID,
            "no server is configured: set server in the provider's section of "
            "openssl.cnf, or KEYHSM_SERVER");
    if (!socket) {
        if (values[SERVER_NAME])
            return kh_fail(&s->bad, KH_INVALID,
                "server_name goes with server = unix:/PATH; https:// names it already");
        if ((size_t)snprintf(s->address, sizeof s->address, "%s", server) >=
            sizeof s->address)
            return kh_fail(&s->bad, KH_INVALID, "server: over %zu characters",
                sizeof s->address - 1);
        return KH_OK;
    }
    if (*socket != '/' || strlen(socket) >= sizeof((struct sockaddr_un *)0)->sun_path)
        return kh_fail(&s->bad, KH_INVALID,
            "server: '%.120s' is not of the form unix:/ABSOLUTE/PATH, of less than %zu "
            "characters",
            server, sizeof((struct sockaddr_un *)0)->sun_path);
    if (strlen(name) > 253 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789.-"
                                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(name))
        return kh_fail(
            &s->bad, KH_INVALID, "server_name: '%.100s' is not a host's name", name);
    (void)snprintf(s->address, sizeof s->address, "https://%s", name);
    s->remote.socket = socket;
    return KH_OK;
}

static kh_status take_flag(struct kh_error *err, const char *value, bool *out)
{
    *out = value && strcmp(value, "yes") == 0;
    if (value && !*out && strcmp(value, "no") != 0)
        return kh_fail(
            err, KH_INVALID, "negotiate: '%.40s' is neither yes nor no", value);
    return KH_OK;
}

/* From 1 to MAX. */
static kh_status take_number(
    struct kh_error *err, enum option option, const char *value, long max, long *out)
{
    char *end = NULL;

    if (!value)
        return KH_OK;
    *out = *value >= '0' && *value <= '9' ? strtol(value, &end, 10) : 0;
    if (*out < 1 || *out > max || *end)
        return kh_fail(err, KH_INVALID, "%s: '%.40s' is not a number from 1 to %ld",
            names[option].option, value, max);
    return KH_OK;
}

static kh_status take_files(struct kh_settings *s, const char *values[OPTIONS])
{
    struct kh_remote_settings *r = &s->remote;

    r->client_certificate = values[CLIENT_CERTFILE];
    r->client_key = values[CLIENT_KEYFILE];
    r->server_certificate = values[SERVER_CERTIFICATE];
    r->ca_file = values[CACERT];
    r->crl_file = values[CRLFILE];
    if (!r->client_certificate != !r->client_key)
        return kh_fail(
            &s->bad, KH_INVALID, "client_certfile and client_keyfile go together");
    if (!r->client_certificate && !r->negotiate)
        return kh_fail(&s->bad, KH_INVALID,
            "neither client_certfile nor negotiate is set: the daemon would not know who "
            "asks");
    if (r->crl_file && (r->server_certificate || !r->ca_file))
        return kh_fail(&s->bad, KH_INVALID,
            "crlfile goes with cacert, and server_certificate, a pinned one, with "
            "neither");
    return KH_OK;
}

static void take(struct kh_settings *s, const char *values[OPTIONS])
{
    struct kh_remote_settings *r = &s->remote;
    long seconds = TIMEOUT_SECONDS;
    long connections = CONNECTIONS;
    kh_status st = take_server(s, values);

    if (st == KH_OK)
        st = take_flag(&s->bad, values[NEGOTIATE], &r->negotiate);
    if (st == KH_OK)
        st = take_number(&s->bad, TIMEOUT, values[TIMEOUT], TIMEOUT_MAX, &seconds);
    if (st == KH_OK)
        st = take_number(&s->bad, CONNECTIONS_MAX, values[CONNECTIONS_MAX],
            KH_REMOTE_CONNECTIONS_MAX, &connections);
    if (st == KH_OK)
        st = take_files(s, values);
    s->bad.status = st;
    /* One that is down is told within a second, whatever a request may take. */
    r->connect_ms = CONNECT_MS;
    r->request_ms = 1000 * seconds;
    r->connections = (unsigned)connections;
}

bool kh_settings_read(struct kh_settings *settings, const OSSL_CORE_HANDLE *handle,
    OSSL_FUNC_core_get_params_fn *get)
{
    const char *values[OPTIONS];

    memset(settings, 0, sizeof *settings);
    if (!from_section(handle, get, values))
        return false;
    from_environment(values);
    if (!keep(settings, values))
        return false;
    take(settings, values);
    return true;
}

void kh_settings_free(struct kh_settings *settings)
{
    for (size_t i = 0; i < settings->text_count; i++)
        free(settings->text[i]);
    memset(settings, 0, sizeof *settings);
}
