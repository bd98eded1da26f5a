/* Configurations and callers for the tests of server/kms. */
#ifndef KH_TESTS_KMS_SUPPORT_H
#define KH_TESTS_KMS_SUPPORT_H

#include "core/config.h"
#include "server/http.h"

/* TEXT as keytrusteed reads it, every section of it claimed and checked. */
KH_CHECK kh_status kms_test_config(
    struct kh_config **out, const char *text, struct kh_error *err);

/* Somebody with the short name USER; REAL acts for him ("": nobody does). */
struct kh_principal kms_test_user(const char *user, const char *real);

#endif
