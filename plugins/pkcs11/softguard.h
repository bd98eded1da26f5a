/* Making SoftHSM's token file unwritable for the time of a login; used by softhsm.c only.
 */
#ifndef KH_PKCS11_SOFTGUARD_H
#define KH_PKCS11_SOFTGUARD_H

#include "plugins/pkcs11/softhsm.h"

#define KH_UUID_LEN 36

/* 8-4-4-4-12 hexadecimal digits. */
bool kh_softguard_is_uuid(const char *text);

/* Leaves STATE_DIR/softhsm-UUID.guard behind for a start after a crash, then: immutable
 * flag (root, and a file system that has it), or mode 0400 (any other user, who then
 * cannot write it). A file that is unwritable already is left as it is. Nothing possible:
 * logged, and KH_OK. */
KH_CHECK kh_status kh_softguard_set(
    struct kh_softhsm *softhsm, const struct kh_host *host, struct kh_error *err);
void kh_softguard_clear(struct kh_softhsm *softhsm, const struct kh_host *host);

/* At start: takes away what a guard file of UUID speaks of, and the guard file. */
KH_CHECK kh_status kh_softguard_undo(const struct kh_host *host, const char *token_dir,
    const char *uuid, struct kh_error *err);

#endif
