/* Built against a table that no version had. What follows is rubbish. */
#include "tests/mock/stubs.h"

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = 64,
    .name = (const char *)8,
};
