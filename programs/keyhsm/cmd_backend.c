/* keyhsm backend: the plugins there are, what they are, and whether one keeps the
 * contract. */
#include "programs/common/cli.h"
#include "programs/keyhsm/backend/backend.h"
#include "programs/keyhsm/commands.h"

static const struct kh_command commands[] = {
    {"list", "the backend plugins there are, and why some are refused",
        kh_cmd_backend_list},
    {"show", "what a plugin is: capabilities, options", kh_cmd_backend_show},
    {"check", "run the contract of a backend on a plugin; a report",
        kh_cmd_backend_check},
};

int kh_cmd_backend(int argc, char **argv)
{
    return kh_command_run("keyhsm backend", "Looks at backend plugins.", commands,
        sizeof commands / sizeof commands[0], argc - 1, argv + 1);
}
