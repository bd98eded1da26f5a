/* Fails in every way a plugin may: open says why, or gives no reason (option `silent`),
 * or succeeds (option `works`) and then info fails. */
#include "tests/mock/stubs.h"

static const struct kh_option options[] = {
    {"silent", KH_OPT_BOOL, "no", 0, NULL, "give no reason"},
    {"works", KH_OPT_BOOL, "no", 0, NULL, "open well, fail later"},
    {"pin", KH_OPT_STRING, NULL, KH_OPT_SECRET, NULL, "source of a secret"},
    {"place", KH_OPT_PATH, NULL, KH_OPT_REQUIRED, NULL, "where it would be"},
};

static kh_status refuse(const struct kh_host *host, void **ctx, struct kh_error *err)
{
    *ctx = NULL;
    if (host->option_bool(host, "works"))
        return KH_OK;
    if (host->option_bool(host, "silent"))
        return KH_BUSY;
    return kh_fail(err, KH_UNAVAILABLE, "%s: %s is not there", host->instance,
        host->option_string(host, "place"));
}

static kh_status no_info(void *ctx, struct kh_info *info, struct kh_error *err)
{
    (void)ctx;
    (void)info;
    return kh_fail(err, KH_CORRUPT, "no facts to be had");
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "refuses",
    .version = "1",
    .description = "a mock that cannot be opened",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .open = refuse,
    .close = stub_close,
    .probe = stub_probe,
    .info = no_info,
};
