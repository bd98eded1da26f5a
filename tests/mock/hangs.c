/* A plugin whose constructor never returns. */
#include "tests/mock/stubs.h"

#include <signal.h>
#include <unistd.h>

__attribute__((constructor)) static void wait_for_ever(void)
{
    sigset_t all;

    /* Nor does an alarm of the host end it. */
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    for (;;)
        (void)pause();
}

const struct kh_plugin kh_plugin = {
    .abi = KH_PLUGIN_ABI,
    .size = sizeof(struct kh_plugin),
    .name = "hangs",
    .version = "1",
    .description = "a mock that is never loaded",
    .open = stub_open,
    .close = stub_close,
    .probe = stub_probe,
    .info = stub_info,
};
