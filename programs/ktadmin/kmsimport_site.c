/* kms-site.xml: proxy users, name rules, lifetimes. */
#include "programs/ktadmin/kmsimport.h"

#include "server/kms/hosts.h"
#include "server/kms/users.h"

#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\r\n"
#define PROXY "hadoop.kms.proxyuser."
#define AUTHENTICATION "hadoop.kms.authentication."

/* The parts of VALUE between commas and blanks, joined by commas. *OUT is malloc'd. */
static kh_status words(const char *value, char **out)
{
    char *copy = strdup(value);
    char *rest = NULL;
    size_t len = 0;

    *out = calloc(1, strlen(value) + 2);
    if (!copy || !*out) {
        free(copy);
        return KH_FATAL;
    }
    for (char *word = strtok_r(copy, "," BLANKS, &rest); word;
         word = strtok_r(NULL, "," BLANKS, &rest)) {
        if (len > 0)
            (*out)[len++] = ',';
        memcpy(*out + len, word, strlen(word));
        len += strlen(word);
    }
    free(copy);
    return KH_OK;
}

/* NULL, or what is wrong with LIST for WHAT. */
static kh_status check(const char *list, const char *what, struct kh_error *err)
{
    struct kms_users users = {0};
    struct kms_hosts *hosts = NULL;
    kh_status st;

    if (strcmp(what, "hosts") == 0)
        st = kms_hosts_add(&hosts, list, err);
    else
        st = kms_users_add(&users, list, err);
    kms_users_clear(&users);
    kms_hosts_free(hosts);
    return st;
}

/* PROXY.users, .groups, .hosts; a proxy's name may have dots. */
static kh_status import_proxy(
    struct kh_kms_import *plan, const struct kh_hadoop_property *property, bool *taken)
{
    const char *name = property->name + sizeof PROXY - 1;
    const char *dot = strrchr(name, '.');
    const char *what = dot ? dot + 1 : "";
    char label[KH_CONFIG_NAME_MAX + 1];
    struct kh_error err = {0};
    char proxy[256];
    char *list = NULL;
    char *value = NULL;
    kh_status st;

    *taken = dot && dot > name && dot - name < (int)sizeof proxy &&
             (strcmp(what, "users") == 0 || strcmp(what, "groups") == 0 ||
                 strcmp(what, "hosts") == 0);
    if (!*taken || kh_kms_variable(plan, property->name, property->value))
        return KH_OK;
    (void)snprintf(proxy, sizeof proxy, "%.*s", (int)(dot - name), name);
    if (strpbrk(proxy, BLANKS))
        return kh_lines_add(
            &plan->problems, "%s: the user's name has a blank", property->name);
    kh_kms_label(label, proxy, what);
    st = words(property->value, &list);
    if (st == KH_OK && check(list, what, &err) == KH_INVALID)
        st = kh_lines_add(&plan->problems, "%s: %s", property->name, err.message);
    else if (st == KH_OK && asprintf(&value, "%s %s %s", proxy, what, list) < 0)
        st = KH_FATAL;
    else if (st == KH_OK && *list)
        st = kh_kms_want(plan, "kms.proxyuser", label, value);
    free(value);
    free(list);
    return st;
}

/* One rule a line, or several between blanks, which no rule has inside. */
static kh_status import_rules(
    struct kh_kms_import *plan, const struct kh_hadoop_property *property)
{
    char *copy = strdup(property->value);
    char *rest = NULL;
    unsigned number = 0;
    kh_status st = copy ? KH_OK : KH_FATAL;

    if (copy && kh_kms_variable(plan, property->name, property->value)) {
        free(copy);
        return KH_OK;
    }
    for (char *rule = copy ? strtok_r(copy, BLANKS, &rest) : NULL; st == KH_OK && rule;
         rule = strtok_r(NULL, BLANKS, &rest)) {
        char label[32];

        (void)snprintf(label, sizeof label, "import-%03u", ++number);
        st = kh_kms_want(plan, "auth_to_local", label, rule);
    }
    free(copy);
    return st;
}

static kh_status import_bool(struct kh_kms_import *plan, const char *key,
    const struct kh_hadoop_property *property)
{
    char *value = NULL;
    kh_status st = words(property->value, &value);

    if (st == KH_OK && strcasecmp(value, "true") == 0)
        st = kh_kms_want(plan, "kms", key, "yes");
    else if (st == KH_OK && strcasecmp(value, "false") == 0)
        st = kh_kms_want(plan, "kms", key, "no");
    else if (st == KH_OK)
        st = kh_lines_add(&plan->problems, "%s: neither true nor false", property->name);
    free(value);
    return st;
}

static kh_status import_seconds(struct kh_kms_import *plan, const char *const place[2],
    const struct kh_hadoop_property *property)
{
    char *value = NULL;
    kh_status st = words(property->value, &value);

    if (st == KH_OK && *value && strlen(value) < 10 &&
        strspn(value, "0123456789") == strlen(value))
        st = kh_kms_want(plan, place[0], place[1], value);
    else if (st == KH_OK)
        st = kh_lines_add(&plan->problems, "%s: no number of seconds", property->name);
    free(value);
    return st;
}

static const struct {
    const char *name;
    const char *place[2];
} seconds[] = {
    {AUTHENTICATION "delegation-token.renew-interval.sec",
        {"kms", "token_renew_interval"}},
    {AUTHENTICATION "delegation-token.max-lifetime.sec", {"kms", "token_max_lifetime"}},
    {AUTHENTICATION "delegation-token.update-interval.sec",
        {"kms", "token_key_interval"}},
    {AUTHENTICATION "token.validity", {"auth", "cookie_validity"}},
};

static kh_status import_property(
    struct kh_kms_import *plan, const struct kh_hadoop_property *property)
{
    const char *name = property->name;
    bool taken = false;
    kh_status st = KH_OK;

    if (strncmp(name, PROXY, sizeof PROXY - 1) == 0)
        st = import_proxy(plan, property, &taken);
    if (st != KH_OK || taken)
        return st;
    if (strcmp(name, AUTHENTICATION "kerberos.name.rules") == 0)
        return import_rules(plan, property);
    if (strcmp(name, "hadoop.kms.key.authorization.enable") == 0)
        return import_bool(plan, "key_authorization", property);
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        if (strcmp(name, seconds[i].name) == 0)
            return import_seconds(plan, seconds[i].place, property);
    }
    return kh_lines_add(&plan->unknown, "%s", name);
}

kh_status kh_kms_import_site(struct kh_kms_import *plan, const struct kh_hadoop *site)
{
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < site->count; i++)
        st = import_property(plan, &site->list[i]);
    return st;
}
