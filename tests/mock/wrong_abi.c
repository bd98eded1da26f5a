/* Of another ABI. Everything behind abi and size is rubbish: the loader must not look at
 * it. */
#include "tests/mock/stubs.h"

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI + 1,
    .size = sizeof(struct kh_plugin),
    .name = (const char *)8,
    .options = (const struct kh_option *)8,
    .option_count = 1,
};
