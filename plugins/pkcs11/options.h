/* The options of the pkcs11 backend, one table: INI validation, --help and the manual
 * come from it. */
#ifndef KH_PKCS11_OPTIONS_H
#define KH_PKCS11_OPTIONS_H

#include <keyhsm/plugin.h>

extern const struct kh_option kh_pkcs11_options[];
extern const size_t kh_pkcs11_option_count;

#endif
