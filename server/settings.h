/* The sections [server] and [tls] as the server uses them. */
#ifndef KH_SERVER_SETTINGS_H
#define KH_SERVER_SETTINGS_H

#include "core/config.h"
#include "server/http.h"

struct kh_settings {
    const char *listen; /* NULL: every address */
    uint16_t port;
    const char *port_file; /* or NULL */
    const char *socket;    /* path; or NULL */
    unsigned socket_mode;
    unsigned workers;
    unsigned queue;
    size_t body_memory;
    uint64_t drain_ms;
    struct kh_http_options http;
    struct kh_tls_options tls;
};

/* KH_INVALID, with file and line, for a value out of range. Strings are CONFIG's. */
KH_CHECK kh_status kh_settings_read(
    const struct kh_config *config, struct kh_settings *out, struct kh_error *err);

#endif
