#include "programs/ktadmin/commands.h"

#include "programs/ktadmin/keytext.h"
#include "programs/ktadmin/output.h"
#include "programs/ktadmin/task.h"

#include <string.h>

enum { PURPOSES_MAX = 8 };

struct wish {
    const char *kind;
    const char *purposes[PURPOSES_MAX];
    unsigned count;
};

/* Without a purpose: what such keys are mostly for. */
static kh_status take_wish(
    const struct wish *wish, struct kh_named_key *key, struct kh_error *err)
{
    unsigned value = 0;
    char words[KH_WORDS_SIZE];

    if (!kh_key_word_value(kh_key_kind_words(), wish->kind, &value))
        return kh_fail(err, KH_INVALID, "--kind: one of %s is needed",
            kh_words_text(kh_key_kind_words(), words));
    key->kind = (kh_key_kind)value;
    for (unsigned i = 0; i < wish->count; i++) {
        if (!kh_key_word_value(kh_key_purpose_words(), wish->purposes[i], &value))
            return kh_fail(err, KH_INVALID, "--purpose %.32s: one of %s is needed",
                wish->purposes[i], kh_words_text(kh_key_purpose_words(), words));
        key->purposes |= value;
    }
    if (wish->count == 0)
        key->purposes = key->kind == KH_KIND_AES_256 ? KH_KEY_WRAP : KH_KEY_SIGN;
    return kh_check_key_wish(key, err);
}

static kh_status create(
    struct kh_task *task, const struct wish *wish, struct kh_error *err)
{
    struct kh_named_key key = {0};
    char words[KH_WORDS_SIZE];
    kh_status status;

    snprintf(key.name, sizeof key.name, "%s", task->name);
    status = take_wish(wish, &key, err);
    if (status == KH_OK)
        status = kh_task_open(task, err);
    if (status == KH_OK)
        status = task->target->ops->key_create(task->target, &key, err);
    if (status != KH_OK)
        return status;
    printf("Made %s: %s, %s\n", key.name, kh_key_word(kh_key_kind_words(), key.kind),
        kh_purposes_text(key.purposes, words));
    return kh_output_flush(err);
}

int kh_cmd_key_create(int argc, char **argv)
{
    struct wish wish = {0};
    const struct kh_cli_option options[] = {
        {"kind", 'k', "KIND",
            "ec-p256, ec-p384, ed25519, rsa-2048, rsa-3072, rsa-4096 or aes-256",
            &wish.kind, NULL, 0},
        {"purpose", 'p', "PURPOSE", "sign, decrypt, derive or wrap; may be given again",
            &wish.count, wish.purposes, PURPOSES_MAX},
    };
    const struct kh_cli cli = {.program = "ktadmin key create",
        .arguments = "NAME",
        .summary = "Makes a key on the device, which never gives it out.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
        .more =
            "What a key may do is fixed when it is made. Without --purpose it signs; "
            "an AES key\n"
            "wraps. RSA may sign and decrypt; an EC key does one of sign and derive."};
    struct kh_task task = {0};
    struct kh_error err = {0};

    kh_task_parse(&task, &cli, 1, argc, argv);
    return kh_task_end(&task, create(&task, &wish, &err), &err);
}
