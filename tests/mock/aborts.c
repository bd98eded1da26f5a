/* A plugin whose constructor ends the process it is loaded into. */
#include "tests/mock/stubs.h"

#include <stdlib.h>

__attribute__((constructor)) static void give_up(void)
{
    abort();
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "aborts",
    .version = "1",
    .description = "a mock that aborts when it is loaded",
    .open = stub_open,
    .close = stub_close,
    .probe = stub_probe,
    .info = stub_info,
};
