/* One rule of [acl]: text to parts. Pure. For server/acl.c only. */
#ifndef KH_SERVER_ACL_RULE_H
#define KH_SERVER_ACL_RULE_H

#include <keyhsm/types.h>

enum kh_acl_whom {
    KH_ACL_ANYONE,
    KH_ACL_FINGERPRINT,
    KH_ACL_SUBJECT,
    KH_ACL_KRB5,
    KH_ACL_USER
};

struct kh_acl_rule {
    bool allow;
    bool prefix;         /* NAME is the beginning of a name */
    unsigned operations; /* enum kh_operation bits */
    enum kh_acl_whom whom;
    char *name;      /* decoded; "" with PREFIX: every name */
    char *principal; /* subject, 64 lower-case hex digits, Kerberos principal or short
                        name; "" for anyone */
};

/* The parts of TEXT, as server/acl.h says. KH_INVALID says what is wrong and what would
 * be right. RULE's strings are freed by kh_acl_rule_clear; on failure there are none. */
KH_CHECK kh_status kh_acl_rule_parse(
    struct kh_acl_rule *rule, const char *text, struct kh_error *err);

void kh_acl_rule_clear(struct kh_acl_rule *rule);

/* What is wrong with TEXT as an RFC 2253 name in the form that kh_cert_subject gives, or
 * NULL. Static storage. */
const char *kh_subject_fault(const char *text);

#endif
