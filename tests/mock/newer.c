/* Built against a later version's headers: its table goes on behind ours. */
#include "tests/mock/stubs.h"

/* One object: the symbol is the table's beginning. */
extern const struct newer {
    struct kh_plugin known;
    void (*unknown)(void);
} newer_table __asm__("kh_plugin") __attribute__((visibility("default")));

const struct newer newer_table = {
    .known =
        {
            .abi = KH_PLUGIN_ABI,
            .size = sizeof newer_table,
            .name = "newer",
            .version = "9",
            .description = "a mock of a later time",
            .open = stub_open,
            .close = stub_close,
            .probe = stub_probe,
            .info = stub_info,
        },
};
