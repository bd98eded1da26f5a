#include "server/auth_to_local.h"

#include "server/auth_to_local_rule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { USER_SIZE = sizeof((struct kh_principal *)0)->user, TEXT_MAX = 1024, GROUPS = 10 };

struct kh_local {
    struct kh_local_rule *rules;
    size_t count;
    char *realm;
};

/* A principal in its parts, which point into TEXT. */
struct name {
    char text[TEXT_MAX];
    const char *parts[KH_LOCAL_COMPONENTS + 1]; /* [0] is the realm */
    unsigned count;                             /* components */
};

/* A text that grows up to its size; what does not fit makes it invalid. */
struct text {
    char data[TEXT_MAX];
    size_t len;
    bool over;
};

static kh_status grow(struct kh_local *local, struct kh_error *err)
{
    struct kh_local_rule *more = realloc(local->rules, (local->count + 1) * sizeof *more);

    if (!more)
        return kh_fail(err, KH_FATAL, "no memory for the rules of [auth_to_local]");
    local->rules = more;
    return KH_OK;
}

static kh_status add(void *arg, const struct kh_config_pair *pair, struct kh_error *err)
{
    struct kh_local *local = arg;
    struct kh_error why = {0};
    kh_status st;

    if (local->count == KH_LOCAL_RULES_MAX)
        return kh_fail(err, KH_INVALID, "%s: %s: [auth_to_local] has more than %d rules",
            pair->where, pair->key, KH_LOCAL_RULES_MAX);
    st = grow(local, err);
    if (st != KH_OK)
        return st;
    st = kh_local_rule_parse(&local->rules[local->count], pair->value, &why);
    if (st != KH_OK)
        return kh_fail(err, st, "%s: %s: %s", pair->where, pair->key, why.message);
    local->count++;
    return KH_OK;
}

static kh_status fill(
    struct kh_local *local, const struct kh_config *config, struct kh_error *err)
{
    kh_status st = kh_config_pairs(config, "auth_to_local", add, local, err);

    if (st != KH_OK || local->count > 0)
        return st;
    st = grow(local, err);
    if (st == KH_OK)
        st = kh_local_rule_parse(&local->rules[local->count++], "DEFAULT", err);
    return st;
}

kh_status kh_local_new(struct kh_local **out, const struct kh_config *config,
    const char *realm, struct kh_error *err)
{
    struct kh_local *local = calloc(1, sizeof *local);
    kh_status st;

    *out = NULL;
    if (!local || !(local->realm = strdup(realm))) {
        kh_local_free(local);
        return kh_fail(err, KH_FATAL, "no memory for the rules of [auth_to_local]");
    }
    st = fill(local, config, err);
    if (st != KH_OK) {
        kh_local_free(local);
        return st;
    }
    *out = local;
    return KH_OK;
}

void kh_local_free(struct kh_local *local)
{
    if (!local)
        return;
    for (size_t i = 0; i < local->count; i++)
        kh_local_rule_clear(&local->rules[i]);
    free(local->rules);
    free(local->realm);
    free(local);
}

/* False: PRINCIPAL is not of the form NAME[/INSTANCE...]@REALM. */
static bool split(const char *principal, struct name *out)
{
    char *at;
    char *rest;

    *out = (struct name){.count = 0};
    if (strlen(principal) >= sizeof((struct kh_principal *)0)->krb5 ||
        strchr(principal, '\\'))
        return false;
    snprintf(out->text, sizeof out->text, "%s", principal);
    at = strchr(out->text, '@');
    if (!at || !at[1] || strpbrk(at + 1, "@/"))
        return false;
    *at = '\0';
    out->parts[0] = at + 1;
    for (rest = out->text; rest;) {
        const char *part = strsep(&rest, "/");

        if (!*part || out->count == KH_LOCAL_COMPONENTS)
            return false;
        out->parts[++out->count] = part;
    }
    return true;
}

static void put(struct text *t, const char *from, size_t len)
{
    if (len >= sizeof t->data - t->len) {
        t->over = true;
        return;
    }
    memcpy(t->data + t->len, from, len);
    t->len += len;
    t->data[t->len] = '\0';
}

static void put_format(struct text *t, const char *format, const struct name *name)
{
    for (; *format; format++) {
        if (*format == '$') {
            const char *part = name->parts[*++format - '0'];

            put(t, part, strlen(part));
        } else {
            put(t, format, 1);
        }
    }
}

/* What stands in place of one match. */
static void put_replacement(
    struct text *t, const char *to, const char *from, const regmatch_t *groups)
{
    for (; *to; to++) {
        if (*to == '$') {
            const regmatch_t *g = &groups[*++to - '0'];

            if (g->rm_so >= 0)
                put(t, from + g->rm_so, (size_t)(g->rm_eo - g->rm_so));
        } else {
            to += *to == '\\';
            put(t, to, 1);
        }
    }
}

static void replace(const struct kh_local_rule *rule, const char *from, struct text *out)
{
    regmatch_t groups[GROUPS];
    int flags = 0;

    while (!out->over && regexec(&rule->from, from, GROUPS, groups, flags) == 0) {
        put(out, from, (size_t)groups[0].rm_so);
        put_replacement(out, rule->to, from, groups);
        from += groups[0].rm_eo;
        flags = REG_NOTBOL;
        if (!rule->global || (groups[0].rm_eo == groups[0].rm_so && !*from))
            break;
        if (groups[0].rm_eo == groups[0].rm_so)
            put(out, from++, 1); /* an empty match moves on by one */
    }
    put(out, from, strlen(from));
}

static bool fits_whole(const regex_t *match, const struct text *t)
{
    regmatch_t all[1];

    /* The longest of the leftmost matches: the whole, when that is one. */
    return regexec(match, t->data, 1, all, 0) == 0 && all[0].rm_so == 0 &&
           (size_t)all[0].rm_eo == t->len;
}

/* False: RULE is not for NAME. Else OUT is what it gives. */
static bool apply(const struct kh_local *local, const struct kh_local_rule *rule,
    const struct name *name, struct text *out)
{
    struct text whole = {.len = 0};

    *out = (struct text){.len = 0};
    if (rule->is_default) {
        put(out, name->parts[1], strlen(name->parts[1]));
        return strcmp(local->realm, name->parts[0]) == 0;
    }
    if (rule->count != name->count)
        return false;
    put_format(&whole, rule->format, name);
    if (whole.over || (rule->has_match && !fits_whole(&rule->match, &whole)))
        return false;
    if (rule->has_from)
        replace(rule, whole.data, out);
    else
        *out = whole;
    for (size_t i = 0; rule->lower && i < out->len; i++)
        out->data[i] = (char)tolower((unsigned char)out->data[i]);
    return true;
}

kh_status kh_local_map(const struct kh_local *local, const char *principal,
    char out[USER_SIZE], struct kh_error *err)
{
    struct name name;
    struct text result;

    out[0] = '\0';
    if (!split(principal, &name))
        return kh_fail(err, KH_REFUSED,
            "'%.256s' is no principal of the form NAME@REALM or NAME/HOST@REALM",
            principal);
    for (size_t i = 0; i < local->count; i++) {
        if (!apply(local, &local->rules[i], &name, &result))
            continue;
        if (result.over || !kh_user_valid(result.data))
            return kh_fail(err, KH_REFUSED,
                "'%.64s', which [auth_to_local] makes of %s, is no short name",
                result.data, principal);
        memcpy(out, result.data, result.len + 1);
        return KH_OK;
    }
    return kh_fail(err, KH_REFUSED, "no rule of [auth_to_local] fits %s", principal);
}
