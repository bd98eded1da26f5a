/* Needs a symbol that nobody has: it cannot be loaded. */
#include "tests/mock/stubs.h"

kh_status kh_nobody_has_this(void *ctx, struct kh_error *err);

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "missing_library",
    .version = "1",
    .description = "a mock",
    .open = stub_open,
    .close = stub_close,
    .probe = kh_nobody_has_this,
    .info = stub_info,
};
