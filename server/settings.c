#include "server/settings.h"

#include <stdlib.h>
#include <string.h>

/* A number of [server] between MIN and MAX; else ERR is filled and *OK cleared. */
static uint64_t ranged(const struct kh_config *config, const char *key, int64_t min,
    int64_t max, struct kh_error *err)
{
    int64_t value = kh_config_int(config, "server", key);

    if ((value < min || value > max) && err->status == KH_OK)
        (void)kh_fail(err, KH_INVALID, "%s: [server] %s must be from %lld to %lld",
            kh_config_where(config, "server", key), key, (long long)min, (long long)max);
    return (uint64_t)value;
}

static uint64_t millis(
    const struct kh_config *config, const char *key, struct kh_error *err)
{
    return 1000 * ranged(config, key, 1, 86400, err);
}

static void read_http(
    const struct kh_config *config, struct kh_http_options *out, struct kh_error *err)
{
    out->max_body = ranged(config, "max_body", 1024, 16 * 1024 * 1024, err);
    out->max_header = ranged(config, "max_header", 1024, 1024 * 1024, err);
    out->max_connections = (unsigned)ranged(config, "max_connections", 1, 1000000, err);
    out->handshake_ms = millis(config, "handshake_timeout", err);
    out->request_ms = millis(config, "request_timeout", err);
    out->idle_ms = millis(config, "idle_timeout", err);
}

static void read_tls(const struct kh_config *config, struct kh_tls_options *out)
{
    const char *min = kh_config_string(config, "tls", "min_version");

    *out = (struct kh_tls_options){
        .certificate = kh_config_string(config, "tls", "certificate"),
        .key = kh_config_string(config, "tls", "private_key"),
        .passphrase = kh_config_string(config, "tls", "passphrase_source"),
        .trust_dir = kh_config_string(config, "tls", "trust_dir"),
        .ca_file = kh_config_string(config, "tls", "ca_file"),
        .crl_file = kh_config_string(config, "tls", "crl_file"),
        .only_13 = min && strcmp(min, "1.3") == 0,
    };
}

kh_status kh_settings_read(
    const struct kh_config *config, struct kh_settings *out, struct kh_error *err)
{
    struct kh_error found = {0};
    const char *listen = kh_config_string(config, "server", "listen");

    *out = (struct kh_settings){0};
    out->listen = listen && strcmp(listen, "*") != 0 ? listen : NULL;
    out->port = (uint16_t)ranged(config, "port", 0, 65535, &found);
    out->port_file = kh_config_string(config, "server", "port_file");
    out->socket = kh_config_string(config, "server", "socket");
    out->socket_mode =
        (unsigned)strtoul(kh_config_string(config, "server", "socket_mode"), NULL, 8);
    out->workers = (unsigned)ranged(config, "workers", 1, 1024, &found);
    out->queue = (unsigned)ranged(config, "queue", 1, 1000000, &found);
    out->body_memory = ranged(config, "body_memory", 4096, 1024 * 1024 * 1024, &found);
    out->drain_ms = millis(config, "drain_timeout", &found);
    read_http(config, &out->http, &found);
    read_tls(config, &out->tls);
    if (found.status != KH_OK)
        return kh_fail(err, found.status, "%s", found.message);
    return KH_OK;
}
