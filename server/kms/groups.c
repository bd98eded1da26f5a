#include "server/kms/groups.h"

#include "core/log.h"
#include "server/http.h"
#include "server/kms/groups_system.h"
#include "server/kms/users.h"
#include "server/kms/place.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    REMEMBERED_MAX = 4096, /* users; then everybody is forgotten */
    GROUPS_MAX = 4096      /* of [kms.groups] */
};

/* A group of [kms.groups]. */
struct declared {
    char *name;
    struct kms_names users;
};

/* What the system said of a user. */
struct remembered {
    char *user;
    struct kms_names groups;
    uint64_t until; /* monotonic milliseconds */
};

struct kms_groups {
    struct declared *declared;
    size_t declared_count;
    kms_group_source source; /* NULL: the system is not asked */
    uint64_t keep_ms;
    pthread_rwlock_t lock;         /* of what is below */
    struct remembered *remembered; /* sorted by user */
    size_t remembered_count;
};

static void forget_all(struct kms_groups *groups)
{
    for (size_t i = 0; i < groups->remembered_count; i++) {
        free(groups->remembered[i].user);
        kms_names_clear(&groups->remembered[i].groups);
    }
    free(groups->remembered);
    groups->remembered = NULL;
    groups->remembered_count = 0;
}

static kh_status declare(
    void *arg, const struct kh_config_pair *pair, struct kh_error *err)
{
    struct kms_groups *groups = arg;
    struct kh_error why = {0};
    struct kms_users users = {0};
    struct declared *more;
    kh_status st = KH_OK;

    if (groups->declared_count == GROUPS_MAX)
        return kh_fail(err, KH_INVALID, "%s: %s: [kms.groups] has more than %d groups",
            pair->where, pair->key, GROUPS_MAX);
    if (strchr(pair->value, ' ') || strchr(pair->value, '~') || strchr(pair->value, '*'))
        st = kh_fail(&why, KH_INVALID,
            "'%.64s' is no list of users; give user1,user2 without blanks", pair->value);
    if (st == KH_OK)
        st = kms_users_add(&users, pair->value, &why);
    if (st != KH_OK) {
        kms_users_clear(&users);
        return kh_fail(err, st, "%s: %s: %s", pair->where, pair->key, why.message);
    }
    more = realloc(groups->declared, (groups->declared_count + 1) * sizeof *more);
    if (more) {
        groups->declared = more;
        more[groups->declared_count] = (struct declared){strdup(pair->key), users.users};
        if (more[groups->declared_count].name) {
            groups->declared_count++;
            return KH_OK;
        }
    }
    kms_users_clear(&users);
    return kh_fail(err, KH_FATAL, "no memory for the groups of [kms.groups]");
}

kh_status kms_groups_new(
    struct kms_groups **out, const struct kh_config *config, struct kh_error *err)
{
    struct kms_groups *groups = calloc(1, sizeof *groups);
    kh_status st;

    *out = NULL;
    if (!groups || pthread_rwlock_init(&groups->lock, NULL) != 0) {
        free(groups);
        return kh_fail(err, KH_FATAL, "no memory for the groups of [kms.groups]");
    }
    groups->keep_ms = 1000 * (uint64_t)kh_config_int(config, "kms", "groups_cache");
    groups->source =
        kh_config_bool(config, "kms", "system_groups") ? kms_groups_system : NULL;
    st = kh_config_pairs(config, "kms.groups", declare, groups, err);
    if (st != KH_OK) {
        kms_groups_free(groups);
        return st;
    }
    *out = groups;
    return KH_OK;
}

void kms_groups_ask(struct kms_groups *groups, kms_group_source source)
{
    groups->source = source;
}

static bool is_declared(
    const struct kms_groups *groups, const char *user, const struct kms_names *wanted)
{
    for (size_t i = 0; i < groups->declared_count; i++) {
        const struct declared *group = &groups->declared[i];

        if (kms_names_have(wanted, group->name) && kms_names_have(&group->users, user))
            return true;
    }
    return false;
}

static enum kms_member meet(const struct kms_names *a, const struct kms_names *b)
{
    for (size_t i = 0; i < a->count; i++) {
        if (kms_names_have(b, a->names[i]))
            return KMS_YES;
    }
    return KMS_NO;
}

static int by_user(const void *item, const void *key)
{
    return strcmp(((const struct remembered *)item)->user, key);
}

/* Where USER is remembered, or would be. */
static size_t place(const struct kms_groups *groups, const char *user, bool *is)
{
    const struct kms_sorted sorted = {
        groups->remembered, groups->remembered_count, sizeof *groups->remembered};

    return kms_place(&sorted, by_user, user, is);
}

/* KMS_UNKNOWN: not remembered, or for too long. */
static enum kms_member recall(
    struct kms_groups *groups, const char *user, const struct kms_names *wanted)
{
    enum kms_member answer = KMS_UNKNOWN;
    bool is;
    size_t at;

    (void)pthread_rwlock_rdlock(&groups->lock);
    at = place(groups, user, &is);
    if (is && groups->remembered[at].until > kh_clock_ms())
        answer = meet(&groups->remembered[at].groups, wanted);
    (void)pthread_rwlock_unlock(&groups->lock);
    return answer;
}

/* Takes NAMES. Without memory nothing is remembered. */
static void remember(struct kms_groups *groups, const char *user, struct kms_names *names)
{
    uint64_t until = kh_clock_ms() + groups->keep_ms;
    struct remembered *more;
    bool is;
    size_t at;

    (void)pthread_rwlock_wrlock(&groups->lock);
    if (groups->remembered_count == REMEMBERED_MAX)
        forget_all(groups);
    at = place(groups, user, &is);
    if (!is) {
        char *copy = strdup(user);

        more = realloc(groups->remembered, (groups->remembered_count + 1) * sizeof *more);
        if (more)
            groups->remembered = more;
        if (!more || !copy) {
            free(copy);
            goto out;
        }
        memmove(&more[at + 1], &more[at], (groups->remembered_count - at) * sizeof *more);
        more[at] = (struct remembered){.user = copy};
        groups->remembered_count++;
    }
    kms_names_clear(&groups->remembered[at].groups);
    groups->remembered[at].groups = *names;
    groups->remembered[at].until = until;
    *names = (struct kms_names){0};
out:
    (void)pthread_rwlock_unlock(&groups->lock);
    kms_names_clear(names);
}

enum kms_member kms_groups_have(
    struct kms_groups *groups, const char *user, const struct kms_names *wanted)
{
    struct kms_names names = {0};
    struct kh_error err = {0};
    enum kms_member answer;

    if (is_declared(groups, user, wanted))
        return KMS_YES;
    if (!groups->source)
        return KMS_NO;
    answer = recall(groups, user, wanted);
    if (answer != KMS_UNKNOWN)
        return answer;
    if (groups->source(user, &names, &err) != KH_OK) {
        kms_names_clear(&names);
        kh_log(KH_LOG_WARNING, "kms: %s", err.message);
        return KMS_UNKNOWN;
    }
    answer = meet(&names, wanted);
    remember(groups, user, &names);
    return answer;
}

void kms_groups_free(struct kms_groups *groups)
{
    if (!groups)
        return;
    for (size_t i = 0; i < groups->declared_count; i++) {
        free(groups->declared[i].name);
        kms_names_clear(&groups->declared[i].users);
    }
    free(groups->declared);
    forget_all(groups);
    (void)pthread_rwlock_destroy(&groups->lock);
    free(groups);
}
