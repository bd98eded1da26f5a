/* PINs and passphrases: from a terminal, a protected file, a systemd credential, a
 * descriptor. */
#ifndef KH_CORE_SECRET_H
#define KH_CORE_SECRET_H

#include <keyhsm/types.h>

/* See kh_host.secret in keyhsm/plugin.h for the forms of SOURCE. Not for two threads at
 * once on a terminal. */
KH_CHECK kh_status kh_secret_read(
    const char *source, const char *prompt, struct kh_buf *out, struct kh_error *err);

/* KH_INVALID unless SOURCE has one of the forms. Reads nothing. */
KH_CHECK kh_status kh_secret_check(const char *source, struct kh_error *err);

#endif
