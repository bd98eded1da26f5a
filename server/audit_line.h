/* One line of the audit log: made, and looked at. Pure. */
#ifndef KH_SERVER_AUDIT_LINE_H
#define KH_SERVER_AUDIT_LINE_H

#include "server/audit.h"

/* Bytes of the longest line with its newline: eight strings of 512 bytes, each of them
 * \u00XX, and the rest. */
#define KH_AUDIT_LINE_MAX 26624
/* How the bytes of an interrupted write end once they are marked. */
#define KH_AUDIT_TORN "#torn\n"

#define KH_AUDIT_START "audit.start"
#define KH_AUDIT_ROTATE "audit.rotate"
#define KH_AUDIT_RECOVER "audit.recover"

/* An entry as the next one sees it. Before the first: seq 0 and 64 zeros. */
struct kh_audit_link {
    uint64_t seq;
    char hash[KH_AUDIT_HASH];
};
#define KH_AUDIT_ORIGIN                                                                  \
    {                                                                                    \
        0, "0000000000000000000000000000000000000000000000000000000000000000"            \
    }

struct kh_audit_torn {
    uint64_t bytes;
    char hash[KH_AUDIT_HASH];
};

/* What a line says of its place in the chain. */
struct kh_audit_facts {
    struct kh_audit_link link;
    char prev[KH_AUDIT_HASH];
    bool recover;
    struct kh_audit_torn torn; /* of a line with RECOVER */
};

/* SHA-256 in hex. False: no memory. */
bool kh_audit_hash(const void *data, size_t len, char out[KH_AUDIT_HASH]);

/* Writes the line of ENTRY, newline included, no NUL, into OUT. TORN (may be NULL) is
 * what an audit.recover answers for. *LINK is the entry before, and becomes this one. The
 * length; 0: no memory, *LINK is as it was. */
size_t kh_audit_line_make(char out[KH_AUDIT_LINE_MAX], const struct kh_audit_entry *entry,
    const struct kh_audit_torn *torn, struct kh_audit_link *link);

/* Looks at LEN bytes of LINE, newline not included. NULL and *FACTS when it is an entry
 * with the right hash, else what is wrong, in static storage. */
const char *kh_audit_line_fault(
    const char *line, size_t len, struct kh_audit_facts *facts);

#endif
