/* Methods that do nothing, for mock plugins that are about something else. */
#ifndef KH_MOCK_STUBS_H
#define KH_MOCK_STUBS_H

#include <keyhsm/plugin.h>

#define MOCK_UNUSED __attribute__((unused))

MOCK_UNUSED static kh_status stub_open(
    const struct kh_host *host, void **ctx, struct kh_error *err)
{
    (void)host;
    (void)err;
    *ctx = NULL;
    return KH_OK;
}

MOCK_UNUSED static void stub_close(void *ctx)
{
    (void)ctx;
}

MOCK_UNUSED static kh_status stub_probe(void *ctx, struct kh_error *err)
{
    (void)ctx;
    (void)err;
    return KH_OK;
}

MOCK_UNUSED static kh_status stub_info(
    void *ctx, struct kh_info *info, struct kh_error *err)
{
    (void)ctx;
    (void)err;
    (void)snprintf(info->place, sizeof info->place, "nowhere");
    return KH_OK;
}

#endif
