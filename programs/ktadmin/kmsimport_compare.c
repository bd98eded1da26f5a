/* What has to change in keytrustee.ini for an import. */
#include "programs/ktadmin/kmsimport.h"

#include <string.h>

static const struct owned {
    const char *section;
    bool labels; /* only those of an import are ours */
    bool site;   /* only touched when kms-site.xml is given */
} owned[] = {
    {"kms.acl", false, false},
    {"kms.blacklist", false, false},
    {"kms.key.acl", true, false},
    {"kms.key.acl.default", false, false},
    {"kms.key.acl.whitelist", false, false},
    {"kms.proxyuser", true, true},
    {"auth_to_local", true, true},
};

struct comparing {
    struct kh_kms_import *plan;
    const struct owned *owned;
    const struct kh_ini_change *wanted; /* what is looked for */
    bool same;
};

static const struct kh_ini_change *wanted_of(
    const struct kh_kms_import *plan, const char *section, const char *key)
{
    for (size_t i = 0; i < plan->wanted_count; i++) {
        if (strcmp(plan->wanted[i].section, section) == 0 &&
            strcmp(plan->wanted[i].key, key) == 0)
            return &plan->wanted[i];
    }
    return NULL;
}

static bool section_wanted(const struct kh_kms_import *plan, const char *section)
{
    for (size_t i = 0; i < plan->wanted_count; i++) {
        if (strcmp(plan->wanted[i].section, section) == 0)
            return true;
    }
    return false;
}

static kh_status take_out(
    void *arg, const struct kh_config_pair *pair, struct kh_error *err)
{
    const struct comparing *c = arg;
    const char *section = c->owned->section;

    if (wanted_of(c->plan, section, pair->key) ||
        (c->owned->labels && strncmp(pair->key, "import-", 7) != 0))
        return KH_OK;
    if (kh_kms_add_change(&c->plan->changes, &c->plan->change_count,
            &(struct kh_ini_change){section, pair->key, NULL}) != KH_OK)
        return kh_fail(err, KH_FATAL, "no memory for the import");
    return KH_OK;
}

static kh_status look(void *arg, const struct kh_config_pair *pair, struct kh_error *err)
{
    struct comparing *c = arg;

    (void)err;
    if (strcmp(pair->key, c->wanted->key) == 0)
        c->same = strcmp(pair->value, c->wanted->value) == 0;
    return KH_OK;
}

kh_status kh_kms_import_compare(
    struct kh_kms_import *plan, const struct kh_config *config, struct kh_error *err)
{
    struct comparing c = {.plan = plan};
    kh_status st = KH_OK;

    for (size_t i = 0; st == KH_OK && i < sizeof owned / sizeof owned[0]; i++) {
        c.owned = &owned[i];
        if (!owned[i].site || section_wanted(plan, owned[i].section))
            st = kh_config_pairs(config, owned[i].section, take_out, &c, err);
    }
    for (size_t i = 0; st == KH_OK && i < plan->wanted_count; i++) {
        c.wanted = &plan->wanted[i];
        c.same = false;
        st = kh_config_pairs(config, c.wanted->section, look, &c, err);
        if (st == KH_OK && !c.same &&
            kh_kms_add_change(&plan->changes, &plan->change_count, c.wanted) != KH_OK)
            st = kh_fail(err, KH_FATAL, "no memory for the import");
    }
    return st;
}
