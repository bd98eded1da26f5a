/* ktadmin service start, stop, shutdown, restart, reload, status: of keytrusteed. */
#include "programs/common/service.h"
#include "programs/ktadmin/commands.h"
#include "programs/ktadmin/target.h"

static const struct kh_service_kind keytrusteed = {
    .tool = "ktadmin service",
    .daemon = "keytrusteed",
    .unit = "keytrusteed.service",
    .config = KH_KEYTRUSTEE_CONFIG,
    .sections = kh_keytrusteed_sections,
    .section_count = KH_KEYTRUSTEED_SECTION_COUNT,
    .user = "keytrustee",
    .pid_file = "/run/keytrustee/keytrusteed.pid",
    .log_file = "/var/log/keytrustee/keytrusteed.log",
};

static int run(int argc, char **argv)
{
    return kh_service_command(&keytrusteed, argc, argv);
}

static const struct kh_command commands[] = {
    {"start", "start it; start debug: in the foreground", run},
    {"stop", "stop it once it has finished its requests", run},
    {"shutdown", "stop it at once", run},
    {"restart", "stop and start it, if the configuration is good", run},
    {"reload", "have it read certificates and trust again", run},
    {"status", "does it run?", run},
};

int kh_cmd_service(int argc, char **argv)
{
    return kh_command_run("ktadmin service", "Starts and stops keytrusteed.", commands,
        sizeof commands / sizeof commands[0], argc - 1, argv + 1);
}
