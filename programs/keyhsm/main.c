/* keyhsm: the operator's tool for a key server behind an HSM. */
#include "programs/common/cli.h"
#include "programs/keyhsm/commands.h"

static const struct kh_command commands[] = {
    {"bench", "measure what a token and its module do in a second", kh_cmd_bench},
    {"doctor", "examine a PKCS#11 module before anything is stored behind it",
        kh_cmd_doctor},
    {"settings", "print the configuration in effect, secrets hidden", kh_cmd_settings},
    {"setup", "write a configuration, once the token has let it in", kh_cmd_setup},
    {"trust", "let a client in: pin its certificate; list and remove pins", kh_cmd_trust},
    {"validate", "check that a daemon would start and work; every finding",
        kh_cmd_validate},
    {"start", "start keyhsmd; start debug: in the foreground", kh_cmd_service},
    {"stop", "stop keyhsmd once it has finished its requests", kh_cmd_service},
    {"shutdown", "stop keyhsmd at once", kh_cmd_service},
    {"restart", "stop and start keyhsmd, if the configuration is good", kh_cmd_service},
    {"reload", "have keyhsmd read certificates and trust again", kh_cmd_service},
    {"backend", "backend plugins: list, show, check", kh_cmd_backend},
    {"status", "does keyhsmd run, and is it ready?", kh_cmd_service},
};

int main(int argc, char **argv)
{
    return kh_command_run("keyhsm", "Runs a key server behind an HSM.", commands,
        sizeof commands / sizeof commands[0], argc - 1, argv + 1);
}
