/*
 * The identity of a token: a key pair that this catalog had it make once, labelled
 * "keyhsm-identity-TAG", and an envelope in the catalog that only that key opens. Label
 * and serial can be copied; this cannot. The key belongs to no deposit, stands in no
 * table of keys, and is never swept or purged.
 */
#ifndef KH_PKCS11_IDENTITY_H
#define KH_PKCS11_IDENTITY_H

#include "plugins/pkcs11/store.h"

/* Sets store->tag and store->identity.id from the catalog's facts, which it chooses first
 * when the catalog is new: the id is durable before the key is made. */
KH_CHECK kh_status kh_identity_load(struct kh_store *store, struct kh_error *err);

/* Proves that the token is the catalog's: opens the envelope. KH_REFUSED, in words, when
 * the key is not there or another. A catalog that never stored anything has no envelope
 * yet, and any token is right for it. */
KH_CHECK kh_status kh_identity_prove(struct kh_store *store, struct kh_error *err);

/* Before the first version is stored: makes key and envelope. So whoever only looks, a
 * dry run above all, leaves nothing on the token. Cheap afterwards; thread safe. */
KH_CHECK kh_status kh_identity_claim(struct kh_store *store, struct kh_error *err);

/* Opens the envelope again (KH_OK when there is none yet): a private key operation, from
 * end to end. */
KH_CHECK kh_status kh_identity_probe(struct kh_store *store, struct kh_error *err);

#endif
