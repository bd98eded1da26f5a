#include "programs/ktadmin/store.h"

#include "core/deposit.h"
#include "core/record.h"
#include "programs/ktadmin/input.h"
#include "programs/ktadmin/output.h"

#include <string.h>

static void say(const struct kh_deposit *deposit)
{
    char created[KH_TIME_LEN];

    printf("Stored ");
    kh_print_name(stdout, deposit->name, 0);
    printf(
        " version %u, %s\n", deposit->version, kh_time_word(deposit->created, created));
}

/* The input is read before the store is opened: a mistake there must not cost a login. */
static kh_status store(struct kh_task *task, const struct kh_attribute_args *attributes,
    bool new_deposit, struct kh_error *err)
{
    KH_CLEANUP_DEPOSIT struct kh_deposit deposit = {0};
    kh_status status = kh_task_open(task, err);

    snprintf(deposit.name, sizeof deposit.name, "%s", task->name);
    if (status == KH_OK)
        status = kh_input_attributes(attributes, &deposit.attrs, err);
    if (status == KH_OK)
        status = kh_input_read(task->operand, &deposit.data, err);
    if (status == KH_OK)
        status = new_deposit ? task->target->ops->put(task->target, &deposit, err)
                             : task->target->ops->roll(task->target, &deposit, err);
    if (status == KH_OK) {
        say(&deposit);
        status = kh_output_flush(err);
    }
    return status;
}

int kh_store_run(const struct kh_cli *cli, bool new_deposit, int argc, char **argv)
{
    struct kh_attribute_args attributes = {0};
    const struct kh_cli_option options[] = {
        {"attribute", 'a', "NAME=VALUE", "one attribute; may be repeated",
            &attributes.count, attributes.list, KH_ATTRIBUTES_GIVEN_MAX},
    };
    struct kh_cli own = *cli;
    struct kh_task task = {0};
    struct kh_error err = {0};

    own.options = options;
    own.option_count = sizeof options / sizeof options[0];
    own.arguments = "NAME [FILE]";
    kh_task_parse(&task, &own, 2, argc, argv);
    return kh_task_end(&task, store(&task, &attributes, new_deposit, &err), &err);
}
