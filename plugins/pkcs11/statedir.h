/* The state directory: who may touch it, who holds it, and a note of the catalog's
 * generation. */
#ifndef KH_PKCS11_STATEDIR_H
#define KH_PKCS11_STATEDIR_H

#include "plugins/pkcs11/store.h"

#include <sys/types.h>

/* Whom the files belong to that this thread makes: not the process's user in a tool that
 * root runs on a daemon's state (KH_OPT_PLACE). */
uid_t kh_files_user(void);

/* Makes the directory (0700) when only it is missing, refuses one that is not ours alone,
 * and locks it, whatever the mode of opening: one process owns the module and the
 * catalog. KH_BUSY with the holder's pid. */
KH_CHECK kh_status kh_statedir_open(struct kh_store *store, struct kh_error *err);
/* KH_REFUSED, KH_UNAVAILABLE, unless PATH is a directory that we alone may use; makes and
 * locks nothing. *THERE: false when it is missing, which is KH_OK. */
KH_CHECK kh_status kh_statedir_look(const char *path, bool *there, struct kh_error *err);
void kh_statedir_close(struct kh_store *store);

/*
 * The file `generation` says which catalog was last here, and how far it had come.
 * kh_statedir_check: KH_CORRUPT when the catalog that is here now is another, or an older
 * copy. kh_statedir_note writes it; a crash leaves it behind the catalog, never ahead.
 */
KH_CHECK kh_status kh_statedir_check(struct kh_store *store, struct kh_error *err);
KH_CHECK kh_status kh_statedir_note(struct kh_store *store, struct kh_error *err);

/* Bytes free for us on the directory's file system. */
KH_CHECK kh_status kh_statedir_room(
    struct kh_store *store, uint64_t *bytes, struct kh_error *err);

#endif
