/* Looks at a keytab before GSSAPI does, to say what is wrong with it in words. */
#ifndef KH_SERVER_KEYTAB_H
#define KH_SERVER_KEYTAB_H

#include <keyhsm/types.h>

/* KH_INVALID, naming PATH and what to do, unless it is a regular file that this process
 * can read and others cannot, and has a principal HTTP/host. *COUNT is how many it has,
 * key versions and enctypes counted once. Thread safe. */
KH_CHECK kh_status kh_keytab_check(
    const char *path, unsigned *count, struct kh_error *err);

#endif
