#include "programs/ktadmin/kmsimport.h"

#include "core/name.h"
#include "server/kms/acl.h"
#include "server/kms/users.h"

#include <openssl/evp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"
#define VALUE_MAX_BYTES 1024 /* of kh_config_claim_free */

kh_status kh_lines_add(struct kh_lines *lines, const char *format, ...)
{
    char **more = realloc(lines->list, (lines->count + 1) * sizeof *more);
    char *text = NULL;
    va_list args;
    int n;

    if (!more)
        return KH_FATAL;
    lines->list = more;
    va_start(args, format);
    n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        return KH_FATAL;
    more[lines->count++] = text;
    return KH_OK;
}

static void lines_free(struct kh_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++)
        free(lines->list[i]);
    free(lines->list);
    *lines = (struct kh_lines){0};
}

static void changes_free(struct kh_ini_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)changes[i].key);
        free((void *)(uintptr_t)changes[i].value);
    }
    free(changes);
}

void kh_kms_import_free(struct kh_kms_import *plan)
{
    changes_free(plan->wanted, plan->wanted_count);
    changes_free(plan->changes, plan->change_count);
    lines_free(&plan->notes);
    lines_free(&plan->unknown);
    lines_free(&plan->problems);
    *plan = (struct kh_kms_import){0};
}

kh_status kh_kms_add_change(
    struct kh_ini_change **list, size_t *count, const struct kh_ini_change *change)
{
    struct kh_ini_change *more = realloc(*list, (*count + 1) * sizeof *more);
    char *key = strdup(change->key);
    char *value = change->value ? strdup(change->value) : NULL;

    if (more)
        *list = more;
    if (!more || !key || (change->value && !value)) {
        free(key);
        free(value);
        return KH_FATAL;
    }
    more[(*count)++] = (struct kh_ini_change){change->section, key, value};
    return KH_OK;
}

kh_status kh_kms_want(
    struct kh_kms_import *plan, const char *section, const char *key, const char *value)
{
    if (strlen(value) > VALUE_MAX_BYTES)
        return kh_lines_add(&plan->problems,
            "[%s] %s would be longer than %d bytes; put its users into a group", section,
            key, VALUE_MAX_BYTES);
    return kh_kms_add_change(
        &plan->wanted, &plan->wanted_count, &(struct kh_ini_change){section, key, value});
}

void kh_kms_label(char out[KH_CONFIG_NAME_MAX + 1], const char *name, const char *what)
{
    enum { ROOM = KH_CONFIG_NAME_MAX - 7 - 1 - 12, CUT = ROOM - 9 };
    unsigned char hash[EVP_MAX_MD_SIZE] = {0};
    char safe[ROOM + 1];
    bool same = strlen(name) <= ROOM;
    size_t len = 0;

    for (; name[len] && len < ROOM; len++) {
        unsigned char c = (unsigned char)name[len];
        bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                    (c >= '0' && c <= '9') || c == '-' || c == '_';

        safe[len] = (char)(fine ? c : '_');
        same = same && fine;
    }
    safe[len] = '\0';
    if (same) {
        (void)snprintf(out, KH_CONFIG_NAME_MAX + 1, "import-%s-%s", safe, what);
        return;
    }
    (void)EVP_Digest(name, strlen(name), hash, NULL, EVP_sha256(), NULL);
    (void)snprintf(out, KH_CONFIG_NAME_MAX + 1, "import-%.*s-%02x%02x%02x%02x-%s",
        (int)CUT, safe, hash[0], hash[1], hash[2], hash[3], what);
}

bool kh_kms_variable(struct kh_kms_import *plan, const char *name, const char *value)
{
    if (!strstr(value, "${"))
        return false;
    (void)!kh_lines_add(&plan->problems,
        "%s has a variable (${...}), which only Hadoop can replace", name);
    return true;
}

/* ---- lists --------------------------------------------------------------------------
 */

static void join(FILE *to, const struct kms_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        fprintf(to, "%s%s", i > 0 ? "," : "", names->names[i]);
}

/* NULL: no memory. */
static char *list_text(const struct kms_users *list)
{
    char *out = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&out, &len);

    if (!to)
        return NULL;
    if (list->all) {
        fputc('*', to);
    } else {
        join(to, &list->users);
        if (list->groups.count > 0)
            fputs(list->users.count > 0 ? " " : ", ", to);
        join(to, &list->groups);
    }
    if (fclose(to) == 0)
        return out;
    free(out);
    return NULL;
}

/* Hadoop takes blanks off names, also the ones that a line break leaves, but ends the
 * users at the first ' ' all the same. */
static kh_status note_surprise(
    struct kh_kms_import *plan, const char *name, const char *value)
{
    size_t users = strcspn(value, " ");
    const char *groups = value[users] ? value + users + 1 : "";

    if (strspn(groups, BLANKS ",") == strlen(groups))
        return KH_OK;
    if (users > 0 && value[users - 1] == ',')
        return kh_lines_add(&plan->notes,
            "%s: a blank stands behind a comma, so Hadoop takes what follows for groups, "
            "and so does this",
            name);
    if (users > 0 && strspn(value, BLANKS ",") >= users)
        return kh_lines_add(&plan->notes,
            "%s: the value begins with a blank, so Hadoop takes all of it for groups, "
            "and so does this",
            name);
    return KH_OK;
}

kh_status kh_kms_list(
    struct kh_kms_import *plan, const char *name, const char *value, char **out)
{
    size_t users = strcspn(value, " ");
    struct kms_users list = {0};
    struct kh_error err = {0};
    char *copy = strdup(value);
    kh_status st = note_surprise(plan, name, value);

    *out = NULL;
    if (!copy || st != KH_OK) {
        free(copy);
        return KH_FATAL;
    }
    for (char *p = copy; *p; p++)
        *p = (char)(*p == '\r' || *p == '\n' ? '\t' : *p);
    /* Commas in front of the blank that ends the users: what is behind them stays behind
     * a blank. */
    for (size_t i = users; i > 1 && copy[i - 1] == ',' && copy[users]; i--)
        copy[i - 1] = ' ';
    st = kms_users_add(&list, copy, &err);
    free(copy);
    if (st == KH_OK) {
        *out = list_text(&list);
        st = *out ? KH_OK : KH_FATAL;
    } else {
        st = kh_lines_add(&plan->problems, "%s: %s", name, err.message);
    }
    kms_users_clear(&list);
    return st;
}

static kh_status want_list(struct kh_kms_import *plan, const char *const place[2],
    const struct kh_hadoop_property *property)
{
    char *list = NULL;
    kh_status st;

    if (kh_kms_variable(plan, property->name, property->value))
        return KH_OK;
    st = kh_kms_list(plan, property->name, property->value, &list);
    if (st == KH_OK && list)
        st = kh_kms_want(plan, place[0], place[1], list);
    free(list);
    return st;
}

/* ---- kms-acls.xml --------------------------------------------------------------------
 */

/* What stands behind PREFIX in NAME, or NULL. */
static const char *behind(const char *name, const char *prefix)
{
    size_t len = strlen(prefix);

    return strncmp(name, prefix, len) == 0 ? name + len : NULL;
}

static bool is_among(const char *word, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, names[i]) == 0)
            return true;
    }
    return false;
}

/* key.acl.KEY.OP; KEY may have dots. */
static kh_status import_key(struct kh_kms_import *plan,
    const struct kh_hadoop_property *property, const char *rest, bool *taken)
{
    const char *dot = strrchr(rest, '.');
    char label[KH_CONFIG_NAME_MAX + 1];
    char escaped[KH_NAME_ESCAPED_MAX];
    char name[KH_NAME_MAX + 1];
    char *list = NULL;
    char *value = NULL;
    kh_status st;

    *taken = dot && dot > rest && is_among(dot + 1, kms_key_op_names, KMS_KEY_OPS);
    if (!*taken || kh_kms_variable(plan, property->name, property->value))
        return KH_OK;
    if (dot - rest > KH_NAME_MAX)
        return kh_lines_add(&plan->problems, "%s: the key's name is longer than %d bytes",
            property->name, KH_NAME_MAX);
    (void)snprintf(name, sizeof name, "%.*s", (int)(dot - rest), rest);
    kh_kms_label(label, name, dot + 1);
    st = kh_kms_list(plan, property->name, property->value, &list);
    if (st != KH_OK || !list)
        return st;
    if (asprintf(&value, "%s %s%s%s", kh_name_escape(name, escaped, sizeof escaped),
            dot + 1, *list ? " " : "", list) < 0)
        st = KH_FATAL;
    else
        st = kh_kms_want(plan, "kms.key.acl", label, value);
    free(value);
    free(list);
    return st;
}

static const struct {
    const char *prefix;
    const char *section;
    const char *const *ops;
    size_t first;
    size_t end;
} kinds[] = {
    {"hadoop.kms.acl.", "kms.acl", kms_op_names, 0, KMS_OP_UNDELETE},
    {"hadoop.kms.blacklist.", "kms.blacklist", kms_op_names, 0, KMS_OP_UNDELETE},
    {"keytrustee.kms.acl.", "kms.acl", kms_op_names, KMS_OP_UNDELETE, KMS_OPS},
    {"keytrustee.kms.blacklist.", "kms.blacklist", kms_op_names, KMS_OP_UNDELETE,
        KMS_OPS},
    {"default.key.acl.", "kms.key.acl.default", kms_key_op_names, 0, KMS_KEY_ALL},
    {"whitelist.key.acl.", "kms.key.acl.whitelist", kms_key_op_names, 0, KMS_KEY_ALL},
};

static kh_status import_acl(
    struct kh_kms_import *plan, const struct kh_hadoop_property *property)
{
    const char *rest = behind(property->name, "key.acl.");
    bool taken = false;
    kh_status st = rest ? import_key(plan, property, rest, &taken) : KH_OK;

    if (st != KH_OK || taken)
        return st;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const char *op = behind(property->name, kinds[i].prefix);
        const char *const place[] = {kinds[i].section, op};

        if (op &&
            is_among(op, kinds[i].ops + kinds[i].first, kinds[i].end - kinds[i].first))
            return want_list(plan, place, property);
    }
    return kh_lines_add(&plan->unknown, "%s", property->name);
}

/* What Hadoop allows to everybody because nothing is said. */
static kh_status import_absent(struct kh_kms_import *plan, const struct kh_hadoop *acls)
{
    kh_status st = KH_OK;
    char name[64];

    for (size_t i = 0; st == KH_OK && i < KMS_OP_UNDELETE; i++) {
        (void)snprintf(name, sizeof name, "hadoop.kms.acl.%s", kms_op_names[i]);
        if (kh_hadoop_get(acls, name))
            continue;
        st = kh_kms_want(plan, "kms.acl", kms_op_names[i], "*");
        if (st == KH_OK)
            st = kh_lines_add(
                &plan->notes, "%s is not set, which for Hadoop is everybody: *", name);
    }
    return st;
}

kh_status kh_kms_import_plan(struct kh_kms_import *plan, const struct kh_hadoop *acls,
    const struct kh_hadoop *site, struct kh_error *err)
{
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < acls->count; i++)
        st = import_acl(plan, &acls->list[i]);
    if (st == KH_OK)
        st = import_absent(plan, acls);
    if (st == KH_OK && site)
        st = kh_kms_import_site(plan, site);
    return st == KH_OK ? st : kh_fail(err, KH_FATAL, "no memory for the import");
}
