#include "programs/keytrusteed/rights.h"

#include "core/log.h"

kh_status kt_rights_open(
    struct kh_gate **out, const struct kh_config *config, struct kh_error *err)
{
    const char *path = kh_config_string(config, "audit", "file");
    struct kh_acl *rules = NULL;
    struct kh_audit *audit = NULL;
    kh_status st = kh_acl_new(&rules, config, err);

    *out = NULL;
    if (st == KH_OK)
        st = kh_audit_open(&audit, path, err);
    if (st != KH_OK) {
        kh_acl_free(rules);
        return st;
    }
    return kh_gate_new(out, rules, audit, kh_config_bool(config, "audit", "reads"), err);
}

kh_status kt_rights_check(const struct kh_config *config, struct kh_error *err)
{
    struct kh_acl *rules = NULL;
    kh_status st = kh_acl_new(&rules, config, err);

    kh_acl_free(rules);
    return st;
}

void kt_rights_reload(
    struct kh_gate *gate, struct kh_kms *kms, const struct kh_setup_wish *wish)
{
    struct kh_setup fresh = {0};
    struct kh_acl *rules = NULL;
    struct kh_error err = {0};
    kh_status st;

    if (kh_gate_reopen(gate, &err) != KH_OK)
        kh_log(KH_LOG_ERROR, "reload: the audit log: %s", err.message);
    st = kh_setup_configure(&fresh, wish, &err);
    if (st == KH_OK)
        st = kh_acl_new(&rules, fresh.config, &err);
    if (st == KH_OK) {
        kh_gate_rules(gate, rules);
        kh_log(KH_LOG_NOTICE, "reload: the rules of [acl] were read again");
    } else {
        kh_log(KH_LOG_ERROR, "reload: the rules stay as they were: %s", err.message);
    }
    if (st == KH_OK && kh_kms_reload(kms, fresh.config, &err) != KH_OK)
        kh_log(KH_LOG_ERROR, "reload: the lists of the KMS stay as they were: %s",
            err.message);
    kh_setup_free(&fresh);
}
