/* One rule of [auth_to_local]: text to parts. Pure. For server/auth_to_local.c only. */
#ifndef KH_SERVER_AUTH_TO_LOCAL_RULE_H
#define KH_SERVER_AUTH_TO_LOCAL_RULE_H

#include <keyhsm/types.h>

#include <regex.h>

#define KH_LOCAL_COMPONENTS 8 /* of a principal: "a/b@R" has two */

struct kh_local_rule {
    bool is_default; /* DEFAULT: nothing else is set */
    unsigned count;  /* components a principal must have */
    char *format;    /* "$1@$0" */
    bool has_match;
    regex_t match; /* what the formatted name must be as a whole */
    bool has_from;
    regex_t from; /* what is replaced */
    char *to;     /* by this; "$1" is a group of FROM, "\\x" is x */
    bool global;
    bool lower;
};

/*
 * The parts of TEXT: DEFAULT, or RULE:[n:format](regex)s/from/to/g/L, of which all behind
 * the ']' may be missing. KH_INVALID says what is wrong and what would be right: syntax;
 * `$n` beyond the count; a regular expression that is longer than 256 bytes, has a back
 * reference, repeats more than 256 times, or is Java's own (`(?`, `\d`, `*?`, `*+`). On
 * failure RULE holds nothing, else it goes to kh_local_rule_clear.
 */
KH_CHECK kh_status kh_local_rule_parse(
    struct kh_local_rule *rule, const char *text, struct kh_error *err);

void kh_local_rule_clear(struct kh_local_rule *rule);

/* What is wrong with TEXT (LEN bytes) as a regular expression of a rule, beyond what
 * regcomp finds, or NULL. Static storage. */
const char *kh_local_regex_fault(const char *text, size_t len);

#endif
