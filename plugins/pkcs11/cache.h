/*
 * CKA_ID -> object handle. Searching a token costs 36 microseconds for every object it
 * holds; using a handle does not depend on them. Thread safe.
 */
#ifndef KH_PKCS11_CACHE_H
#define KH_PKCS11_CACHE_H

#include <keyhsm/catalog.h> /* struct kh_key_id */
#include <p11-kit/pkcs11.h>
#include <pthread.h>

struct kh_cache_node;

struct kh_cache {
    pthread_mutex_t mutex;
    struct kh_cache_node **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    uint64_t epoch;  /* a node looked at in an older epoch must be looked at again */
    uint64_t rounds; /* of attestation, that were begun */
    bool in_round;   /* the last of them goes on */
    bool complete; /* one pass over the token has filled it: what it does not have is not
                      there */
};

/* 0, or ENOMEM. */
int kh_cache_init(struct kh_cache *cache);
void kh_cache_free(struct kh_cache *cache);

/* False when ID is not known. *LOOKED_AT: the key was looked at and nothing since gave a
 * reason to look again. */
bool kh_cache_get(struct kh_cache *cache, const struct kh_key_id *id,
    CK_OBJECT_HANDLE *handle, bool *looked_at);
/* Adds, or replaces what is known of ID. False: no memory, nothing changed. */
bool kh_cache_put(struct kh_cache *cache, const struct kh_key_id *id,
    CK_OBJECT_HANDLE handle, bool looked_at);
void kh_cache_drop(struct kh_cache *cache, const struct kh_key_id *id);
/* A round of attestation begins or ends; see plugin.h, attest_round. */
void kh_cache_round(struct kh_cache *cache, bool begin);
/* ID was attested now. Outside of a round that is not remembered. */
void kh_cache_set_attested(struct kh_cache *cache, const struct kh_key_id *id);
/* True when ID was attested in this round, and nothing since gave a reason to look again.
 */
bool kh_cache_is_attested(struct kh_cache *cache, const struct kh_key_id *id);
/* The key behind ID's handle did what only the key of its public half can do. */
void kh_cache_set_proven(struct kh_cache *cache, const struct kh_key_id *id);
/* True when it did, and nothing since gave a reason to look again. */
bool kh_cache_is_proven(struct kh_cache *cache, const struct kh_key_id *id);
/* Forgets every handle: they do not outlive a login. Returns whether it was complete. */
bool kh_cache_flush(struct kh_cache *cache);
/* An object was destroyed: a module may now give its handle to another, so all are looked
 * at again. */
void kh_cache_doubt(struct kh_cache *cache);
void kh_cache_set_complete(struct kh_cache *cache);
bool kh_cache_is_complete(struct kh_cache *cache);

#endif
