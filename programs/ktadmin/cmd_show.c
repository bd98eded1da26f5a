#include "programs/ktadmin/commands.h"

#include "core/deposit.h"
#include "core/record.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

#include <stdlib.h>

struct show {
    const char *version;
    bool json;
    struct kh_version_entry *versions;
    size_t count;
    bool any_active;
    struct kh_deposit
        deposit; /* of the version shown; its data is measured, never printed */
    bool opened;
};

static kh_status collect(
    void *arg, const struct kh_version_entry *version, struct kh_error *err)
{
    struct show *show = arg;
    struct kh_version_entry *more =
        reallocarray(show->versions, show->count + 1, sizeof *show->versions);

    if (!more)
        return kh_fail(err, KH_FATAL, "out of memory");
    show->versions = more;
    show->versions[show->count++] = *version;
    show->any_active = show->any_active || version->state == KH_ACTIVE;
    return KH_OK;
}

static void print(const struct show *show, const char *name)
{
    char created[KH_TIME_LEN];

    printf("Name:       ");
    kh_print_name(stdout, name, 0);
    putchar('\n');
    if (show->opened)
        printf("Version:    %u\nCreated:    %s\nSize:       %zu bytes\nAttributes: %zu\n",
            show->deposit.version, kh_time_word(show->deposit.created, created),
            show->deposit.data.len, show->deposit.attrs.count);
    for (size_t i = 0; show->opened && i < show->deposit.attrs.count; i++) {
        printf("    ");
        kh_print_text(stdout, show->deposit.attrs.list[i].name);
        printf(" = ");
        kh_print_text(stdout, show->deposit.attrs.list[i].value);
        putchar('\n');
    }
    printf("Versions:   %zu\n", show->count);
    for (size_t i = 0; i < show->count; i++) {
        const struct kh_version_entry *v = &show->versions[i];

        printf("    %8u  %-8s %-20s%s", v->version, kh_state_word(v->state),
            kh_time_word(v->created, created), *v->note ? "  CORRUPT: " : "");
        kh_print_text(stdout, v->note);
        putchar('\n');
    }
}

static void add_opened(const struct show *show, json_t *root)
{
    json_t *attributes = json_object();

    for (size_t i = 0; i < show->deposit.attrs.count; i++)
        (void)json_object_set_new(attributes, show->deposit.attrs.list[i].name,
            json_string(show->deposit.attrs.list[i].value));
    (void)json_object_set_new(root, "version", json_integer(show->deposit.version));
    kh_json_created(root, show->deposit.created);
    (void)json_object_set_new(
        root, "size", json_integer((json_int_t)show->deposit.data.len));
    (void)json_object_set_new(root, "attributes", attributes);
}

static json_t *to_json(const struct show *show, const char *name)
{
    json_t *root = json_object();
    json_t *versions = json_array();

    kh_json_name(root, name);
    if (show->opened)
        add_opened(show, root);
    for (size_t i = 0; i < show->count; i++) {
        const struct kh_version_entry *v = &show->versions[i];
        json_t *object = json_pack("{s:I,s:s}", "version", (json_int_t)v->version,
            "state", kh_state_word(v->state));

        kh_json_created(object, v->created);
        if (*v->note)
            (void)json_object_set_new(object, "corrupt", json_string(v->note));
        (void)json_array_append_new(versions, object);
    }
    (void)json_object_set_new(root, "versions", versions);
    return root;
}

/* What can be told is told, even when the version itself cannot be opened. */
static kh_status show_deposit(
    struct kh_task *task, struct show *show, struct kh_error *err)
{
    struct kh_target *target;
    kh_status opened = KH_OK;
    kh_status status;

    snprintf(show->deposit.name, sizeof show->deposit.name, "%s", task->name);
    show->deposit.version = kh_task_version(task, show->version, KH_LATEST);
    status = kh_task_open(task, err);
    target = task->target;
    if (status == KH_OK)
        status = target->ops->versions(target, task->name, collect, show, err);
    if (status != KH_OK)
        return status;
    if (show->any_active || show->version)
        opened = target->ops->get(target, &show->deposit, true, err);
    show->opened = opened == KH_OK && (show->any_active || show->version);
    if (show->json) {
        struct kh_error ignored = {0};

        status =
            kh_json_print(to_json(show, task->name), opened == KH_OK ? err : &ignored);
    } else {
        print(show, task->name);
    }
    return opened != KH_OK ? opened : status;
}

int kh_cmd_show(int argc, char **argv)
{
    struct show show = {0};
    const struct kh_cli_option options[] = {
        {"version", 'n', "N", "this version; else the highest active one", &show.version,
            NULL, 0},
        {"json", 'j', NULL, "a JSON object", &show.json, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin deposit show",
        .arguments = "NAME",
        .summary = "Shows name, time, size, attributes and versions of a deposit; never "
                   "its data.",
        .options = options,
        .option_count = sizeof options / sizeof options[0]};
    struct kh_task task = {0};
    struct kh_error err = {0};
    kh_status status;

    kh_task_parse(&task, &cli, 1, argc, argv);
    status = show_deposit(&task, &show, &err);
    kh_deposit_free(&show.deposit);
    free(show.versions);
    return kh_task_end(&task, status, &err);
}
