#include "server/kms/users.h"

#include "server/kms/place.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"

/* A name that need not end where the text it stands in ends. */
struct part {
    const char *text;
    size_t len;
};

static int by_part(const void *item, const void *key)
{
    const char *name = *(const char *const *)item;
    const struct part *part = key;
    int order = strncmp(name, part->text, part->len);

    return order == 0 && name[part->len] ? 1 : order;
}

/* Where NAME is, or would be. */
static size_t place(const struct kms_names *names, const char *name, size_t len, bool *is)
{
    const struct part part = {name, len};
    const struct kms_sorted sorted = {names->names, names->count, sizeof *names->names};

    return kms_place(&sorted, by_part, &part, is);
}

kh_status kms_names_add(
    struct kms_names *names, const char *name, size_t len, struct kh_error *err)
{
    bool is;
    size_t at = place(names, name, len, &is);
    char **more;
    char *copy;

    if (is)
        return KH_OK;
    if (names->count == KMS_USERS_MAX)
        return kh_fail(err, KH_INVALID, "more than %d names", KMS_USERS_MAX);
    more = realloc(names->names, (names->count + 1) * sizeof *more);
    if (!more)
        return kh_fail(err, KH_FATAL, "no memory for a list of names");
    names->names = more;
    copy = strndup(name, len);
    if (!copy)
        return kh_fail(err, KH_FATAL, "no memory for a list of names");
    memmove(&more[at + 1], &more[at], (names->count - at) * sizeof *more);
    more[at] = copy;
    names->count++;
    return KH_OK;
}

bool kms_names_have(const struct kms_names *names, const char *name)
{
    bool is;

    (void)place(names, name, strlen(name), &is);
    return is;
}

void kms_names_clear(struct kms_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->names[i]);
    free(names->names);
    *names = (struct kms_names){0};
}

/* The part of TEXT (LEN bytes) without blanks around it. */
static const char *trimmed(const char *text, size_t *len)
{
    while (*len > 0 && strchr(BLANKS, *text)) {
        text++;
        --*len;
    }
    while (*len > 0 && strchr(BLANKS, text[*len - 1]))
        --*len;
    return text;
}

static bool is_all(const char *text, size_t len)
{
    text = trimmed(text, &len);
    return len == 1 && *text == '*';
}

/* Every entry between the commas of TEXT (LEN bytes); empty ones are none. */
static kh_status add_entries(
    struct kms_names *names, const char *text, size_t len, struct kh_error *err)
{
    const char *end = text + len;

    while (text < end) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        size_t n = (size_t)((comma ? comma : end) - text);
        const char *entry = trimmed(text, &n);
        kh_status st = KH_OK;

        if (n == 1 && *entry == '~')
            return kh_fail(err, KH_INVALID, "there is no user behind '~'");
        if (memchr(entry, '\t', n))
            return kh_fail(err, KH_INVALID, "'%.*s' is no name: there is a tab in it",
                n > 64 ? 64 : (int)n, entry);
        if (n > 0)
            st = kms_names_add(names, entry, n, err);
        if (st != KH_OK)
            return st;
        text = comma ? comma + 1 : end;
    }
    return KH_OK;
}

static kh_status check(const char *text, size_t users, struct kh_error *err)
{
    size_t named = users;

    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 ? *p != '\t' : *p == 0x7f)
            return kh_fail(err, KH_INVALID, "there is a control character in the list");
    }
    while (named > 0 && text[named - 1] == ',')
        named--;
    if (named > 0 && named < users && text[users])
        return kh_fail(err, KH_INVALID,
            "'%.64s': a blank ends the users, so what is behind ', ' would be groups; "
            "give user1,user2 group1,group2",
            text);
    return KH_OK;
}

kh_status kms_users_add(struct kms_users *list, const char *text, struct kh_error *err)
{
    size_t users = strcspn(text, " ");
    const char *groups = text[users] ? text + users + 1 : text + users;
    kh_status st = check(text, users, err);

    if (st != KH_OK)
        return st;
    if (is_all(text, users) || is_all(groups, strlen(groups))) {
        list->all = true;
        return KH_OK;
    }
    st = add_entries(&list->users, text, users, err);
    return st == KH_OK ? add_entries(&list->groups, groups, strlen(groups), err) : st;
}

static bool proxied(const struct kms_names *users, const char *proxy)
{
    char entry[sizeof((struct kh_principal *)0)->real_user + 1];

    (void)snprintf(entry, sizeof entry, "~%s", proxy);
    return kms_names_have(users, entry);
}

enum kms_member kms_users_have(const struct kms_users *list,
    const struct kh_principal *who, struct kms_groups *groups)
{
    if (!*who->user)
        return KMS_NO;
    if (list->all || kms_names_have(&list->users, who->user))
        return KMS_YES;
    if (*who->real_user && proxied(&list->users, who->real_user))
        return KMS_YES;
    return list->groups.count == 0 ? KMS_NO
                                   : kms_groups_have(groups, who->user, &list->groups);
}

void kms_users_clear(struct kms_users *list)
{
    kms_names_clear(&list->users);
    kms_names_clear(&list->groups);
    *list = (struct kms_users){0};
}
