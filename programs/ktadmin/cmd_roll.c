#include "programs/ktadmin/commands.h"

#include "programs/ktadmin/store.h"

int kh_cmd_roll(int argc, char **argv)
{
    const struct kh_cli cli = {.program = "ktadmin deposit roll",
        .summary = "Stores the next version of a deposit: the bytes of FILE, or of "
                   "standard input.",
        .more = "Attributes belong to a version: they are not taken over from the one "
                "before."};

    return kh_store_run(&cli, false, argc, argv);
}
