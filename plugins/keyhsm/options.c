#include "plugins/keyhsm/options.h"

/* clang-format off */
const struct kh_option kh_remote_options[KH_REMOTE_OPTION_COUNT] = {
    {"server", KH_OPT_STRING, NULL, KH_OPT_REQUIRED, NULL, "address of keyhsmd: https://HOST:PORT"},
    {"client_certificate", KH_OPT_PATH, NULL, KH_OPT_REQUIRED | KH_OPT_CERTIFICATES, NULL, "certificate to show to keyhsmd, with its chain, PEM"},
    {"client_key", KH_OPT_STRING, NULL, KH_OPT_REQUIRED, NULL, "its private key: a PEM file, or a URI that OpenSSL's store opens"},
    {"passphrase_source", KH_OPT_STRING, NULL, KH_OPT_SECRET, NULL, "where the private key's passphrase comes from"},
    {"server_certificate", KH_OPT_PATH, NULL, KH_OPT_CERTIFICATES, NULL, "the pinned certificate of keyhsmd, PEM: exactly this one is talked to"},
    {"ca_file", KH_OPT_PATH, NULL, KH_OPT_CERTIFICATES, NULL, "when none is pinned: authorities that vouch for keyhsmd and its host name, PEM; unset: the system's"},
    {"crl_file", KH_OPT_PATH, NULL, 0, NULL, "revocation lists of those authorities, PEM"},
    {"negotiate", KH_OPT_BOOL, "no", 0, NULL, "show a Kerberos ticket, too, to a keyhsmd that asks for one"},
    {"connect_timeout", KH_OPT_SECONDS, "10s", 0, NULL, "time to connect, handshake included"},
    {"request_timeout", KH_OPT_SECONDS, "120s", 0, NULL, "time a request may take as a whole"},
    {"connections", KH_OPT_INT, "8", 0, NULL, "connections kept open, so requests at the same time"},
};
/* clang-format on */

enum { SECONDS_MAX = 3600 };

/* The value of KEY between 1 and MAX; else ERR is filled. */
static long ranged(
    const struct kh_host *host, const char *key, long max, struct kh_error *err)
{
    int64_t value = host->option_int(host, key);

    if ((value < 1 || value > max) && err->status == KH_OK)
        (void)kh_fail(err, KH_INVALID, "[backend.%s] %s must be from 1 to %ld",
            host->instance, key, max);
    return (long)value;
}

kh_status kh_remote_settings_read(
    struct kh_remote_settings *out, const struct kh_host *host, struct kh_error *err)
{
    struct kh_error found = {0};

    *out = (struct kh_remote_settings){
        .host = host,
        .server = host->option_string(host, "server"),
        .client_certificate = host->option_string(host, "client_certificate"),
        .client_key = host->option_string(host, "client_key"),
        .passphrase_source = host->option_string(host, "passphrase_source"),
        .server_certificate = host->option_string(host, "server_certificate"),
        .ca_file = host->option_string(host, "ca_file"),
        .crl_file = host->option_string(host, "crl_file"),
        .negotiate = host->option_bool(host, "negotiate"),
        .connect_ms = 1000 * ranged(host, "connect_timeout", SECONDS_MAX, &found),
        .request_ms = 1000 * ranged(host, "request_timeout", SECONDS_MAX, &found),
        .connections =
            (unsigned)ranged(host, "connections", KH_REMOTE_CONNECTIONS_MAX, &found),
    };
    if (found.status != KH_OK)
        return kh_fail(err, found.status, "%s", found.message);
    if (out->crl_file && (out->server_certificate || !out->ca_file))
        return kh_fail(err, KH_INVALID,
            "[backend.%s] crl_file goes with ca_file, and a pinned server_certificate "
            "with neither",
            host->instance);
    return KH_OK;
}
