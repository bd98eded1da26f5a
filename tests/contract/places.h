/* New places to test on, for the plugins of this project. */
#ifndef KH_TESTS_CONTRACT_PLACES_H
#define KH_TESTS_CONTRACT_PLACES_H

#include "conformance/contract.h"

/* Makes one and fills kh_contract: "softfile", "pkcs11-deposit", "pkcs11-epoch",
 * "keyhsm"; "given" is what KEYHSM_CONTRACT_SETTINGS says. False for any other word. */
bool kh_contract_place(const char *what);

#endif
