/* The options of [backend.keyhsm], and what they amount to. */
#ifndef KH_REMOTE_OPTIONS_H
#define KH_REMOTE_OPTIONS_H

#include <keyhsm/plugin.h>

#define KH_REMOTE_OPTION_COUNT 11
extern const struct kh_option kh_remote_options[KH_REMOTE_OPTION_COUNT];

#define KH_REMOTE_CONNECTIONS_MAX 64

/* As configured; strings are the host's and live until close. */
struct kh_remote_settings {
    const struct kh_host *host;
    const char *server; /* https://HOST[:PORT] */
    const char *socket; /* the Unix socket that stands for that host; NULL: TCP */
    const char *client_certificate; /* NULL: none is shown, and there is no key */
    const char *client_key;
    const char *passphrase_source;  /* NULL: the key has none */
    const char *server_certificate; /* NULL: not pinned */
    const char *ca_file;            /* NULL: the system's authorities */
    const char *crl_file;
    bool negotiate; /* a Kerberos ticket on top of the certificate */
    long connect_ms;
    long request_ms;
    unsigned connections;
};

/* Reads them. KH_INVALID, naming the option: a number out of range, or options that do
 * not go together. */
KH_CHECK kh_status kh_remote_settings_read(
    struct kh_remote_settings *out, const struct kh_host *host, struct kh_error *err);

#endif
