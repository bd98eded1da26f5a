/* What commands print, and the file that get writes. */
#ifndef KH_KTADMIN_OUTPUT_H
#define KH_KTADMIN_OUTPUT_H

#include "programs/ktadmin/target.h"

#include <jansson.h>

/* TEXT with control characters and bytes that are not UTF-8 as \xNN: nothing stored can
 * steer the terminal. */
void kh_print_text(FILE *to, const char *text);

/* A name as it may be printed; percent-encoded where it breaks the rule of names. */
void kh_print_name(FILE *to, const char *name, int width);

/* "active" or "deleted". */
const char *kh_state_word(kh_state state);
/* RFC 3339, or "-" for 0. OUT as for kh_time_format. */
const char *kh_time_word(int64_t seconds, char *out);

/* OBJECT gets "name"; one that is not UTF-8 is percent-encoded and "escaped": true is
 * added. */
void kh_json_name(json_t *object, const char *name);
/* OBJECT gets "created" when it is known. */
void kh_json_created(json_t *object, int64_t seconds);
/* Writes ROOT to standard output, indented, and drops it. KH_UNAVAILABLE when it cannot
 * be written. */
KH_CHECK kh_status kh_json_print(json_t *root, struct kh_error *err);

/* "Deleted NAME version 3", or "Deleted NAME, all versions" for KH_ALL_VERSIONS; flushes.
 */
KH_CHECK kh_status kh_output_done(
    const char *done, const char *name, uint32_t version, struct kh_error *err);

/* Flushes standard output. KH_UNAVAILABLE when not all of it could be written. */
KH_CHECK kh_status kh_output_flush(struct kh_error *err);

/*
 * Writes DATA to FILE: a new file, mode 0600, durable; KH_EXISTS when there is one,
 * unless FORCE, which replaces it. FILE NULL or "-": standard output; KH_REFUSED for
 * bytes that are not text to a terminal, unless FORCE.
 */
KH_CHECK kh_status kh_output_data(
    const char *file, const struct kh_buf *data, bool force, struct kh_error *err);

#endif
