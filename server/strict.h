/*
 * The head of a request, checked more strictly than the HTTP engine does (RFC 9112): what
 * two parsers could read in two ways is refused. Pure, so that it can be fuzzed.
 */
#ifndef KH_SERVER_STRICT_H
#define KH_SERVER_STRICT_H

#include <stdbool.h>
#include <stddef.h>

#define KH_STRICT_HEADERS 64  /* headers of one request */
#define KH_STRICT_TARGET 4096 /* bytes of the request target */

struct kh_header {
    const char *name;
    const char *value;
};

struct kh_head {
    const char *target;
    bool body; /* the method may have a body (PUT, POST) */
    const struct kh_header *headers;
    size_t count;
};

/*
 * 0 when the head is fine: origin-form target of visible ASCII, at most KH_STRICT_HEADERS
 * headers with token names and clean values, exactly one Host, at most one Content-Length
 * of digits only, no Transfer-Encoding, no Content-Encoding, no body where the method has
 * none. Else the HTTP status to answer (400, 411, 414, 415, 431), and *WHY (static
 * storage) says what is wrong.
 */
int kh_strict_check(const struct kh_head *head, const char **why);

/* The value of header NAME (any case), or NULL. */
const char *kh_head_get(const struct kh_head *head, const char *name);

#endif
