#include "server/auth_to_local_rule.h"

#include <stdlib.h>
#include <string.h>

#define FORM "a rule is DEFAULT or RULE:[n:format](regex)s/from/to/g/L"

static bool skip(const char **text, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(*text, word, len) != 0)
        return false;
    *text += len;
    return true;
}

static kh_status keep(char **out, const char *text, size_t len, struct kh_error *err)
{
    *out = strndup(text, len);
    return *out ? KH_OK : kh_fail(err, KH_FATAL, "no memory for a rule");
}

static kh_status compile(
    regex_t *out, bool *made, const char *text, size_t len, struct kh_error *err)
{
    const char *fault = kh_local_regex_fault(text, len);
    char why[128] = "";
    char *copy = NULL;
    int rc;

    if (fault)
        return kh_fail(err, KH_INVALID, "the regular expression '%.*s': %s",
            len > 64 ? 64 : (int)len, text, fault);
    if (keep(&copy, text, len, err) != KH_OK)
        return KH_FATAL;
    rc = regcomp(out, copy, REG_EXTENDED);
    free(copy);
    if (rc != 0) {
        (void)regerror(rc, out, why, sizeof why);
        return kh_fail(err, KH_INVALID, "the regular expression '%.*s': %s",
            len > 64 ? 64 : (int)len, text, why);
    }
    *made = true;
    return KH_OK;
}

/* `$` and a digit up to the rule's count, nothing else behind a '$'. */
static kh_status check_format(const struct kh_local_rule *rule, struct kh_error *err)
{
    if (!*rule->format)
        return kh_fail(
            err, KH_INVALID, "the format behind '[%u:' is empty; " FORM, rule->count);
    for (const char *p = strchr(rule->format, '$'); p; p = strchr(p + 1, '$')) {
        if (p[1] < '0' || p[1] > '9' || (unsigned)(p[1] - '0') > rule->count)
            return kh_fail(err, KH_INVALID,
                "'%.64s': behind '$' stands the number of a component, 1 to %u, or 0 for "
                "the realm",
                rule->format, rule->count);
    }
    return KH_OK;
}

/* [n:format] */
static kh_status take_format(
    struct kh_local_rule *rule, const char **text, struct kh_error *err)
{
    const char *p = *text;
    size_t len;
    kh_status st;

    if (*p != '[' || p[1] < '1' || p[1] > '0' + KH_LOCAL_COMPONENTS || p[2] != ':')
        return kh_fail(err, KH_INVALID,
            "'[n:' does not stand behind 'RULE:', with n from 1 to %d; " FORM,
            KH_LOCAL_COMPONENTS);
    rule->count = (unsigned)(p[1] - '0');
    p += 3;
    len = strcspn(p, "]");
    if (p[len] != ']')
        return kh_fail(err, KH_INVALID, "a '[' is not closed; " FORM);
    st = keep(&rule->format, p, len, err);
    *text = p + len + 1;
    return st == KH_OK ? check_format(rule, err) : st;
}

/* Bytes up to the ')' that closes what P is in, or up to the end. */
static size_t group(const char *p)
{
    size_t depth = 0;
    size_t i = 0;

    for (; p[i]; i++) {
        if (p[i] == '\\' && p[i + 1]) {
            i++;
        } else if (p[i] == '[') {
            const char *first = p + i + 1 + (p[i + 1] == '^');
            const char *close = *first ? strchr(first + 1, ']') : NULL;

            if (close)
                i = (size_t)(close - p);
        } else if (p[i] == '(') {
            depth++;
        } else if (p[i] == ')' && depth-- == 0) {
            break;
        }
    }
    return i;
}

/* (regex) */
static kh_status take_match(
    struct kh_local_rule *rule, const char **text, struct kh_error *err)
{
    const char *p = *text;
    size_t len;

    if (!skip(&p, "("))
        return KH_OK;
    len = group(p);
    if (p[len] != ')')
        return kh_fail(err, KH_INVALID, "a '(' is not closed; " FORM);
    *text = p + len + 1;
    return compile(&rule->match, &rule->has_match, p, len, err);
}

/* In what replaces: `$` and the number of a group, or '\\' and what it escapes. */
static kh_status check_replacement(const struct kh_local_rule *rule, struct kh_error *err)
{
    for (const char *p = rule->to; *p; p++) {
        if (*p == '\\') {
            if (!*++p)
                return kh_fail(err, KH_INVALID, "'%.64s' ends in a '\\'", rule->to);
        } else if (*p == '$' && (p[1] < '0' || p[1] > '9' ||
                                    (size_t)(p[1] - '0') > rule->from.re_nsub))
            return kh_fail(err, KH_INVALID,
                "'%.64s': behind '$' stands the number of a group of '(...)' in what is "
                "replaced; a '$' itself is written \\$",
                rule->to);
    }
    return KH_OK;
}

/* s/from/to/g */
static kh_status take_replacement(
    struct kh_local_rule *rule, const char **text, struct kh_error *err)
{
    const char *from = *text;
    const char *to;
    kh_status st;

    if (!skip(&from, "s/"))
        return KH_OK;
    to = strchr(from, '/');
    if (!to || !strchr(to + 1, '/'))
        return kh_fail(err, KH_INVALID,
            "behind 's/' two more '/' must follow; " FORM " (a '/' cannot be replaced)");
    st = compile(&rule->from, &rule->has_from, from, (size_t)(to - from), err);
    if (st == KH_OK)
        st = keep(&rule->to, to + 1, strcspn(to + 1, "/"), err);
    if (st == KH_OK)
        st = check_replacement(rule, err);
    *text = strchr(to + 1, '/') + 1;
    rule->global = skip(text, "g");
    return st;
}

static kh_status parse(struct kh_local_rule *rule, const char *text, struct kh_error *err)
{
    kh_status st;

    if (strcmp(text, "DEFAULT") == 0) {
        rule->is_default = true;
        return KH_OK;
    }
    if (!skip(&text, "RULE:"))
        return kh_fail(
            err, KH_INVALID, "'%.64s' is neither DEFAULT nor RULE:...; " FORM, text);
    st = take_format(rule, &text, err);
    if (st == KH_OK)
        st = take_match(rule, &text, err);
    if (st == KH_OK)
        st = take_replacement(rule, &text, err);
    if (st != KH_OK)
        return st;
    rule->lower = skip(&text, "/L") || skip(&text, "L");
    if (*text)
        return kh_fail(err, KH_INVALID,
            "'%.64s' stands behind the end of the rule; one rule a line; " FORM, text);
    return KH_OK;
}

kh_status kh_local_rule_parse(
    struct kh_local_rule *rule, const char *text, struct kh_error *err)
{
    kh_status st;

    *rule = (struct kh_local_rule){0};
    st = parse(rule, text, err);
    if (st != KH_OK)
        kh_local_rule_clear(rule);
    return st;
}

void kh_local_rule_clear(struct kh_local_rule *rule)
{
    if (rule->has_match)
        regfree(&rule->match);
    if (rule->has_from)
        regfree(&rule->from);
    free(rule->format);
    free(rule->to);
    *rule = (struct kh_local_rule){0};
}
