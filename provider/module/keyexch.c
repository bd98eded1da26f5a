#include "provider/module/module.h"

const OSSL_ALGORITHM *kh_module_keyexch(const struct kh_module *module)
{
    (void)module;
    return NULL;
}
