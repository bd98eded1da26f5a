/* The name rule (DESIGN 5). */
#ifndef KH_CORE_NAME_H
#define KH_CORE_NAME_H

#include <keyhsm/types.h>

/*
 * KH_OK when NAME starts with an ASCII letter or digit, goes on with letters, digits,
 * '-', '.', '_', and is 1 to KH_NAME_MAX bytes long. Else KH_INVALID, and the message
 * says which part of the rule is broken, by position. Thread safe.
 */
KH_CHECK kh_status kh_name_check(const char *name, struct kh_error *err);

/*
 * NAME as it may be printed: conforming bytes as they are, any other as %XX (RFC
 * 3986 2.1), '%' included. OUT gets at most SIZE bytes with the NUL. Returns OUT.
 */
const char *kh_name_escape(const char *name, char *out, size_t size);
#define KH_NAME_ESCAPED_MAX (3 * KH_NAME_MAX + 1)

/* A conforming proposal for a name that is not: in OUT (KH_NAME_MAX + 1 bytes).
 * Deterministic; different names may get the same proposal: the caller resolves that with
 * SERIAL > 0. */
void kh_name_suggest(const char *name, unsigned serial, char out[KH_NAME_MAX + 1]);

#endif
