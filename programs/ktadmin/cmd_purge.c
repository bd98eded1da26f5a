#include "programs/ktadmin/commands.h"

#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

static kh_status confirm(const char *name, uint32_t version, struct kh_error *err)
{
    char what[32] = ", all versions,";

    if (version != KH_ALL_VERSIONS)
        snprintf(what, sizeof what, " version %u", version);
    return kh_task_confirm(name, what, err);
}

static kh_status purge(
    struct kh_task *task, const char *text, bool yes, struct kh_error *err)
{
    uint32_t version = kh_task_version(task, text, KH_ALL_VERSIONS);
    kh_status status = yes ? KH_OK : confirm(task->name, version, err);

    if (status == KH_OK)
        status = kh_task_open(task, err);
    if (status == KH_OK)
        status = task->target->ops->purge(task->target, task->name, version, err);
    if (status == KH_OK)
        status = kh_output_done("Purged", task->name, version, err);
    return status;
}

int kh_cmd_purge(int argc, char **argv)
{
    const char *version = NULL;
    bool yes = false;
    const struct kh_cli_option options[] = {
        {"version", 'n', "N", "this version; else all of them", &version, NULL, 0},
        {"yes", 'y', NULL, "do not ask", &yes, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin deposit purge",
        .arguments = "NAME",
        .summary = "Destroys a deposit or one version of it, and its key on the token, "
                   "for ever.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "Asks for the name on the terminal. Backups of a catalog do not help "
                "afterwards: the\n"
                "key that opened the data is gone from the token."};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 1, argc, argv);
    return kh_task_end(&task, purge(&task, version, yes, &err), &err);
}
