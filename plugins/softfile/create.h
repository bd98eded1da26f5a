/* Makes a legacy store (`ktadmin init`, option create). */
#ifndef KH_SOFTFILE_CREATE_H
#define KH_SOFTFILE_CREATE_H

#include "plugins/softfile/keys.h"

/*
 * Makes the store in DIRECTORY: the directory (and its parents), deposits/, store.key,
 * and store.pem last, each durable before the next; what a crash left is finished, and no
 * key is ever replaced. A store that is there is left alone. KH_REFUSED: the directory
 * holds something else, or is open to others. KEYS is initialised; only its passphrase is
 * kept.
 */
KH_CHECK kh_status kh_soft_create(
    struct kh_soft_keys *keys, const char *directory, struct kh_error *err);

#endif
