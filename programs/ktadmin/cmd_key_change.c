/* delete, undelete and purge of a named key. */
#include "programs/ktadmin/commands.h"

#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

static kh_status change(
    struct kh_task *task, kh_key_change what, const char *done, struct kh_error *err)
{
    kh_status status = kh_task_open(task, err);

    if (status == KH_OK)
        status = task->target->ops->key_change(task->target, task->name, what, err);
    if (status != KH_OK)
        return status;
    printf("%s ", done);
    kh_print_name(stdout, task->name, 0);
    putchar('\n');
    return kh_output_flush(err);
}

int kh_cmd_key_delete(int argc, char **argv)
{
    const struct kh_cli cli = {.program = "ktadmin key delete",
        .arguments = "NAME",
        .summary = "Deletes a key: it stays on the device, and is not used.",
        .more = "'ktadmin key undelete' brings it back; 'ktadmin key purge' does not."};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 1, argc, argv);
    return kh_task_end(&task, change(&task, KH_KEY_REMOVE, "Deleted", &err), &err);
}

int kh_cmd_key_undelete(int argc, char **argv)
{
    const struct kh_cli cli = {.program = "ktadmin key undelete",
        .arguments = "NAME",
        .summary = "Undoes a delete: the key is used again."};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 1, argc, argv);
    return kh_task_end(&task, change(&task, KH_KEY_RESTORE, "Undeleted", &err), &err);
}

int kh_cmd_key_purge(int argc, char **argv)
{
    bool yes = false;
    const struct kh_cli_option options[] = {
        {"yes", 'y', NULL, "do not ask", &yes, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin key purge",
        .arguments = "NAME",
        .summary = "Destroys a key on the device, for ever.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "Asks for the name on the terminal. What only this key can open or sign "
                "is lost: no\n"
                "backup of ours holds it."};
    struct kh_task task = {0};
    struct kh_error err = {0};
    kh_status status;

    kh_task_parse(&task, &cli, 1, argc, argv);
    status = yes ? KH_OK : kh_task_confirm(task.name, ", a key,", &err);
    if (status == KH_OK)
        status = change(&task, KH_KEY_PURGE, "Purged", &err);
    return kh_task_end(&task, status, &err);
}
