/*
 * Key scopes: which key a new version is sealed to. In deposit scope each gets its own,
 * made for it; in epoch scope the open epoch's (epoch.h). Ids are announced to the
 * catalog in batches, one commit each, ahead of the keys.
 */
#ifndef KH_PKCS11_KEYPOOL_H
#define KH_PKCS11_KEYPOOL_H

#include "plugins/pkcs11/store.h"

struct kh_epoch;

/* A key to seal one version to. */
struct kh_sealing_key {
    struct kh_key_id id;
    struct kh_recipient *recipient;
    struct kh_epoch *epoch; /* NULL: the key is this version's own */
};

KH_CHECK kh_status kh_keypool_new(struct kh_store *store, struct kh_error *err);
/* Withdraws what was announced and not used. NULL in STORE is fine. */
void kh_keypool_free(struct kh_store *store);

/* An announced id that nobody else has. Thread safe. */
KH_CHECK kh_status kh_keypool_take(
    struct kh_store *store, struct kh_key_id *id, struct kh_error *err);

/* A key for a new version of NAME, by the store's scope. Thread safe. */
KH_CHECK kh_status kh_sealing_key_take(struct kh_store *store, const char *name,
    struct kh_sealing_key *key, struct kh_error *err);
/* USED: a row of the catalog refers to it now. Else a key of a version's own is
 * destroyed. */
void kh_sealing_key_done(struct kh_store *store, struct kh_sealing_key *key, bool needed);

#endif
