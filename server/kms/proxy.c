#include "server/kms/proxy.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"
#define FORM "give PROXY users|groups|hosts LIST, as in 'hue hosts 10.0.0.0/24'"

/* Leaves its name as it is: a user's, whose characters are few. */
static kh_status find(struct kms_proxies *proxies, const char *name, size_t len,
    struct kms_proxy **out, struct kh_error *err)
{
    struct kms_proxy *more;
    char *copy;

    for (size_t i = 0; i < proxies->count; i++) {
        if (strlen(proxies->list[i].name) == len &&
            memcmp(proxies->list[i].name, name, len) == 0) {
            *out = &proxies->list[i];
            return KH_OK;
        }
    }
    if (proxies->count == KMS_PROXIES_MAX)
        return kh_fail(err, KH_INVALID, "more than %d proxy users", KMS_PROXIES_MAX);
    more = realloc(proxies->list, (proxies->count + 1) * sizeof *more);
    if (!more)
        return kh_fail(err, KH_FATAL, "no memory for a proxy user");
    proxies->list = more;
    copy = strndup(name, len);
    if (!copy)
        return kh_fail(err, KH_FATAL, "no memory for a proxy user");
    more[proxies->count] = (struct kms_proxy){.name = copy};
    *out = &more[proxies->count++];
    return KH_OK;
}

/* A list of groups alone, as users.h has it. */
static kh_status add_groups(
    struct kms_users *users, const char *list, struct kh_error *err)
{
    char text[1100];

    if (strcmp(list, "*") == 0)
        return kms_users_add(users, list, err);
    if (snprintf(text, sizeof text, ", %s", list) >= (int)sizeof text)
        return kh_fail(err, KH_INVALID, "the list is too long");
    return kms_users_add(users, text, err);
}

static kh_status add_users(
    struct kms_users *users, const char *list, struct kh_error *err)
{
    if (strpbrk(list, BLANKS))
        return kh_fail(err, KH_INVALID,
            "'%.64s': there is a blank in a list of users; groups have a line of their "
            "own",
            list);
    return kms_users_add(users, list, err);
}

/* "PROXY users|groups|hosts LIST" */
static kh_status add_line(
    struct kms_proxies *proxies, const char *text, struct kh_error *err)
{
    size_t name_len = strcspn(text, BLANKS);
    const char *word = text + name_len + strspn(text + name_len, BLANKS);
    size_t word_len = strcspn(word, BLANKS);
    const char *list = word + word_len + strspn(word + word_len, BLANKS);
    struct kms_proxy *proxy = NULL;
    kh_status st;

    if (name_len == 0 || name_len > 255 || word_len == 0)
        return kh_fail(err, KH_INVALID, "something is missing; " FORM);
    st = find(proxies, text, name_len, &proxy, err);
    if (st != KH_OK)
        return st;
    if (word_len == 5 && memcmp(word, "users", 5) == 0)
        return add_users(&proxy->users, list, err);
    if (word_len == 6 && memcmp(word, "groups", 6) == 0)
        return add_groups(&proxy->users, list, err);
    if (word_len == 5 && memcmp(word, "hosts", 5) == 0)
        return kms_hosts_add(&proxy->hosts, list, err);
    return kh_fail(
        err, KH_INVALID, "'%.32s' is none of users, groups and hosts; " FORM, word);
}

static kh_status on_pair(
    void *arg, const struct kh_config_pair *pair, struct kh_error *err)
{
    struct kh_error why = {0};
    kh_status st = add_line(arg, pair->value, &why);

    if (st != KH_OK)
        return kh_fail(err, st, "%s: %s: %s", pair->where, pair->key, why.message);
    return KH_OK;
}

kh_status kms_proxies_read(
    struct kms_proxies *proxies, const struct kh_config *config, struct kh_error *err)
{
    return kh_config_pairs(config, "kms.proxyuser", on_pair, proxies, err);
}

enum kms_proxied kms_proxies_allow(const struct kms_proxies *proxies,
    struct kms_groups *groups, const char *const users[2], const char *address)
{
    struct kh_principal wanted = {0};

    (void)snprintf(wanted.user, sizeof wanted.user, "%s", users[1]);
    for (size_t i = 0; i < proxies->count; i++) {
        const struct kms_proxy *proxy = &proxies->list[i];

        if (strcmp(proxy->name, users[0]) != 0)
            continue;
        if (kms_users_have(&proxy->users, &wanted, groups) != KMS_YES)
            return KMS_PROXY_USER;
        return kms_hosts_have(proxy->hosts, address) ? KMS_PROXY_OK : KMS_PROXY_HOST;
    }
    return KMS_PROXY_USER;
}

void kms_proxies_clear(struct kms_proxies *proxies)
{
    for (size_t i = 0; i < proxies->count; i++) {
        free(proxies->list[i].name);
        kms_users_clear(&proxies->list[i].users);
        kms_hosts_free(proxies->list[i].hosts);
    }
    free(proxies->list);
    *proxies = (struct kms_proxies){0};
}
