/* Built against the first headers of this ABI: what follows its table is something else.
 */
#include "tests/mock/stubs.h"

#define RUBBISH ((void *)8)

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = offsetof(struct kh_plugin, attest_round),
    .name = "older",
    .version = "0.1",
    .description = "a mock of an earlier time",
    .open = stub_open,
    .close = stub_close,
    .probe = stub_probe,
    .info = stub_info,
    .attest_round = RUBBISH,
    .examine = RUBBISH,
    .create = RUBBISH,
    .check = RUBBISH,
};
