#include "programs/ktadmin/commands.h"

#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

static kh_status remove_it(struct kh_task *task, const char *text, struct kh_error *err)
{
    uint32_t version = kh_task_version(task, text, KH_ALL_VERSIONS);
    kh_status status = kh_task_open(task, err);

    if (status == KH_OK)
        status = task->target->ops->remove(task->target, task->name, version, err);
    if (status == KH_OK)
        status = kh_output_done("Deleted", task->name, version, err);
    return status;
}

int kh_cmd_delete(int argc, char **argv)
{
    const char *version = NULL;
    const struct kh_cli_option options[] = {
        {"version", 'n', "N", "this version; else all of them", &version, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin deposit delete",
        .arguments = "NAME",
        .summary =
            "Deletes a deposit or one version of it: it is kept, and no longer served.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "'ktadmin deposit undelete' brings it back; 'ktadmin deposit purge' does "
                "not."};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 1, argc, argv);
    return kh_task_end(&task, remove_it(&task, version, &err), &err);
}
