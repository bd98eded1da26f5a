#include "server/acl.h"

#include "server/acl_rule.h"

#include <stdlib.h>
#include <string.h>

struct kh_acl {
    struct kh_acl_rule *rules;
    size_t count;
};

static kh_status add(void *arg, const struct kh_config_pair *pair, struct kh_error *err)
{
    struct kh_acl *acl = arg;
    struct kh_error why = {0};
    struct kh_acl_rule *more;
    kh_status st;

    if (acl->count == KH_ACL_RULES_MAX)
        return kh_fail(err, KH_INVALID, "%s: %s: [acl] has more than %d rules",
            pair->where, pair->key, KH_ACL_RULES_MAX);
    more = realloc(acl->rules, (acl->count + 1) * sizeof *more);
    if (!more)
        return kh_fail(err, KH_FATAL, "no memory for the rules of [acl]");
    acl->rules = more;
    st = kh_acl_rule_parse(&more[acl->count], pair->value, &why);
    if (st != KH_OK)
        return kh_fail(err, st, "%s: %s: %s", pair->where, pair->key, why.message);
    acl->count++;
    return KH_OK;
}

kh_status kh_acl_new(
    struct kh_acl **out, const struct kh_config *config, struct kh_error *err)
{
    struct kh_acl *acl = calloc(1, sizeof *acl);
    kh_status st;

    *out = NULL;
    if (!acl)
        return kh_fail(err, KH_FATAL, "no memory for the rules of [acl]");
    st = kh_config_pairs(config, "acl", add, acl, err);
    if (st != KH_OK) {
        kh_acl_free(acl);
        return st;
    }
    *out = acl;
    return KH_OK;
}

static bool fits_principal(const struct kh_acl_rule *rule, const struct kh_principal *who)
{
    /* The certificate and the ticket are not those of the one acted for. */
    if (*who->real_user && rule->whom != KH_ACL_ANYONE && rule->whom != KH_ACL_USER)
        return false;
    switch (rule->whom) {
    case KH_ACL_ANYONE:
        return true;
    case KH_ACL_FINGERPRINT:
        return strcmp(rule->principal, who->fingerprint) == 0;
    case KH_ACL_SUBJECT:
        /* What kh_cert_subject had to cut is not the name that the authority gave. */
        return strlen(who->subject) + 1 < sizeof who->subject &&
               strcmp(rule->principal, who->subject) == 0;
    case KH_ACL_KRB5:
        return strcmp(rule->principal, who->krb5) == 0;
    case KH_ACL_USER:
        return strcmp(rule->principal, who->user) == 0;
    }
    return false;
}

static bool fits_name(const struct kh_acl_rule *rule, const char *name)
{
    return rule->prefix ? strncmp(rule->name, name, strlen(rule->name)) == 0
                        : strcmp(rule->name, name) == 0;
}

bool kh_acl_allows(const struct kh_acl *acl, const struct kh_principal *who,
    enum kh_operation op, const char *name)
{
    if (!kh_principal_known(who))
        return false;
    for (size_t i = 0; i < acl->count; i++) {
        const struct kh_acl_rule *rule = &acl->rules[i];

        if ((rule->operations & op) && fits_name(rule, name) && fits_principal(rule, who))
            return rule->allow;
    }
    return false;
}

bool kh_acl_allows_some(
    const struct kh_acl *acl, const struct kh_principal *who, enum kh_operation op)
{
    if (!kh_principal_known(who))
        return false;
    for (size_t i = 0; i < acl->count; i++) {
        const struct kh_acl_rule *rule = &acl->rules[i];

        if (!(rule->operations & op) || !fits_principal(rule, who))
            continue;
        if (rule->allow)
            return true;
        /* A denial of every name ends it. */
        if (rule->prefix && !*rule->name)
            return false;
    }
    return false;
}

void kh_acl_free(struct kh_acl *acl)
{
    if (!acl)
        return;
    for (size_t i = 0; i < acl->count; i++)
        kh_acl_rule_clear(&acl->rules[i]);
    free(acl->rules);
    free(acl);
}
