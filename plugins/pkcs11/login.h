/* The one login. A PIN is loaded once and tried once: retries lock tokens. */
#ifndef KH_PKCS11_LOGIN_H
#define KH_PKCS11_LOGIN_H

#include "plugins/pkcs11/slot.h"
#include <keyhsm/plugin.h>

struct kh_login {
    struct kh_buf pin; /* kept for a login after a loss; wiped by kh_login_wipe */
    bool loaded;
    bool latched; /* the token refused the PIN: never sent again by this process */
};

/* Reads the PIN from option pin_source. Not for a token with a PIN pad of its own. */
KH_CHECK kh_status kh_login_load(struct kh_login *login, const struct kh_host *host,
    const struct kh_slot *slot, struct kh_error *err);

/* KH_REFUSED when the flags of SLOT say that a login would be refused, or that a wrong
 * PIN would lock the token; logs a warning when the count is low. Calls nothing. */
KH_CHECK kh_status kh_login_check(const struct kh_login *login,
    const struct kh_host *host, const struct kh_slot *slot, struct kh_error *err);

/* One C_Login on SESSION. A refused PIN latches. */
KH_CHECK kh_status kh_login_do(struct kh_login *login, const struct kh_module *module,
    const struct kh_slot *slot, CK_SESSION_HANDLE session, struct kh_error *err);

void kh_login_wipe(struct kh_login *login, const struct kh_host *host);

#endif
