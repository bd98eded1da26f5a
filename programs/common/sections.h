/*
 * The sections of a daemon's configuration that are not a backend's. They stand here, and
 * not in the server, because every tool reads the same file: it must accept these
 * sections, and refuse what is wrong in them, without being the daemon.
 */
#ifndef KH_PROGRAMS_SECTIONS_H
#define KH_PROGRAMS_SECTIONS_H

#include <keyhsm/plugin.h>

/* One section and its options. REQUIRED options are enforced with ENFORCE. A section with
 * FREE keys (kh_config_claim_free) has no options. */
struct kh_section {
    const char *name;
    const struct kh_option *options;
    size_t option_count;
    bool enforce;
    bool free;
};

extern const struct kh_option kh_server_options[];
extern const size_t kh_server_option_count;
extern const struct kh_option kh_tls_options[];
extern const size_t kh_tls_option_count;
extern const struct kh_option kh_openssl_options[];
extern const size_t kh_openssl_option_count;

/* [log], [memory] and [backup], which every program claims itself. */
#define KH_COMMON_SECTION_COUNT 3
extern const struct kh_section kh_common_sections[KH_COMMON_SECTION_COUNT];

/* [server], [tls] and [openssl] as a daemon claims them (enforced), and as a tool does.
 */
#define KH_DAEMON_SECTION_COUNT 5
extern const struct kh_section kh_daemon_sections[KH_DAEMON_SECTION_COUNT];
extern const struct kh_section kh_tool_sections[KH_DAEMON_SECTION_COUNT];

/* [server], [tls], [openssl], [acl], [audit] and those of the KMS, of keytrusteed, whose
 * file has defaults of its own. Nothing is required, so the daemon and every tool that
 * reads keytrustee.ini claim the same. */
#define KH_KEYTRUSTEED_SECTION_COUNT 15
extern const struct kh_section kh_keytrusteed_sections[KH_KEYTRUSTEED_SECTION_COUNT];

#endif
