/*
 * Keys that were opened, in locked memory, for a while: so that an EEK costs no operation
 * of the token. Bounded; divided by name, so that threads seldom wait for each other.
 * What is not there is not remembered.
 *
 * A key that was read just before somebody dropped its name must not come in after it: a
 * reader takes a ticket first, and what it brings with an old ticket is not kept.
 */
#ifndef KH_KMS_CACHE_H
#define KH_KMS_CACHE_H

#include <keyhsm/types.h>

#include <stdatomic.h>

/* One version of a key. Does not change while somebody has it. */
struct kh_kms_key {
    atomic_uint refs;
    char name[KH_NAME_MAX + 1];
    uint32_t version;
    unsigned bits;          /* of the keys that it encrypts, when they are made here */
    struct kh_buf material; /* empty with an AES key of the token */
    char *wrap;             /* that AES key's name (wrap.h); NULL: it has material */
    char acl[];             /* the name its rules stand under */
};

/* A key with one reference, the caller's. MATERIAL is moved into it. NULL: no memory;
 * then MATERIAL is as it was. */
struct kh_kms_key *kh_kms_key_new(
    const char *name, uint32_t version, struct kh_buf *material, const char *acl);
/* Instead of material: the AES key WRAP of the token, for keys of BITS. Before anybody
 * else has KEY. False: no memory. */
KH_CHECK bool kh_kms_key_wraps(struct kh_kms_key *key, const char *wrap, unsigned bits);
/* Gives a reference back; the last one wipes it. NULL is fine. Thread safe. */
void kh_kms_key_release(struct kh_kms_key *key);
/* For __attribute__((cleanup())). */
void kh_kms_key_cleanup(struct kh_kms_key **key);
#define KH_CLEANUP_KEY __attribute__((cleanup(kh_kms_key_cleanup)))

struct kh_kms_cache;

/* At most MAX keys, each for TTL_MS milliseconds. NULL: no memory. */
struct kh_kms_cache *kh_kms_cache_new(size_t max, uint64_t ttl_ms);
/* NULL is fine. */
void kh_kms_cache_free(struct kh_kms_cache *cache);

/* All of these are thread safe; NOW is kh_clock_ms. */

/* VERSION of NAME, or the current one with KH_LATEST; with a reference for the caller.
 * NULL: not there. */
struct kh_kms_key *kh_kms_cache_get(
    struct kh_kms_cache *cache, const char *name, uint32_t version, uint64_t now);
/* To take before the key is read from where it is stored. */
uint64_t kh_kms_cache_ticket(struct kh_kms_cache *cache, const char *name);
/* Keeps KEY, with a reference of its own, unless its name was dropped since TICKET. With
 * LATEST it is found as the current version too. */
void kh_kms_cache_put(struct kh_kms_cache *cache, struct kh_kms_key *key, bool latest,
    uint64_t ticket, uint64_t now);

/* All versions of NAME; NULL: everything. */
void kh_kms_cache_drop(struct kh_kms_cache *cache, const char *name);
/* Those whose time has passed. */
void kh_kms_cache_sweep(struct kh_kms_cache *cache, uint64_t now);
size_t kh_kms_cache_count(struct kh_kms_cache *cache);

#endif
