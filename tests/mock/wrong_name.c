/* Calls itself something else than its file. */
#include "tests/mock/stubs.h"

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "other",
    .version = "1",
    .description = "a mock",
    .open = stub_open,
    .close = stub_close,
    .probe = stub_probe,
    .info = stub_info,
};
