/* The values of declared options (keyhsm/plugin.h): text to number, checks, hints. */
#ifndef KH_CORE_CONFIG_VALUE_H
#define KH_CORE_CONFIG_VALUE_H

#include <keyhsm/plugin.h>

/* Longest value of STRING and PATH, in bytes. */
#define KH_OPTION_TEXT_MAX 1024

/*
 * Checks TEXT against OPTION's type. *NUMBER (may be NULL) is the value of INT, SIZE
 * (bytes), SECONDS and BOOL (0 or 1); 0 for the others. KH_INVALID says what TEXT is and
 * what would be right; the text of a KH_OPT_SECRET option is never repeated. Thread safe.
 */
KH_CHECK kh_status kh_option_parse(const struct kh_option *option, const char *text,
    int64_t *number, struct kh_error *err);

/* The option NAME, or NULL. */
const struct kh_option *kh_option_find(
    const struct kh_option *options, size_t count, const char *name);

/* The option whose name is nearest to NAME (at most a third of it differs), or NULL. */
const char *kh_option_nearest(
    const struct kh_option *options, size_t count, const char *name);

/* How many single-byte edits turn A into B; KH_DISTANCE_FAR when either is longer than 64
 * bytes. */
#define KH_DISTANCE_FAR 1000U
unsigned kh_text_distance(const char *a, const char *b);

/* Checks a table as a plugin or a program declares it: names, duplicates, types, enum
 * values, defaults, help. KH_INVALID names the option. */
KH_CHECK kh_status kh_option_table_check(
    const struct kh_option *options, size_t count, struct kh_error *err);

#endif
