/* [acl] and [audit] of keytrustee.ini: the gate of the daemon. */
#ifndef KH_PROGRAMS_KEYTRUSTEED_RIGHTS_H
#define KH_PROGRAMS_KEYTRUSTEED_RIGHTS_H

#include "core/config.h"
#include "programs/common/setup.h"
#include "server/gate.h"
#include "server/kms/kms.h"

/* Rules read and the audit log open. KH_INVALID for a rule, KH_BUSY or KH_UNAVAILABLE for
 * the log. *OUT goes to kh_gate_free. */
KH_CHECK kh_status kt_rights_open(
    struct kh_gate **out, const struct kh_config *config, struct kh_error *err);

/* The rules alone, for --check-config: the audit log of a running daemon is its own. */
KH_CHECK kh_status kt_rights_check(const struct kh_config *config, struct kh_error *err);

/* At SIGHUP: a new file for the audit log, and the rules read again from the file that
 * WISH names, those of the KMS (may be NULL) too. On an error the old ones stay, and the
 * log says why. */
void kt_rights_reload(
    struct kh_gate *gate, struct kh_kms *kms, const struct kh_setup_wish *wish);

#endif
