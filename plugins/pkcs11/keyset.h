/* A set of key ids of ours, for one pass over a token: filled, sorted once, then
 * searched. 17 bytes a key: the tag, which all share, is left out. */
#ifndef KH_PKCS11_KEYSET_H
#define KH_PKCS11_KEYSET_H

#include <keyhsm/catalog.h>

struct kh_keyset_entry {
    unsigned char rest[16]; /* the id without its tag */
    unsigned char complete; /* 0: half-made */
};

/* Zero-initialise. */
struct kh_keyset {
    struct kh_keyset_entry *list;
    size_t count;
    size_t room;
};

/* Adds the 20-byte id ID. KH_FATAL without memory. */
KH_CHECK kh_status kh_keyset_add(struct kh_keyset *set, const struct kh_key_id *id,
    bool complete, struct kh_error *err);
/* After the last add, before the first find. An id that was there twice stays once, and
 * is complete only when both were. */
void kh_keyset_sort(struct kh_keyset *set);
/* The entry of ID, or NULL. Thread safe on a sorted set. */
const struct kh_keyset_entry *kh_keyset_find(
    const struct kh_keyset *set, const struct kh_key_id *id);
void kh_keyset_free(struct kh_keyset *set);

#endif
