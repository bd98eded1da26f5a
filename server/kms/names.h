/* Names of keys and versions in paths and bodies. Pure. */
#ifndef KH_KMS_NAMES_H
#define KH_KMS_NAMES_H

#include <keyhsm/types.h>

/* "NAME@N" with its NUL. */
#define KH_KMS_VERSION_NAME (KH_NAME_MAX + 12)

struct kh_kms_version {
    char name[KH_NAME_MAX + 1];
    uint32_t number;
};

/* The segment of PATH (raw) that follows PREFIX, percent-decoded once. KH_INVALID: a bad
 * escape, not UTF-8, empty, or longer than a version's name can be. A '+' is itself. */
KH_CHECK kh_status kh_kms_segment(const char *path, const char *prefix,
    char out[KH_KMS_VERSION_NAME], struct kh_error *err);

/* Divides TEXT at its last '@'. KH_INVALID: it has none. KH_NOT_FOUND: no version can be
 * called that (no number, a leading zero, too large, no name for a key). */
KH_CHECK kh_status kh_kms_version_parse(
    const char *text, struct kh_kms_version *out, struct kh_error *err);

/* "NAME@N". */
void kh_kms_version_name(
    const char *name, uint32_t number, char out[KH_KMS_VERSION_NAME]);

/* The value of parameter NAME in the query RAW: percent-decoded, '+' is a blank. *FROM is
 * where to look, and is moved behind what was found, so that a parameter may be given
 * more than once; begin with RAW. KH_NOT_FOUND: it does not come (again). KH_INVALID: a
 * bad escape, or it does not fit. */
KH_CHECK kh_status kh_kms_query(
    const char **from, const char *name, char *out, size_t size, struct kh_error *err);

#endif
