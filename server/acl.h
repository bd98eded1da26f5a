/*
 * Who may do what on which deposits: the rules of section [acl], one a key. The key is a
 * label of the operator's own; it only names the rule in messages.
 *
 *     [acl]
 *     hdfs-keys = allow get,list on hdfs-* to CN=namenode,O=Example
 *     no-purge  = deny purge on * to *
 *     admins    = allow all on * to sha256:3f0c...
 *
 *     LABEL = allow|deny OPERATIONS on NAME|PREFIX*|* to PRINCIPAL
 *
 * OPERATIONS are get, list, put, delete, purge, use, status, separated by commas without
 * blanks, or all. A NAME is written as in a URL: %20 is a blank, %2A a '*' that is part
 * of the name. PRINCIPAL is the rest of the line: `*` is every authenticated caller;
 * sha256:HEX is one certificate, by its fingerprint (colons are allowed); user:NAME is a
 * short name, however it was come by (principal.h); what has an '@' and no '=' is a
 * Kerberos principal, "hdfs/host@REALM"; anything else is a subject as RFC 2253 has it
 * and `openssl x509 -noout -subject -nameopt RFC2253` prints it. All compared byte by
 * byte. A caller with a certificate and a ticket is fitted by rules for either. Somebody
 * who acts for another (doAs) is fitted by `*` and by user: rules of the one acted for
 * alone.
 *
 * Rules are tried in the order of the file; the first one that fits decides. What no rule
 * fits is denied.
 */
#ifndef KH_SERVER_ACL_H
#define KH_SERVER_ACL_H

#include "core/config.h"
#include "server/http.h"

/* What a rule is about; bits. */
enum kh_operation {
    KH_OP_GET = 1 << 0,    /* data and metadata of one deposit */
    KH_OP_LIST = 1 << 1,   /* that a name is shown in a listing */
    KH_OP_PUT = 1 << 2,    /* new deposits and new versions */
    KH_OP_DELETE = 1 << 3, /* delete and undelete */
    KH_OP_PURGE = 1 << 4,
    /* The state of the daemon (status.h). It is about all deposits together, so only a
     * rule on every name, `*`, gives it: ask for it with the name "". */
    KH_OP_STATUS = 1 << 5,
    KH_OP_USE = 1 << 6 /* that a named key signs, decrypts, derives, wraps (keys.h) */
};

#define KH_ACL_RULES_MAX 4096

struct kh_acl;

/* Reads the rules of CONFIG, whose [acl] was claimed with kh_config_claim_free and which
 * is not needed afterwards. Without rules everything is denied. KH_INVALID, "FILE:LINE:
 * LABEL: what is wrong; what would be right", for the first wrong rule, and for more than
 * KH_ACL_RULES_MAX. *OUT is the caller's (kh_acl_free), NULL on failure. */
KH_CHECK kh_status kh_acl_new(
    struct kh_acl **out, const struct kh_config *config, struct kh_error *err);

/* True when WHO may do OP (one bit) to the deposit NAME (decoded; UTF-8). An
 * anonymous caller (kh_principal_known) never may. A subject that filled its buffer may
 * have been cut, so it fits no rule but `*` and sha256. Thread
 * safe: the rules do not change. */
bool kh_acl_allows(const struct kh_acl *acl, const struct kh_principal *who,
    enum kh_operation op, const char *name);

/* False when WHO may do OP to no name at all: a listing is then refused, and not empty. A
 * true answer promises nothing for any one name. Thread safe. */
bool kh_acl_allows_some(
    const struct kh_acl *acl, const struct kh_principal *who, enum kh_operation op);

/* NULL is fine. */
void kh_acl_free(struct kh_acl *acl);

#endif
