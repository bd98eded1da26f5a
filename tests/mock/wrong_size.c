/* Built against a shorter table. What follows is rubbish. */
#include "tests/mock/stubs.h"

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin) - 8,
    .name = (const char *)8,
};
