#include "server/kms/acl.h"

#include "server/kms/acl_lists.h"

#include <pthread.h>
#include <stdlib.h>

/* Whoever decides holds the lists for as long as it takes, which may be a question to a
 * slow directory service; a reload does not wait for that. */
struct held {
    struct kms_lists *lists;
    size_t
        users; /* under the lock; one of them is struct kms_acl while they are current */
};

struct kms_acl {
    pthread_mutex_t lock;
    struct held *current;
};

static struct held *hold(struct kms_acl *acl)
{
    struct held *held;

    (void)pthread_mutex_lock(&acl->lock);
    held = acl->current;
    held->users++;
    (void)pthread_mutex_unlock(&acl->lock);
    return held;
}

static void let_go(struct kms_acl *acl, struct held *held)
{
    bool last;

    (void)pthread_mutex_lock(&acl->lock);
    last = --held->users == 0;
    (void)pthread_mutex_unlock(&acl->lock);
    if (last) {
        kms_lists_free(held->lists);
        free(held);
    }
}

static kh_status read_held(
    struct held **out, const struct kh_config *config, struct kh_error *err)
{
    struct held *held = calloc(1, sizeof *held);
    kh_status st;

    *out = NULL;
    if (!held)
        return kh_fail(err, KH_FATAL, "no memory for the lists of [kms.acl]");
    held->users = 1;
    st = kms_lists_read(&held->lists, config, err);
    if (st != KH_OK) {
        free(held);
        return st;
    }
    *out = held;
    return KH_OK;
}

kh_status kms_acl_new(
    struct kms_acl **out, const struct kh_config *config, struct kh_error *err)
{
    struct kms_acl *acl = calloc(1, sizeof *acl);
    kh_status st;

    *out = NULL;
    if (!acl || pthread_mutex_init(&acl->lock, NULL) != 0) {
        free(acl);
        return kh_fail(err, KH_FATAL, "no memory for the lists of [kms.acl]");
    }
    st = read_held(&acl->current, config, err);
    if (st != KH_OK) {
        kms_acl_free(acl);
        return st;
    }
    *out = acl;
    return KH_OK;
}

kh_status kms_acl_reload(
    struct kms_acl *acl, const struct kh_config *config, struct kh_error *err)
{
    struct held *fresh;
    struct held *old;
    kh_status st = read_held(&fresh, config, err);

    if (st != KH_OK)
        return st;
    (void)pthread_mutex_lock(&acl->lock);
    old = acl->current;
    acl->current = fresh;
    (void)pthread_mutex_unlock(&acl->lock);
    let_go(acl, old);
    return KH_OK;
}

/* What cannot be found out does not allow, and it blocks. */
static bool has_op(
    const struct kms_lists *lists, const struct kh_principal *who, kms_op op)
{
    return kms_users_have(&lists->allow[op], who, lists->groups) == KMS_YES &&
           kms_users_have(&lists->block[op], who, lists->groups) == KMS_NO;
}

static bool listed(const struct kms_lists *lists, const struct kms_key_lists *key,
    const struct kh_principal *who, kms_key_op op)
{
    return (key->present & (1u << op)) &&
           kms_users_have(&key->lists[op], who, lists->groups) == KMS_YES;
}

static bool has_key(const struct kms_lists *lists, const struct kh_principal *who,
    kms_key_op op, const char *name)
{
    const struct kms_key_lists *own = kms_lists_key(lists, name);

    if (!lists->per_key)
        return true;
    if (own && (listed(lists, own, who, op) || listed(lists, own, who, KMS_KEY_ALL)))
        return true;
    if (!own && listed(lists, &lists->defaults, who, op))
        return true;
    return listed(lists, &lists->whitelist, who, op);
}

bool kms_acl_has_op(struct kms_acl *acl, const struct kh_principal *who, kms_op op)
{
    struct held *held = hold(acl);
    bool has = has_op(held->lists, who, op);

    let_go(acl, held);
    return has;
}

bool kms_acl_has_key(
    struct kms_acl *acl, const struct kh_principal *who, kms_key_op op, const char *name)
{
    struct held *held = hold(acl);
    bool has = has_key(held->lists, who, op, name);

    let_go(acl, held);
    return has;
}

/* What an operation needs of the key. False: nothing. */
static bool needs(kms_op op, kms_key_op *needed)
{
    switch (op) {
    case KMS_OP_GET_KEYS:
        return false;
    case KMS_OP_GET:
    case KMS_OP_GET_METADATA:
        *needed = KMS_KEY_READ;
        return true;
    case KMS_OP_GENERATE_EEK:
        *needed = KMS_KEY_GENERATE_EEK;
        return true;
    case KMS_OP_DECRYPT_EEK:
        *needed = KMS_KEY_DECRYPT_EEK;
        return true;
    case KMS_OP_CREATE:
    case KMS_OP_DELETE:
    case KMS_OP_ROLLOVER:
    case KMS_OP_SET_KEY_MATERIAL:
    case KMS_OP_UNDELETE:
    case KMS_OP_PURGE:
        break;
    }
    *needed = KMS_KEY_MANAGEMENT;
    return true;
}

bool kms_acl_allows(
    struct kms_acl *acl, const struct kh_principal *who, kms_op op, const char *name)
{
    struct held *held = hold(acl);
    kms_key_op needed = KMS_KEY_ALL;
    bool has = has_op(held->lists, who, op);

    if (has && name && needs(op, &needed))
        has = has_key(held->lists, who, needed, name);
    let_go(acl, held);
    return has;
}

bool kms_acl_may_act(struct kms_acl *acl, const struct kh_principal *who,
    const char *const user_and_address[2], char out[KMS_ACT_TEXT])
{
    const char *const users[] = {who->user, user_and_address[0]};
    struct held *held = hold(acl);
    enum kms_proxied answer = kms_proxies_allow(
        &held->lists->proxies, held->lists->groups, users, user_and_address[1]);

    let_go(acl, held);
    out[0] = '\0';
    if (answer == KMS_PROXY_USER)
        (void)snprintf(out, KMS_ACT_TEXT, "User: %s is not allowed to impersonate %s",
            users[0], users[1]);
    else if (answer == KMS_PROXY_HOST)
        (void)snprintf(out, KMS_ACT_TEXT,
            "Unauthorized connection for super-user: %s from IP %s", users[0],
            user_and_address[1]);
    return answer == KMS_PROXY_OK;
}

void kms_acl_op_text(char *out, size_t size, const struct kh_principal *who,
    const char *op, const char *key)
{
    if (key)
        (void)snprintf(
            out, size, "User:%s not allowed to do '%s' on '%s'", who->user, op, key);
    else
        (void)snprintf(out, size, "User:%s not allowed to do '%s'", who->user, op);
}

void kms_acl_key_text(char *out, size_t size, const struct kh_principal *who,
    kms_key_op op, const char *name, bool create)
{
    if (create)
        (void)snprintf(
            out, size, "User [%s] is not authorized to create key !!", who->user);
    else
        (void)snprintf(out, size,
            "User [%s] is not authorized to perform [%s] on key with ACL name [%s]!!",
            who->user, kms_key_op_names[op], name);
}

void kms_acl_free(struct kms_acl *acl)
{
    if (!acl)
        return;
    if (acl->current)
        let_go(acl, acl->current);
    (void)pthread_mutex_destroy(&acl->lock);
    free(acl);
}
