/*
 * What SoftHSM needs beyond PKCS#11. Its C_Login rewrites the token's own file
 * (token.object) in place: a kill there leaves the file empty and the token, with every
 * key, gone. So a checked copy is kept in state_dir and put back when the file is empty,
 * and the file cannot be written while we log in. With any other module all of this does
 * nothing.
 */
#ifndef KH_PKCS11_SOFTHSM_H
#define KH_PKCS11_SOFTHSM_H

#include "plugins/pkcs11/module.h"
#include <keyhsm/plugin.h>
#include <limits.h>

typedef enum kh_guard { KH_GUARD_NONE, KH_GUARD_MODE, KH_GUARD_IMMUTABLE } kh_guard;

struct kh_softhsm {
    bool active; /* the module is SoftHSM and the token's directory was found */
    char uuid[64];
    char dir[PATH_MAX];
    char file[PATH_MAX]; /* DIR/token.object */
    kh_guard guard;
    unsigned mode; /* of the file before KH_GUARD_MODE */
};

/* Before C_Initialize: sets SOFTHSM2_CONF as option softhsm2_conf says. */
KH_CHECK kh_status kh_softhsm_configure(const struct kh_host *host, struct kh_error *err);

/* kh_softhsm_configure; then takes guards away that
 * a crash left, and puts copies back in place of empty or missing token files. */
KH_CHECK kh_status kh_softhsm_mend(const struct kh_host *host, struct kh_error *err);

/* After the slot is found: does it have such a file (KH_QUIRK_TOKEN_FILE), where is its
 * directory, and is there a good copy? Makes one. */
KH_CHECK kh_status kh_softhsm_attach(struct kh_softhsm *softhsm,
    const struct kh_host *host, const struct kh_module *module, const char *serial,
    struct kh_error *err);

/* Around C_Login. A file system that cannot guard is no error: the copy remains. */
KH_CHECK kh_status kh_softhsm_guard(
    struct kh_softhsm *softhsm, const struct kh_host *host, struct kh_error *err);
void kh_softhsm_unguard(struct kh_softhsm *softhsm, const struct kh_host *host);
/* After a good login: the copy is made anew when the file differs from it. */
KH_CHECK kh_status kh_softhsm_refresh(
    struct kh_softhsm *softhsm, const struct kh_host *host, struct kh_error *err);

/* True unless the token's file is gone or empty. */
bool kh_softhsm_present(const struct kh_softhsm *softhsm);
/* True when nothing more can be written beside the token's file. */
bool kh_softhsm_full(const struct kh_softhsm *softhsm);

#endif
