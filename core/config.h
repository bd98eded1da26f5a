/*
 * INI configuration, driven by tables of declared options (DESIGN 12).
 *
 * kh_config_load reads the text; each owner of a section then claims it with its option
 * table, and kh_config_finish refuses what nobody claimed. Every refusal is KH_INVALID
 * with one line "FILE:LINE: what is wrong; what would be right".
 */
#ifndef KH_CORE_CONFIG_H
#define KH_CORE_CONFIG_H

#include <keyhsm/plugin.h>

struct kh_config;

/* What a file may be. inih cuts longer names of sections and keys without a word. */
#define KH_CONFIG_FILE_MAX (1024 * 1024) /* bytes */
#define KH_CONFIG_NAME_MAX 48            /* bytes */

/* Reads PATH (inih). NULL: an empty configuration. KH_INVALID: missing or unreadable
 * file, syntax, a line over 4096 bytes, a file over 1 MiB, a key outside a section, a key
 * set twice. */
KH_CHECK kh_status kh_config_load(
    struct kh_config **out, const char *path, struct kh_error *err);

/* Sets SECTION KEY as if it stood in the file (for --set SECTION.KEY=VALUE; the last dot
 * divides). Overrides. */
KH_CHECK kh_status kh_config_override(
    struct kh_config *config, const char *assignment, struct kh_error *err);

/* Validates SECTION against OPTIONS and remembers the table (which must outlive CONFIG).
 * REQUIRED options are enforced only with ENFORCE (a section nobody will use may be
 * incomplete). */
KH_CHECK kh_status kh_config_claim(struct kh_config *config, const char *section,
    const struct kh_option *options, size_t count, bool enforce, struct kh_error *err);

/*
 * Claims SECTION for keys that its owner does not know beforehand (the labels of the
 * rules in [acl]), instead of a table. A key has letters, digits, '-' and '_' only, so
 * that --set can name it. A value has at most 1024 bytes and is given whole: a " ;" in
 * it, which anywhere else begins a comment, is KH_INVALID, because what stands before it
 * would be another value.
 */
KH_CHECK kh_status kh_config_claim_free(
    struct kh_config *config, const char *section, struct kh_error *err);

/* One key of a section. The strings are owned by the configuration. */
struct kh_config_pair {
    const char *key;
    const char *value;
    const char *where; /* "FILE:LINE", or "--set SECTION.KEY" */
};

/* Calls FN for every key that is set in SECTION, until it returns other than KH_OK;
 * returns that. In file order; what --set replaces stays in its place, what --set adds
 * comes last, in the order of the options. Thread safe after kh_config_finish. */
KH_CHECK kh_status kh_config_pairs(const struct kh_config *config, const char *section,
    kh_status (*fn)(void *arg, const struct kh_config_pair *pair, struct kh_error *err),
    void *arg, struct kh_error *err);

/* Refuses sections that were not claimed. */
KH_CHECK kh_status kh_config_finish(const struct kh_config *config, struct kh_error *err);

/* Calls FN for every section that stands in the file, in file order, until it returns
 * other than KH_OK; returns that. */
KH_CHECK kh_status kh_config_sections(const struct kh_config *config,
    kh_status (*fn)(void *arg, const char *section, struct kh_error *err), void *arg,
    struct kh_error *err);

/* Values of claimed sections, default applied; NULL, 0 or false when unset or not
 * claimed. Owned by CONFIG. kh_config_int serves INT, SIZE and SECONDS. Thread safe after
 * kh_config_finish. */
const char *kh_config_string(
    const struct kh_config *config, const char *section, const char *key);
int64_t kh_config_int(
    const struct kh_config *config, const char *section, const char *key);
bool kh_config_bool(const struct kh_config *config, const char *section, const char *key);
/* "FILE:LINE" where the key stands, or FILE alone; for messages about a value found wrong
 * later. KEY NULL: where the section begins. */
const char *kh_config_where(
    const struct kh_config *config, const char *section, const char *key);

/* One option of a claimed section as it is in effect. Owned by the configuration. */
struct kh_config_value {
    const char *section;
    const struct kh_option *option;
    const char *value; /* NULL: unset, without a default */
    const char *where; /* "FILE:LINE" or "--set SECTION.KEY"; NULL: it is the default */
};

/* Calls FN for every option of every claimed section, sections in file order, options in
 * the order of their table, until it returns other than KH_OK; returns that. */
KH_CHECK kh_status kh_config_values(const struct kh_config *config,
    kh_status (*fn)(void *arg, const struct kh_config_value *value, struct kh_error *err),
    void *arg, struct kh_error *err);

void kh_config_free(struct kh_config *config);

#endif
