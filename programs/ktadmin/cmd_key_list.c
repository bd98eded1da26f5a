/* list, show and public: what can be told of keys. */
#include "programs/ktadmin/commands.h"

#include "core/record.h"
#include "core/secmem.h"
#include "programs/ktadmin/keytext.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

static kh_status print_key(
    void *arg, const struct kh_named_key *key, struct kh_error *err)
{
    char words[KH_WORDS_SIZE];
    char created[KH_TIME_LEN];

    (void)arg;
    (void)err;
    kh_print_name(stdout, key->name, 40);
    printf(" %-9s %-14s %-8s %s\n", kh_key_word(kh_key_kind_words(), key->kind),
        kh_purposes_text(key->purposes, words), kh_state_word(key->state),
        kh_time_word(key->created, created));
    return KH_OK;
}

static kh_status json_key(void *arg, const struct kh_named_key *key, struct kh_error *err)
{
    return json_array_append_new(arg, kh_key_facts(key)) == 0
               ? KH_OK
               : kh_fail(err, KH_FATAL, "out of memory");
}

static kh_status list(struct kh_task *task, bool json, struct kh_error *err)
{
    json_t *array = NULL;
    kh_status status = kh_task_open(task, err);

    if (status == KH_OK && json) /* not before: jansson's memory comes with the target */
        array = json_array();
    if (status == KH_OK && !json)
        printf(
            "%-40s %-9s %-14s %-8s %s\n", "NAME", "KIND", "PURPOSES", "STATE", "CREATED");
    if (status == KH_OK)
        status = task->target->ops->key_list(
            task->target, json ? json_key : print_key, array, err);
    if (status == KH_OK)
        status = json ? kh_json_print(json_incref(array), err) : kh_output_flush(err);
    json_decref(array);
    return status;
}

int kh_cmd_key_list(int argc, char **argv)
{
    bool json = false;
    const struct kh_cli_option options[] = {
        {"json", 'j', NULL, "a JSON array", &json, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin key list",
        .arguments = "",
        .summary = "Lists keys in order of name, deleted ones too.",
        .options = options,
        .option_count = sizeof options / sizeof options[0]};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 0, argc, argv);
    return kh_task_end(&task, list(&task, json, &err), &err);
}

static kh_status show(struct kh_task *task, bool json, struct kh_error *err)
{
    struct kh_named_key key = {0};
    char words[KH_WORDS_SIZE];
    char created[KH_TIME_LEN];
    kh_status status = kh_task_open(task, err);

    if (status == KH_OK)
        status = task->target->ops->key_stat(task->target, task->name, &key, err);
    if (status != KH_OK)
        return status;
    if (json)
        return kh_json_print(kh_key_facts(&key), err);
    printf("name      %s\nkind      %s\npurposes  %s\nstate     %s\ncreated   %s\n",
        key.name, kh_key_word(kh_key_kind_words(), key.kind),
        kh_purposes_text(key.purposes, words), kh_state_word(key.state),
        kh_time_word(key.created, created));
    return kh_output_flush(err);
}

int kh_cmd_key_show(int argc, char **argv)
{
    bool json = false;
    const struct kh_cli_option options[] = {
        {"json", 'j', NULL, "a JSON object", &json, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin key show",
        .arguments = "NAME",
        .summary = "Shows kind, purposes, state and time of a key.",
        .options = options,
        .option_count = sizeof options / sizeof options[0]};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 1, argc, argv);
    return kh_task_end(&task, show(&task, json, &err), &err);
}

static kh_status public_half(
    struct kh_task *task, const char *file, bool force, struct kh_error *err)
{
    KH_CLEANUP_BUF struct kh_buf pem = {0};
    struct kh_named_key key = {0};
    kh_status status = kh_task_open(task, err);

    if (status == KH_OK)
        status = task->target->ops->key_stat(task->target, task->name, &key, err);
    if (status == KH_OK)
        status = kh_key_pem(&key, &pem, err);
    return status == KH_OK ? kh_output_data(file, &pem, force, err) : status;
}

int kh_cmd_key_public(int argc, char **argv)
{
    const char *output = NULL;
    bool force = false;
    const struct kh_cli_option options[] = {
        {"output", 'o', "FILE", "write to a new FILE; else to standard output", &output,
            NULL, 0},
        {"force", 'f', NULL, "replace FILE", &force, NULL, 0},
    };
    const struct kh_cli cli = {.program = "ktadmin key public",
        .arguments = "NAME",
        .summary = "Writes the public half of a key, PEM.",
        .options = options,
        .option_count = sizeof options / sizeof options[0]};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 1, argc, argv);
    return kh_task_end(&task, public_half(&task, output, force, &err), &err);
}
