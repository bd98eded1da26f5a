#include "provider/module/module.h"

const OSSL_ALGORITHM *kh_module_asym(const struct kh_module *module)
{
    (void)module;
    return NULL;
}
