/* Says it can list, but cannot. */
#include "tests/mock/stubs.h"

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "no_method",
    .version = "1",
    .description = "a mock",
    .capabilities = KH_CAP_LIST,
    .open = stub_open,
    .close = stub_close,
    .probe = stub_probe,
    .info = stub_info,
};
