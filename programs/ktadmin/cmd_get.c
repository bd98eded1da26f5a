#include "programs/ktadmin/commands.h"

#include "core/deposit.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

struct get {
    const char *version;
    const char *output;
    bool force;
};

static kh_status get(struct kh_task *task, const struct get *args, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    kh_status status;

    snprintf(deposit.name, sizeof deposit.name, "%s", task->name);
    deposit.version = kh_task_version(task, args->version, KH_LATEST);
    status = kh_task_open(task, err);
    if (status == KH_OK)
        status = task->target->ops->get(task->target, &deposit, false, err);
    if (status == KH_OK)
        status = kh_output_data(args->output, &deposit.data, args->force, err);
    return status;
}

int kh_cmd_get(int argc, char **argv)
{
    struct get args = {0};
    const struct kh_cli_option options[] = {
        {"version", 'n', "N", "this version; else the highest active one", &args.version,
            NULL, 0},
        {"output", 'o', "FILE", "write a new file, mode 0600", &args.output, NULL, 0},
        {"force", 'f', NULL, "replace FILE; binary data to a terminal", &args.force, NULL,
            0},
    };
    const struct kh_cli cli = {.program = "ktadmin deposit get",
        .arguments = "NAME",
        .summary = "Writes the data of a deposit, byte for byte.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "Without --output the data goes to standard output. An existing FILE is "
                "left alone\n"
                "(exit code 6) unless --force is given."};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 1, argc, argv);
    return kh_task_end(&task, get(&task, &args, &err), &err);
}
