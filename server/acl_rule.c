#include "server/acl_rule.h"

#include "server/acl.h"
#include "server/router.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t"
#define FORM "a rule is: allow|deny OPERATIONS on NAME|PREFIX*|* to PRINCIPAL"

enum { WORD_MAX = 3 * KH_NAME_MAX + 1, FINGERPRINT_DIGITS = 64 };

static const struct {
    const char *word;
    unsigned bits;
} operations[] = {
    {"get", KH_OP_GET},
    {"list", KH_OP_LIST},
    {"put", KH_OP_PUT},
    {"delete", KH_OP_DELETE},
    {"purge", KH_OP_PURGE},
    {"use", KH_OP_USE},
    {"status", KH_OP_STATUS},
    {"all", KH_OP_GET | KH_OP_LIST | KH_OP_PUT | KH_OP_DELETE | KH_OP_PURGE | KH_OP_USE |
                KH_OP_STATUS},
};

/* The next word of *TEXT, which is moved to the word behind it. "" at the end. */
static kh_status take_word(
    const char **text, char out[WORD_MAX + 1], struct kh_error *err)
{
    size_t len = strcspn(*text, BLANKS);

    if (len > WORD_MAX)
        return kh_fail(err, KH_INVALID, "'%.32s...' is too long; " FORM, *text);
    memcpy(out, *text, len);
    out[len] = '\0';
    *text += len;
    *text += strspn(*text, BLANKS);
    return KH_OK;
}

static kh_status set_verb(
    struct kh_acl_rule *rule, const char *word, struct kh_error *err)
{
    rule->allow = strcmp(word, "allow") == 0;
    if (rule->allow || strcmp(word, "deny") == 0)
        return KH_OK;
    return kh_fail(err, KH_INVALID, "'%.64s' is neither allow nor deny; " FORM, word);
}

static unsigned operation_bits(const char *word, size_t len)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strlen(operations[i].word) == len &&
            memcmp(operations[i].word, word, len) == 0)
            return operations[i].bits;
    }
    return 0;
}

static kh_status set_operations(
    struct kh_acl_rule *rule, const char *word, struct kh_error *err)
{
    for (const char *p = word;; p++) {
        size_t len = strcspn(p, ",");
        unsigned bits = operation_bits(p, len);

        if (!bits)
            return kh_fail(err, KH_INVALID,
                "'%.*s' is no operation; give some of "
                "get,list,put,delete,purge,use,status "
                "without blanks, or all",
                len > 64 ? 64 : (int)len, p);
        rule->operations |= bits;
        p += len;
        if (!*p)
            return KH_OK;
    }
}

static kh_status expect(const char *word, const char *wanted, struct kh_error *err)
{
    if (strcmp(word, wanted) == 0)
        return KH_OK;
    return kh_fail(
        err, KH_INVALID, "'%.64s' stands where '%s' must; " FORM, word, wanted);
}

static kh_status no_memory(struct kh_error *err)
{
    return kh_fail(err, KH_FATAL, "no memory for a rule");
}

static kh_status set_name(
    struct kh_acl_rule *rule, const char *word, struct kh_error *err)
{
    size_t len = strlen(word);
    struct kh_error why = {0};
    char name[KH_NAME_MAX + 1] = "";

    if (len == 0)
        return kh_fail(err, KH_INVALID, "there is no name behind 'on'; " FORM);
    rule->prefix = word[len - 1] == '*';
    len -= rule->prefix;
    if (memchr(word, '*', len))
        return kh_fail(err, KH_INVALID,
            "'%.64s': '*' stands only at the end of a prefix; in a name write it %%2A",
            word);
    if (len > 0 && kh_percent_decode(word, len, name, sizeof name, &why) != KH_OK)
        return kh_fail(err, KH_INVALID,
            "'%.64s' is no name: %.200s; write it as in a URL, a '%%' as %%25", word,
            why.message);
    rule->name = strdup(name);
    return rule->name ? KH_OK : no_memory(err);
}

/* sha256:HEX to 64 lower-case digits; colons, as openssl prints them, are skipped. */
static kh_status set_fingerprint(
    struct kh_acl_rule *rule, const char *text, struct kh_error *err)
{
    char digits[FINGERPRINT_DIGITS + 1];
    size_t count = 0;

    for (const char *p = text; *p; p++) {
        bool hex = strchr("0123456789abcdefABCDEF", *p) != NULL;

        if (*p == ':' && count > 0 && count % 2 == 0 && p[1] && p[1] != ':')
            continue;
        if (!hex || count == FINGERPRINT_DIGITS) {
            count = 0;
            break;
        }
        digits[count++] = (char)(*p >= 'A' && *p <= 'F' ? *p - 'A' + 'a' : *p);
    }
    if (count != FINGERPRINT_DIGITS)
        return kh_fail(err, KH_INVALID,
            "'%.80s' is no fingerprint; give the 64 hex digits that `openssl x509 -noout "
            "-fingerprint -sha256` prints",
            text);
    digits[count] = '\0';
    rule->whom = KH_ACL_FINGERPRINT;
    rule->principal = strdup(digits);
    return rule->principal ? KH_OK : no_memory(err);
}

static kh_status set_subject(
    struct kh_acl_rule *rule, const char *text, struct kh_error *err)
{
    /* One byte less than fits: a subject that fills the buffer may have been cut. */
    size_t max = sizeof((struct kh_principal *)0)->subject - 2;
    const char *fault = kh_subject_fault(text);

    if (strlen(text) > max)
        return kh_fail(err, KH_INVALID,
            "the subject is longer than %zu bytes; name the certificate as sha256:HEX",
            max);
    if (fault)
        return kh_fail(err, KH_INVALID,
            "'%.80s' is no subject: %s; give what `openssl x509 -noout -subject -nameopt "
            "RFC2253` prints behind 'subject=', or sha256:HEX, or *",
            text, fault);
    rule->whom = KH_ACL_SUBJECT;
    rule->principal = strdup(text);
    return rule->principal ? KH_OK : no_memory(err);
}

static kh_status set_user(
    struct kh_acl_rule *rule, const char *text, struct kh_error *err)
{
    if (!kh_user_valid(text))
        return kh_fail(err, KH_INVALID,
            "'%.80s' is no short name: it has no blank, '/' or '@' and at most 255 "
            "bytes; "
            "a Kerberos principal is written without user:",
            text);
    rule->whom = KH_ACL_USER;
    rule->principal = strdup(text);
    return rule->principal ? KH_OK : no_memory(err);
}

/* NAME[/INSTANCE]@REALM as a ticket has it. A backslash escapes in Kerberos' own text
 * form; a rule with one would need the same form to fit, so there is none. */
static kh_status set_krb5(
    struct kh_acl_rule *rule, const char *text, struct kh_error *err)
{
    const char *at = strchr(text, '@');

    if (at == text || !at[1] || strchr(at + 1, '@') || strchr(at, '/') ||
        text[strcspn(text, " \t\\")] ||
        strlen(text) >= sizeof((struct kh_principal *)0)->krb5)
        return kh_fail(err, KH_INVALID,
            "'%.80s' is no Kerberos principal; give NAME@REALM or NAME/HOST@REALM, at "
            "most 255 bytes",
            text);
    rule->whom = KH_ACL_KRB5;
    rule->principal = strdup(text);
    return rule->principal ? KH_OK : no_memory(err);
}

static kh_status set_principal(
    struct kh_acl_rule *rule, const char *text, struct kh_error *err)
{
    static const char sha256[] = "sha256:";
    static const char user[] = "user:";

    if (!*text)
        return kh_fail(err, KH_INVALID, "there is no principal behind 'to'; " FORM);
    if (strncmp(text, sha256, sizeof sha256 - 1) == 0)
        return set_fingerprint(rule, text + sizeof sha256 - 1, err);
    if (strncmp(text, user, sizeof user - 1) == 0)
        return set_user(rule, text + sizeof user - 1, err);
    if (strchr(text, '@') && !strchr(text, '='))
        return set_krb5(rule, text, err);
    if (strcmp(text, "*") != 0)
        return set_subject(rule, text, err);
    rule->whom = KH_ACL_ANYONE;
    rule->principal = strdup("");
    return rule->principal ? KH_OK : no_memory(err);
}

/* The words of a rule in their order; the principal, which may have blanks, is what is
 * left. */
static kh_status parse(struct kh_acl_rule *rule, const char *text, struct kh_error *err)
{
    char word[WORD_MAX + 1];
    kh_status st;

    text += strspn(text, BLANKS);
    st = take_word(&text, word, err);
    if (st == KH_OK)
        st = set_verb(rule, word, err);
    if (st == KH_OK)
        st = take_word(&text, word, err);
    if (st == KH_OK)
        st = set_operations(rule, word, err);
    if (st == KH_OK)
        st = take_word(&text, word, err);
    if (st == KH_OK)
        st = expect(word, "on", err);
    if (st == KH_OK)
        st = take_word(&text, word, err);
    if (st == KH_OK)
        st = set_name(rule, word, err);
    if (st == KH_OK)
        st = take_word(&text, word, err);
    if (st == KH_OK)
        st = expect(word, "to", err);
    return st == KH_OK ? set_principal(rule, text, err) : st;
}

kh_status kh_acl_rule_parse(
    struct kh_acl_rule *rule, const char *text, struct kh_error *err)
{
    kh_status st;

    *rule = (struct kh_acl_rule){0};
    st = parse(rule, text, err);
    if (st != KH_OK)
        kh_acl_rule_clear(rule);
    return st;
}

void kh_acl_rule_clear(struct kh_acl_rule *rule)
{
    free(rule->name);
    free(rule->principal);
    *rule = (struct kh_acl_rule){0};
}
