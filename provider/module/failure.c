#include "provider/module/failure.h"

/* Short: libcrypto puts the line that names the thing behind it. */
static const OSSL_ITEM reasons[] = {
    {KH_REASON_NOT_FOUND, (char[]){"unknown name"}},
    {KH_REASON_EXISTS, (char[]){"name is in use"}},
    {KH_REASON_REFUSED, (char[]){"refused"}},
    {KH_REASON_INVALID, (char[]){"invalid request"}},
    {KH_REASON_BUSY, (char[]){"busy"}},
    {KH_REASON_UNAVAILABLE, (char[]){"daemon unavailable"}},
    {KH_REASON_CORRUPT, (char[]){"corrupt"}},
    {KH_REASON_FATAL, (char[]){"internal failure"}},
    {KH_REASON_CONFIG, (char[]){"bad configuration"}},
    {KH_REASON_URI, (char[]){"bad uri"}},
    {KH_REASON_NOT_A_KEY, (char[]){"not a key"}},
    {0, NULL},
};

const OSSL_ITEM *kh_module_reasons(void)
{
    return reasons;
}

void kh_module_fail(
    const struct kh_module *module, enum kh_reason reason, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    module->new_error(module->handle);
    /* What people see in place of a file of ours that they do not have. */
    module->set_error_debug(module->handle, KH_MODULE_NAME ".so", 0, NULL);
    module->vset_error(module->handle, (uint32_t)reason, format, args);
    va_end(args);
}

void kh_module_raise(const struct kh_module *module, const struct kh_error *err)
{
    kh_module_fail(module, (enum kh_reason)(err->status ? err->status : KH_FATAL), "%s",
        err->message);
}
