/* The options of the pkcs11 backend, one table: INI validation, --help and the manual
 * come from it. */
#ifndef KH_PKCS11_OPTIONS_H
#define KH_PKCS11_OPTIONS_H

#include <keyhsm/plugin.h>

/* A constant, as the plugin's table needs; options.c does not compile when it is wrong.
 */
#define KH_PKCS11_OPTION_COUNT 21

extern const struct kh_option kh_pkcs11_options[KH_PKCS11_OPTION_COUNT];

#endif
