/*
 * Kerberos principal to short name, by the rules of section [auth_to_local], one a key.
 * The key is a label of the operator's own; it only names the rule in messages.
 *
 *     [auth_to_local]
 *     namenode = RULE:[2:$1@$0](nn@EXAMPLE\.COM)s/nn@.+/hdfs/
 *     rest     = DEFAULT
 *
 * The rules are Hadoop's (hadoop.security.auth_to_local), applied here and not by the
 * Kerberos library, which maps no principal with two components.
 *
 *     DEFAULT                               of the own realm: the first component
 *     RULE:[n:format](regex)s/from/to/g/L   of principals with n components
 *
 * format makes a text of the components $1.. and the realm $0; when regex (POSIX
 * extended) fits all of it, what fits `from` is replaced, once or (g) everywhere, and the
 * result, in lower case with L, is the name. The first rule that fits decides. Without
 * rules there is DEFAULT.
 */
#ifndef KH_SERVER_AUTH_TO_LOCAL_H
#define KH_SERVER_AUTH_TO_LOCAL_H

#include "core/config.h"
#include "server/principal.h"

#define KH_LOCAL_RULES_MAX 256

struct kh_local;

/* Reads the rules of CONFIG, whose [auth_to_local] was claimed with
 * kh_config_claim_free and which is not needed afterwards. REALM (copied) is the own one.
 * KH_INVALID, "FILE:LINE: LABEL: what is wrong", for the first wrong rule and for more
 * than KH_LOCAL_RULES_MAX. *OUT is the caller's, NULL on failure. */
KH_CHECK kh_status kh_local_new(struct kh_local **out, const struct kh_config *config,
    const char *realm, struct kh_error *err);

/* The short name of PRINCIPAL, "NAME[/INSTANCE...]@REALM" without escapes, in OUT. It is
 * a name by kh_user_valid. KH_REFUSED: no rule fits, or what the first that fits gives is
 * no name; OUT is "". Time and memory are bounded. Thread safe. */
KH_CHECK kh_status kh_local_map(const struct kh_local *local, const char *principal,
    char out[sizeof((struct kh_principal *)0)->user], struct kh_error *err);

/* NULL is fine. */
void kh_local_free(struct kh_local *local);

#endif
