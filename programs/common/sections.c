#include "programs/common/sections.h"

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

/* clang-format off */
/* Both daemons have these; where they listen differs. */
#define SERVER_ROWS(address, number) \
    {"listen", KH_OPT_STRING, address, 0, NULL, "name or address to listen on; * for all"}, \
    {"port", KH_OPT_INT, number, 0, NULL, "TCP port to listen on; 0 lets the kernel choose"}, \
    {"port_file", KH_OPT_PATH, NULL, 0, NULL, "file the port is written to once it is open"}, \
    {"socket", KH_OPT_PATH, NULL, 0, NULL, "socket to listen on as well, for callers of this host; TLS as on the port"}, \
    {"socket_mode", KH_OPT_ENUM, "0660", 0, "0600|0660|0666", "its permissions"}, \
    {"workers", KH_OPT_INT, "16", 0, NULL, "threads that serve requests"}, \
    {"queue", KH_OPT_INT, "256", 0, NULL, "requests that may wait for a worker"}, \
    {"max_connections", KH_OPT_INT, "1024", 0, NULL, "connections served at the same time"}, \
    {"max_body", KH_OPT_SIZE, "1M", 0, NULL, "largest request body"}, \
    {"max_header", KH_OPT_SIZE, "64K", 0, NULL, "largest request line with its headers; Kerberos tickets are large"}, \
    {"body_memory", KH_OPT_SIZE, "1M", 0, NULL, "request bodies in secret memory at the same time"}, \
    {"handshake_timeout", KH_OPT_SECONDS, "10s", 0, NULL, "time from a connection to the first byte of a request"}, \
    {"idle_timeout", KH_OPT_SECONDS, "60s", 0, NULL, "time a connection may rest between requests"}, \
    {"request_timeout", KH_OPT_SECONDS, "30s", 0, NULL, "time to send a request, to work on it, and to take its answer"}, \
    {"drain_timeout", KH_OPT_SECONDS, "30s", 0, NULL, "time requests have to finish when the daemon stops"}

#define TLS_ROWS \
    {"passphrase_source", KH_OPT_STRING, NULL, KH_OPT_SECRET, NULL, "where the private key's passphrase comes from"}, \
    {"ca_file", KH_OPT_PATH, NULL, KH_OPT_CERTIFICATES, NULL, "certificates of the authorities whose clients are accepted, PEM"}, \
    {"crl_file", KH_OPT_PATH, NULL, 0, NULL, "revocation lists of those authorities, PEM"}, \
    {"trust_dir", KH_OPT_PATH, NULL, 0, NULL, "directory of pinned client certificates, one file each"}, \
    {"min_version", KH_OPT_ENUM, "1.2", 0, "1.2|1.3", "lowest TLS version accepted"}

const struct kh_option kh_server_options[] = {
    SERVER_ROWS("localhost", "9090"),
};

const struct kh_option kh_tls_options[] = {
    {"certificate", KH_OPT_PATH, NULL, KH_OPT_REQUIRED, NULL, "certificate chain of this server, PEM"},
    {"private_key", KH_OPT_STRING, NULL, KH_OPT_REQUIRED, NULL, "its private key: a PEM file, or a URI that OpenSSL's store opens"},
    TLS_ROWS,
};

const struct kh_option kh_openssl_options[] = {
    {"properties", KH_OPT_STRING, NULL, 0, NULL, "property query of every algorithm, for example fips=yes"},
    {"providers", KH_OPT_STRING, "default", 0, NULL, "OpenSSL providers to load, separated by commas"},
};

static const struct kh_option log_options[] = {
    {"target", KH_OPT_STRING, "stderr", 0, NULL, "where to: stderr, journal or file:/absolute/path"},
    {"format", KH_OPT_ENUM, "text", 0, "text|json", "lines for people, or each a JSON object; the journal has fields of its own"},
    {"level", KH_OPT_ENUM, "info", 0, "error|warning|notice|info|debug", "least important lines that are written"},
};

static const struct kh_option memory_options[] = {
    {"secure_heap", KH_OPT_SIZE, "0", 0, NULL, "size of the locked memory for secrets, 0 to choose it"},
    {"lock", KH_OPT_ENUM, "required", 0, "required|preferred", "whether to start when memory cannot be locked"},
};

static const struct kh_option backup_options[] = {
    {"recipient", KH_OPT_PATH, NULL, 0, NULL, "certificate that backups are encrypted to, PEM"},
    {"directory", KH_OPT_PATH, NULL, 0, NULL, "where ktadmin backup puts them, unless told otherwise"},
    {"keep", KH_OPT_INT, "0", 0, NULL, "how many it keeps there, older ones are removed; 0: all"},
};

/* keytrusteed's. Its certificate is where `ktadmin init` makes it. */
#define KEYTRUSTEE_SSL "/var/lib/keytrustee/.keytrustee/.ssl/"

static const struct kh_option keytrusteed_server_options[] = {
    SERVER_ROWS("*", "11371"),
    {"backend", KH_OPT_STRING, "softfile", 0, NULL, "backend that serves the deposits: softfile, or keyhsm once they are on the HSM"},
    {"follow", KH_OPT_BOOL, "no", 0, NULL, "go over to the HSM without a restart when a migration has been committed"},
};

static const struct kh_option keytrusteed_tls_options[] = {
    {"certificate", KH_OPT_PATH, KEYTRUSTEE_SSL "ssl-cert-keytrustee.pem", 0, NULL, "certificate chain of this server, PEM"},
    {"private_key", KH_OPT_STRING, KEYTRUSTEE_SSL "ssl-cert-keytrustee-pk.pem", 0, NULL, "its private key: a PEM file, or a URI that OpenSSL's store opens"},
    TLS_ROWS,
};

static const struct kh_option audit_options[] = {
    {"file", KH_OPT_PATH, "/var/log/keytrustee/audit.log", 0, NULL, "file that a line is appended to for every request"},
    {"reads", KH_OPT_BOOL, "yes", 0, NULL, "record requests that only read, too"},
};

#define KERBEROS_ROWS(file) \
    {"keytab", KH_OPT_PATH, file, 0, NULL, "keys of the principals HTTP/<host name> that clients ask for"}, \
    {"realm", KH_OPT_STRING, NULL, 0, NULL, "own Kerberos realm, for the rule DEFAULT; unset: the one of krb5.conf"}, \
    {"principals", KH_OPT_STRING, NULL, 0, NULL, "Kerberos principals that may come, separated by commas; unset: all that [auth_to_local] maps"}

static const struct kh_option keyhsm_auth_options[] = {
    {"kerberos", KH_OPT_BOOL, "no", 0, NULL, "ask for a Kerberos ticket on top of the client certificate"},
    KERBEROS_ROWS("/etc/keyhsm/keyhsm.keytab"),
};

static const struct kh_option keytrusteed_auth_options[] = {
    {"kerberos", KH_OPT_BOOL, "no", 0, NULL, "take Kerberos tickets (Authorization: Negotiate)"},
    KERBEROS_ROWS("/etc/keytrustee/keytrustee.keytab"),
    {"certificate_user", KH_OPT_ENUM, "none", 0, "none|cn", "short name of a client certificate: none, or its common name"},
    {"simple", KH_OPT_BOOL, "no", 0, NULL, "believe user.name= on Hadoop's routes; for laboratories only"},
    {"cookie_validity", KH_OPT_SECONDS, "10h", 0, NULL, "time a cookie hadoop.auth is good for; 0: none are given"},
    {"cookie_secret_source", KH_OPT_STRING, NULL, KH_OPT_SECRET, NULL, "where the secret that signs cookies comes from; unset: random at each start"},
    {"cookie_domain", KH_OPT_STRING, NULL, 0, NULL, "attribute Domain of the cookie"},
    {"cookie_path", KH_OPT_STRING, NULL, 0, NULL, "attribute Path of the cookie"},
};

static const struct kh_option kms_options[] = {
    {"enabled", KH_OPT_BOOL, "no", 0, NULL, "serve the Hadoop KMS API below /kms/v1"},
    {"key_cache", KH_OPT_SECONDS, "10m", 0, NULL, "time a key stays in locked memory; 0 reads it for every operation"},
    {"cache_keys", KH_OPT_INT, "4096", 0, NULL, "most key versions in that memory"},
    {"eek_scheme", KH_OPT_ENUM, "hadoop", 0, "hadoop|token", "where new versions of keys encrypt and decrypt: here, as Hadoop does, or in the token"},
    {"max_eeks", KH_OPT_INT, "10000", 0, NULL, "most encrypted keys of one request"},
    {"max_body", KH_OPT_SIZE, "4M", 0, NULL, "largest request body below /kms/v1"},
    {"key_authorization", KH_OPT_BOOL, "yes", 0, NULL, "ask the lists of each key, too ([kms.key.acl])"},
    {"system_groups", KH_OPT_BOOL, "yes", 0, NULL, "ask the system for a user's groups, beside [kms.groups]"},
    {"groups_cache", KH_OPT_SECONDS, "5m", 0, NULL, "time that what the system said of a user's groups is remembered"},
    {"token_renew_interval", KH_OPT_SECONDS, "1d", 0, NULL, "time after which a delegation token ends unless it is renewed"},
    {"token_max_lifetime", KH_OPT_SECONDS, "7d", 0, NULL, "time after which it ends for good"},
    {"token_key_interval", KH_OPT_SECONDS, "1d", 0, NULL, "time after which new delegation tokens are made with a new key; the same on all servers of a backend"},
};
/* clang-format on */

const size_t kh_server_option_count = COUNT(kh_server_options);
const size_t kh_tls_option_count = COUNT(kh_tls_options);
const size_t kh_openssl_option_count = COUNT(kh_openssl_options);

const struct kh_section kh_daemon_sections[KH_DAEMON_SECTION_COUNT] = {
    {"server", kh_server_options, COUNT(kh_server_options), true, false},
    {"tls", kh_tls_options, COUNT(kh_tls_options), true, false},
    {"openssl", kh_openssl_options, COUNT(kh_openssl_options), true, false},
    {"auth", keyhsm_auth_options, COUNT(keyhsm_auth_options), true, false},
    {"auth_to_local", NULL, 0, false, true},
};

const struct kh_section kh_tool_sections[KH_DAEMON_SECTION_COUNT] = {
    {"server", kh_server_options, COUNT(kh_server_options), false, false},
    {"tls", kh_tls_options, COUNT(kh_tls_options), false, false},
    {"openssl", kh_openssl_options, COUNT(kh_openssl_options), false, false},
    {"auth", keyhsm_auth_options, COUNT(keyhsm_auth_options), false, false},
    {"auth_to_local", NULL, 0, false, true},
};

const struct kh_section kh_keytrusteed_sections[KH_KEYTRUSTEED_SECTION_COUNT] = {
    {"server", keytrusteed_server_options, COUNT(keytrusteed_server_options), true,
        false},
    {"tls", keytrusteed_tls_options, COUNT(keytrusteed_tls_options), true, false},
    {"openssl", kh_openssl_options, COUNT(kh_openssl_options), true, false},
    {"auth", keytrusteed_auth_options, COUNT(keytrusteed_auth_options), true, false},
    {"auth_to_local", NULL, 0, false, true},
    {"acl", NULL, 0, false, true},
    {"audit", audit_options, COUNT(audit_options), true, false},
    {"kms", kms_options, COUNT(kms_options), true, false},
    {"kms.acl", NULL, 0, false, true},
    {"kms.blacklist", NULL, 0, false, true},
    {"kms.key.acl", NULL, 0, false, true},
    {"kms.key.acl.default", NULL, 0, false, true},
    {"kms.key.acl.whitelist", NULL, 0, false, true},
    {"kms.groups", NULL, 0, false, true},
    {"kms.proxyuser", NULL, 0, false, true},
};

const struct kh_section kh_common_sections[KH_COMMON_SECTION_COUNT] = {
    {"log", log_options, COUNT(log_options), true, false},
    {"memory", memory_options, COUNT(memory_options), true, false},
    {"backup", backup_options, COUNT(backup_options), true, false},
};
