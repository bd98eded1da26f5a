#include "server/kms/acl_lists.h"

#include "server/router.h"
#include "server/kms/place.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"
#define FORM                                                                             \
    "give KEY OPERATION USERS GROUPS, as in 'finance DECRYPT_EEK alice,bob staff'"

const char *const kms_op_names[KMS_OPS] = {"CREATE", "DELETE", "ROLLOVER", "GET",
    "GET_KEYS", "GET_METADATA", "SET_KEY_MATERIAL", "GENERATE_EEK", "DECRYPT_EEK",
    "UNDELETE", "PURGE"};

const char *const kms_key_op_names[KMS_KEY_OPS] = {
    "MANAGEMENT", "GENERATE_EEK", "DECRYPT_EEK", "READ", "ALL"};

/* A section whose keys are operations. */
struct section {
    const char *name;
    const char *const *ops;
    size_t op_count;
    struct kms_users *lists;
    unsigned *present; /* may be NULL */
};

/* The place of WORD (LEN bytes) among NAMES; COUNT: none. */
static size_t find_op(
    const char *const *names, size_t count, const char *word, size_t len)
{
    size_t at = 0;

    while (at < count && (strlen(names[at]) != len || memcmp(names[at], word, len) != 0))
        at++;
    return at;
}

static kh_status not_an_op(
    const char *const *names, size_t count, const char *word, struct kh_error *err)
{
    char known[200];
    size_t used = 0;

    known[0] = '\0';
    for (size_t i = 0; i < count && used < sizeof known; i++)
        used += (size_t)snprintf(
            known + used, sizeof known - used, "%s%s", i ? ", " : "", names[i]);
    return kh_fail(
        err, KH_INVALID, "'%.64s' is no operation; give one of %s", word, known);
}

static kh_status on_op(void *arg, const struct kh_config_pair *pair, struct kh_error *err)
{
    const struct section *section = arg;
    struct kh_error why = {0};
    size_t op = find_op(section->ops, section->op_count, pair->key, strlen(pair->key));
    kh_status st;

    if (op == section->op_count)
        st = not_an_op(section->ops, section->op_count, pair->key, &why);
    else
        st = kms_users_add(&section->lists[op], pair->value, &why);
    if (st != KH_OK)
        return kh_fail(err, st, "%s: [%s] %s: %s", pair->where, section->name, pair->key,
            why.message);
    if (section->present)
        *section->present |= 1u << op;
    return KH_OK;
}

static int by_name(const void *item, const void *key)
{
    return strcmp(((const struct kms_key_lists *)item)->name, key);
}

/* Where NAME is, or would be. */
static size_t place_of(const struct kms_lists *lists, const char *name, bool *is)
{
    const struct kms_sorted sorted = {lists->keys, lists->key_count, sizeof *lists->keys};

    return kms_place(&sorted, by_name, name, is);
}

const struct kms_key_lists *kms_lists_key(const struct kms_lists *lists, const char *name)
{
    bool is;
    size_t at = place_of(lists, name, &is);

    return is ? &lists->keys[at] : NULL;
}

/* The lists of the key NAME, made when there are none. *OUT is NULL after a failure. */
static kh_status get_key(struct kms_lists *lists, const char *name,
    struct kms_key_lists **out, struct kh_error *err)
{
    bool is;
    size_t at = place_of(lists, name, &is);
    struct kms_key_lists *more;
    char *copy;

    *out = NULL;
    if (is) {
        *out = &lists->keys[at];
        return KH_OK;
    }
    if (lists->key_count == KMS_KEYS_MAX)
        return kh_fail(
            err, KH_INVALID, "[kms.key.acl] names more than %d keys", KMS_KEYS_MAX);
    more = realloc(lists->keys, (lists->key_count + 1) * sizeof *more);
    if (!more)
        return kh_fail(err, KH_FATAL, "no memory for the lists of [kms.key.acl]");
    lists->keys = more;
    copy = strdup(name);
    if (!copy)
        return kh_fail(err, KH_FATAL, "no memory for the lists of [kms.key.acl]");
    memmove(&more[at + 1], &more[at], (lists->key_count - at) * sizeof *more);
    more[at] = (struct kms_key_lists){.name = copy};
    lists->key_count++;
    *out = &more[at];
    return KH_OK;
}

/* "KEY OP LIST" */
static kh_status add_key_line(
    struct kms_lists *lists, const char *text, struct kh_error *err)
{
    size_t name_len = strcspn(text, BLANKS);
    const char *word = text + name_len + strspn(text + name_len, BLANKS);
    size_t word_len = strcspn(word, BLANKS);
    const char *list = word + word_len + strspn(word + word_len, BLANKS);
    struct kh_error why = {0};
    struct kms_key_lists *key = NULL;
    char name[KH_NAME_MAX + 1];
    size_t op = find_op(kms_key_op_names, KMS_KEY_OPS, word, word_len);
    kh_status st;

    if (name_len == 0)
        return kh_fail(err, KH_INVALID, "the line is empty; " FORM);
    if (op == KMS_KEY_OPS) {
        (void)not_an_op(kms_key_op_names, KMS_KEY_OPS, word, &why);
        return kh_fail(err, KH_INVALID, "%.400s; " FORM, why.message);
    }
    if (kh_percent_decode(text, name_len, name, sizeof name, &why) != KH_OK)
        return kh_fail(err, KH_INVALID,
            "the key's name: %s; write it as in a URL, a '%%' as %%25", why.message);
    st = get_key(lists, name, &key, err);
    if (!key)
        return st;
    key->present |= 1u << op;
    return kms_users_add(&key->lists[op], list, err);
}

static kh_status on_pair(
    void *arg, const struct kh_config_pair *pair, struct kh_error *err)
{
    struct kh_error why = {0};
    kh_status st = add_key_line(arg, pair->value, &why);

    if (st != KH_OK)
        return kh_fail(err, st, "%s: %s: %s", pair->where, pair->key, why.message);
    return KH_OK;
}

static kh_status read_all(
    struct kms_lists *lists, const struct kh_config *config, struct kh_error *err)
{
    struct section sections[] = {
        {"kms.acl", kms_op_names, KMS_OPS, lists->allow, NULL},
        {"kms.blacklist", kms_op_names, KMS_OPS, lists->block, NULL},
        /* Without ALL, which is for one key. */
        {"kms.key.acl.default", kms_key_op_names, KMS_KEY_ALL, lists->defaults.lists,
            &lists->defaults.present},
        {"kms.key.acl.whitelist", kms_key_op_names, KMS_KEY_ALL, lists->whitelist.lists,
            &lists->whitelist.present},
    };
    kh_status st = kh_config_pairs(config, "kms.key.acl", on_pair, lists, err);

    for (size_t i = 0; st == KH_OK && i < sizeof sections / sizeof sections[0]; i++)
        st = kh_config_pairs(config, sections[i].name, on_op, &sections[i], err);
    if (st == KH_OK)
        st = kms_groups_new(&lists->groups, config, err);
    if (st == KH_OK)
        st = kms_proxies_read(&lists->proxies, config, err);
    lists->per_key = kh_config_bool(config, "kms", "key_authorization");
    return st;
}

kh_status kms_lists_read(
    struct kms_lists **out, const struct kh_config *config, struct kh_error *err)
{
    struct kms_lists *lists = calloc(1, sizeof *lists);
    kh_status st;

    *out = NULL;
    if (!lists)
        return kh_fail(err, KH_FATAL, "no memory for the lists of [kms.acl]");
    st = read_all(lists, config, err);
    if (st != KH_OK) {
        kms_lists_free(lists);
        return st;
    }
    *out = lists;
    return KH_OK;
}

static void clear_key(struct kms_key_lists *key)
{
    free(key->name);
    for (size_t i = 0; i < KMS_KEY_OPS; i++)
        kms_users_clear(&key->lists[i]);
}

void kms_lists_free(struct kms_lists *lists)
{
    if (!lists)
        return;
    for (size_t i = 0; i < KMS_OPS; i++) {
        kms_users_clear(&lists->allow[i]);
        kms_users_clear(&lists->block[i]);
    }
    for (size_t i = 0; i < lists->key_count; i++)
        clear_key(&lists->keys[i]);
    free(lists->keys);
    clear_key(&lists->defaults);
    clear_key(&lists->whitelist);
    kms_proxies_clear(&lists->proxies);
    kms_groups_free(lists->groups);
    free(lists);
}
