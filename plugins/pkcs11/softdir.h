/* SoftHSM's directories and the copies of its token files; used by softhsm.c only. */
#ifndef KH_PKCS11_SOFTDIR_H
#define KH_PKCS11_SOFTDIR_H

#include <keyhsm/plugin.h>

/* The token directory (directories.tokendir) that SoftHSM's configuration names:
 * SOFTHSM2_CONF, the user's, or the system's. False when there is none. */
bool kh_softdir_tokens(char *out, size_t size);

/* Calls FN with the name of every entry of DIR; stops at the first that is not KH_OK. A
 * missing DIR is empty. */
KH_CHECK kh_status kh_softdir_each(const char *dir,
    kh_status (*fn)(void *arg, const char *name, struct kh_error *err), void *arg,
    struct kh_error *err);

/* A token file is some hundred bytes; this is far more than one can be. */
#define KH_TOKEN_FILE_MAX 16384
/* Reads PATH whole, at most KH_TOKEN_FILE_MAX bytes; *LEN is 0 when it is empty.
 * KH_NOT_FOUND, KH_UNAVAILABLE. */
KH_CHECK kh_status kh_softdir_read(const char *path,
    unsigned char data[KH_TOKEN_FILE_MAX], size_t *len, struct kh_error *err);

/*
 * Copies: STATE_DIR/softhsm-UUID-SHA256.object. The digest in the name is what makes a
 * copy a checked one. find: the good copy of UUID, KH_NOT_FOUND when there is none. keep:
 * makes it and removes older ones; nothing is written when it is there.
 */
KH_CHECK kh_status kh_softcopy_find(const char *state_dir, const char *uuid,
    unsigned char data[KH_TOKEN_FILE_MAX], size_t *len, struct kh_error *err);
KH_CHECK kh_status kh_softcopy_keep(const struct kh_host *host, const char *uuid,
    const unsigned char *data, size_t len, struct kh_error *err);

#endif
