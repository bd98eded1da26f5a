/* The module's own library context as the thread's default, for code that takes only
 * that: libcurl, PEM, d2i. */
#ifndef KH_MODULE_INNER_H
#define KH_MODULE_INNER_H

#include "provider/module/module.h"

/* What it was before, for kh_inner_leave. Nothing of the application may be called in
 * between, not even for a passphrase. */
OSSL_LIB_CTX *kh_inner_enter(OSSL_LIB_CTX *inner);
/* Puts it back, and takes what was left on the error queue in between away. */
void kh_inner_leave(OSSL_LIB_CTX *before);

#endif
