#include "programs/ktadmin/commands.h"

#include "programs/ktadmin/store.h"

int kh_cmd_put(int argc, char **argv)
{
    const struct kh_cli cli = {.program = "ktadmin deposit put",
        .summary = "Stores a new deposit: the bytes of FILE, or of standard input.",
        .more = "Nothing is ever overwritten: a name that is in use is refused (exit "
                "code 6), whatever\n"
                "it holds. 'ktadmin deposit roll' makes its next version. Empty data is "
                "allowed."};

    return kh_store_run(&cli, true, argc, argv);
}
