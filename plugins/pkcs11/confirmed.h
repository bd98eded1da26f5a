/* The backup that an operator has confirmed, which a migration may have to wait for. */
#ifndef KH_PKCS11_CONFIRMED_H
#define KH_PKCS11_CONFIRMED_H

#include "plugins/pkcs11/store.h"

/* KH_OK when option require_backup is off, or the file `backup-confirmed` in the state
 * directory, which `ktadmin backup confirm` writes, is about a backup that holds exactly
 * the versions the catalog holds now. Else KH_REFUSED says what to do. KH_CORRUPT: the
 * file is not what is written there. Thread safe. */
KH_CHECK kh_status kh_store_backed_up(struct kh_store *store, struct kh_error *err);

#endif
