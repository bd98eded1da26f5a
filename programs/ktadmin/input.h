/* What a deposit is made of, as it stands on the command line. */
#ifndef KH_KTADMIN_INPUT_H
#define KH_KTADMIN_INPUT_H

#include <keyhsm/types.h>

#define KH_ATTRIBUTES_GIVEN_MAX                                                          \
    64 /* so that the 33rd is refused by the rule, in its words */

/* The --attribute options of put and roll. */
struct kh_attribute_args {
    const char *list[KH_ATTRIBUTES_GIVEN_MAX];
    unsigned count;
};

/*
 * Reads FILE, or standard input for NULL and "-", whole into secret memory: any kind of
 * file that can be read, at most KH_DATA_LIMIT bytes. KH_INVALID: missing, unreadable, a
 * directory, too large.
 */
KH_CHECK kh_status kh_input_read(
    const char *file, struct kh_buf *out, struct kh_error *err);

/* NAME=VALUE each; VALUE may be empty. KH_INVALID without '=', for a NAME given twice,
 * and over the limits of types.h. */
KH_CHECK kh_status kh_input_attributes(
    const struct kh_attribute_args *args, struct kh_attrs *attrs, struct kh_error *err);

#endif
