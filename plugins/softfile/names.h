/*
 * File names of a legacy store. A deposit's directory is its name with every byte but
 * [A-Za-z0-9._-] written %XX (RFC 3986 2.1, capital digits), a leading '.' too, so that
 * no name becomes a hidden file, "." or "..". A name that keeps today's rule is its own
 * file name.
 */
#ifndef KH_SOFTFILE_NAMES_H
#define KH_SOFTFILE_NAMES_H

#include <keyhsm/types.h>

#define KH_SOFT_FILE_SIZE 256 /* NAME_MAX of every Linux file system, and the NUL */
#define KH_SOFT_VERSION_FILE_SIZE 32 /* "4294967295.deleted" and the NUL */

/* The directory of NAME. KH_INVALID when NAME is empty, or longer than a file name may be
 * once it is encoded: OUT then has as much of it as fits, for a message. */
KH_CHECK kh_status kh_soft_name_encode(
    const char *name, char out[KH_SOFT_FILE_SIZE], struct kh_error *err);

/* The name whose directory FILE is. False unless FILE is exactly what encode writes for a
 * name of valid UTF-8: then there is only one file for each name. */
bool kh_soft_name_decode(const char *file, char out[KH_NAME_MAX + 1]);

/* "00000003.cms" or "00000003.deleted". */
void kh_soft_version_file(
    uint32_t version, kh_state state, char out[KH_SOFT_VERSION_FILE_SIZE]);

/* The reverse; false unless FILE is exactly what kh_soft_version_file writes. */
bool kh_soft_version_parse(const char *file, uint32_t *version, kh_state *state);

/* True for ".tmp-XXXXXX": what a durable write leaves when the power goes. Never a
 * deposit. */
bool kh_soft_is_debris(const char *file);

#endif
