/* The configuration of the key server on this host, as ktadmin reads it. */
#ifndef KH_PROGRAMS_KTADMIN_TRUSTEE_H
#define KH_PROGRAMS_KTADMIN_TRUSTEE_H

#include "programs/common/setup.h"

/* kh_setup with keytrustee.ini, unless ARGS names another file. BACKENDS, separated by
 * commas, have to be configured in full; NULL: none. *SETUP goes to kh_setup_free. */
KH_CHECK kh_status kh_trustee_setup(struct kh_setup *setup,
    const struct kh_setup_args *args, const char *backends, struct kh_error *err);

#endif
