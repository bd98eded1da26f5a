/* Declares an option whose own default is wrong. */
#include "tests/mock/stubs.h"

static const struct kh_option options[] = {
    {"size", KH_OPT_SIZE, "plenty", 0, NULL, "a size"},
};

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "bad_option",
    .version = "1",
    .description = "a mock",
    .options = options,
    .option_count = 1,
    .open = stub_open,
    .close = stub_close,
    .probe = stub_probe,
    .info = stub_info,
};
