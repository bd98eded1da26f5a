#include "provider/module/inner.h"

#include <openssl/err.h>

OSSL_LIB_CTX *kh_inner_enter(OSSL_LIB_CTX *inner)
{
    (void)ERR_set_mark();
    return OSSL_LIB_CTX_set0_default(inner);
}

void kh_inner_leave(OSSL_LIB_CTX *before)
{
    (void)OSSL_LIB_CTX_set0_default(before);
    (void)ERR_pop_to_mark();
}
