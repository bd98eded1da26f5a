/* Deposits and their attributes: memory, comparison, limits. */
#ifndef KH_CORE_DEPOSIT_H
#define KH_CORE_DEPOSIT_H

#include <keyhsm/types.h>

/* Sets NAME to VALUE (both copied), keeping the list sorted by name. KH_INVALID over a
 * limit of types.h, for an empty name, or for text that is not UTF-8. Not thread safe on
 * one list. */
KH_CHECK kh_status kh_attrs_set(
    struct kh_attrs *attrs, const char *name, const char *value, struct kh_error *err);
/* The value of NAME, owned by ATTRS, or NULL. */
const char *kh_attrs_get(const struct kh_attrs *attrs, const char *name);
/* Removes NAME; true when it was there. */
bool kh_attrs_remove(struct kh_attrs *attrs, const char *name);
bool kh_attrs_equal(const struct kh_attrs *a, const struct kh_attrs *b);
/* Frees the strings (wiped) and zeroes *ATTRS. */
void kh_attrs_free(struct kh_attrs *attrs);

/* Frees data and attributes, zeroes *DEPOSIT. */
void kh_deposit_free(struct kh_deposit *deposit);
#define KH_CLEANUP_DEPOSIT __attribute__((cleanup(kh_deposit_free)))
/* Same name, version, state, created, attributes and data; data compared in constant
 * time. */
bool kh_deposit_equal(const struct kh_deposit *a, const struct kh_deposit *b);

/* True for well-formed UTF-8 (RFC 3629) of LEN bytes. */
bool kh_utf8_valid(const char *text, size_t len);

#endif
