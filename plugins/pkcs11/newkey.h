/* Making a deposit key, and taking it back. */
#ifndef KH_PKCS11_NEWKEY_H
#define KH_PKCS11_NEWKEY_H

#include "plugins/pkcs11/store.h"

/* A fresh id: the catalog's tag and 16 bytes that the token's generator seeded. Ids are
 * never used twice. */
KH_CHECK kh_status kh_newkey_id(
    struct kh_store *store, struct kh_key_id *id, struct kh_error *err);

/*
 * Takes an announced id, makes its key on the token, labelled after NAME, and its
 * recipient. KH_REFUSED, in words, when max_keys are there: nothing was made. On any
 * failure nothing stays that the next start would not clean up.
 */
KH_CHECK kh_status kh_newkey_make(struct kh_store *store, const char *name,
    struct kh_key_id *id, struct kh_recipient **recipient, struct kh_error *err);

/* One more key of max_keys; KH_REFUSED when they are all there. Given back when the key
 * was not made; abandon and disown do that. The count has the keys that are being made,
 * so that threads cannot pass the ceiling together. */
KH_CHECK kh_status kh_newkey_take_place(struct kh_store *store, struct kh_error *err);
void kh_newkey_give_place(struct kh_store *store);

/* Forgets an announced id that was on the token before its key was made: such a key is
 * not ours to destroy, nor to call pending. */
void kh_newkey_disown(struct kh_store *store, const struct kh_key_id *id);

/* Destroys a key that no row needs and forgets it. When that fails it is logged, and the
 * next start does it: the catalog still calls the key pending or doomed. */
void kh_newkey_abandon(struct kh_store *store, const struct kh_key_id *id);

/* ID as the provider wants it, from a row's or fact's PROFILE. KH_CORRUPT when no profile
 * of ours. */
KH_CHECK kh_status kh_newkey_of(const char *profile, const struct kh_key_id *id,
    struct kh_token_key *key, struct kh_error *err);
/* The form in which rows keep a profile: with the modulus size, which the envelope needs.
 */
void kh_newkey_profile(const struct kh_token_facts *facts, char out[32]);

#endif
