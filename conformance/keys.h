/* What the tests of named keys share. */
#ifndef KH_CONFORMANCE_KEYS_H
#define KH_CONFORMANCE_KEYS_H

#include "conformance/contract.h"

#include <keyhsm/key.h>

/* Makes one; checks that it was made or refused in words, which a plugin may do with
 * kinds that its device has not. */
kh_status kh_contract_key_make(
    const char *name, kh_key_kind kind, uint32_t purposes, struct kh_named_key *key);

#endif
