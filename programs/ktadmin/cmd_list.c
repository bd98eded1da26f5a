#include "programs/ktadmin/commands.h"

#include "core/record.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

struct list {
    struct kh_target *target;
    bool json;
    bool all_versions;
    json_t *array;    /* of the deposits, with --json */
    json_t *versions; /* of the deposit under way */
    uint64_t count;
    uint64_t corrupt;
};

static kh_status print_version(
    void *arg, const struct kh_version_entry *version, struct kh_error *err)
{
    char created[KH_TIME_LEN];

    (void)arg;
    (void)err;
    printf("    %8u  %-8s %-20s%s", version->version, kh_state_word(version->state),
        kh_time_word(version->created, created), *version->note ? "  CORRUPT: " : "");
    kh_print_text(stdout, version->note);
    putchar('\n');
    return KH_OK;
}

static kh_status json_version(
    void *arg, const struct kh_version_entry *version, struct kh_error *err)
{
    struct list *list = arg;
    json_t *object = json_pack("{s:I,s:s}", "version", (json_int_t)version->version,
        "state", kh_state_word(version->state));

    kh_json_created(object, version->created);
    if (*version->note)
        (void)json_object_set_new(object, "corrupt", json_string(version->note));
    return json_array_append_new(list->versions, object) == 0
               ? KH_OK
               : kh_fail(err, KH_FATAL, "out of memory");
}

static kh_status print_entry(
    void *arg, const struct kh_entry *entry, struct kh_error *err)
{
    struct list *list = arg;

    list->count++;
    list->corrupt += entry->corrupt;
    kh_print_name(stdout, entry->name, 40);
    printf(" %8u %8u  %s%s\n", entry->versions, entry->latest,
        kh_state_word(entry->state), entry->corrupt ? "  CORRUPT" : "");
    return list->all_versions ? list->target->ops->versions(
                                    list->target, entry->name, print_version, list, err)
                              : KH_OK;
}

static kh_status json_entry(void *arg, const struct kh_entry *entry, struct kh_error *err)
{
    struct list *list = arg;
    json_t *object = json_object();
    kh_status status = KH_OK;

    list->count++;
    list->corrupt += entry->corrupt;
    kh_json_name(object, entry->name);
    (void)json_object_set_new(object, "versions", json_integer(entry->versions));
    (void)json_object_set_new(object, "latest", json_integer(entry->latest));
    (void)json_object_set_new(object, "state", json_string(kh_state_word(entry->state)));
    if (entry->corrupt)
        (void)json_object_set_new(object, "corrupt", json_true());
    if (list->all_versions) {
        list->versions = json_array();
        status = list->target->ops->versions(
            list->target, entry->name, json_version, list, err);
        (void)json_object_set_new(object, "all", list->versions);
    }
    if (json_array_append_new(list->array, object) != 0)
        status = kh_fail(err, KH_FATAL, "out of memory");
    return status;
}

static kh_status finish(struct list *list, struct kh_error *err)
{
    if (list->corrupt == 0)
        return KH_OK;
    return kh_fail(err, KH_CORRUPT,
        "%llu of %llu deposits cannot be trusted: see CORRUPT above",
        (unsigned long long)list->corrupt, (unsigned long long)list->count);
}

static kh_status run(struct kh_task *task, struct list *list, struct kh_error *err)
{
    kh_status status = kh_task_open(task, err);

    if (status != KH_OK)
        return status;
    list->target = task->target;
    if (list->json) {
        list->array = json_array();
        status = task->target->ops->list(task->target, json_entry, list, err);
        if (status == KH_OK)
            status = kh_json_print(json_incref(list->array), err);
        json_decref(list->array);
    } else {
        printf("%-40s %8s %8s  %s\n", "NAME", "VERSIONS", "LATEST", "STATE");
        status = task->target->ops->list(task->target, print_entry, list, err);
        if (status == KH_OK)
            status = kh_output_flush(err);
    }
    return status == KH_OK ? finish(list, err) : status;
}

int kh_cmd_list(int argc, char **argv)
{
    struct list list = {0};
    const struct kh_cli_option options[] = {
        {"long", 'l', NULL, "every version, with its state and time", &list.all_versions,
            NULL, 0},
        {"json", 'j', NULL, "a JSON array", &list.json, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin deposit list",
        .arguments = "",
        .summary = "Lists deposits in order of name.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more = "Bytes of a name that break today's rule are shown as %XX. Deposits that "
                "cannot be\n"
                "trusted are listed as CORRUPT, and the exit code is then 1."};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 0, argc, argv);
    return kh_task_end(&task, run(&task, &list, &err), &err);
}
