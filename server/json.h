/* Strict JSON (RFC 8259) for request bodies, on jansson. */
#ifndef KH_SERVER_JSON_H
#define KH_SERVER_JSON_H

#include <keyhsm/types.h>

#include <jansson.h>

#define KH_JSON_DEPTH 16

/*
 * Parses one object: UTF-8, no duplicate members, no NUL, at most KH_JSON_DEPTH deep,
 * nothing after it. KH_INVALID says what is wrong and where, and never quotes the text,
 * which may be secret. *OUT is the caller's (json_decref). Thread safe.
 */
KH_CHECK kh_status kh_json_parse(
    const unsigned char *text, size_t len, json_t **out, struct kh_error *err);

/* True when brackets nest no deeper than KH_JSON_DEPTH; cheap, and looks at nothing else.
 */
bool kh_json_shallow(const unsigned char *text, size_t len);

/* KH_INVALID, naming it, when OBJECT has a member that is not in NAMES (NULL-terminated).
 */
KH_CHECK kh_status kh_json_only(
    json_t *object, const char *const *names, struct kh_error *err);

#endif
