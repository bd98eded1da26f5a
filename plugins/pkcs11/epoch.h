/*
 * Epochs: one key pair for up to epoch_deposits versions or epoch_age, whichever ends
 * first. The public half lives in memory while the epoch is open, is shared by all
 * threads, and is thrown away when it closes; a restart closes it.
 */
#ifndef KH_PKCS11_EPOCH_H
#define KH_PKCS11_EPOCH_H

#include "plugins/pkcs11/keypool.h"

/* LIMIT versions, AGE in seconds (both at least 1). */
KH_CHECK kh_status kh_epochs_new(
    struct kh_store *store, uint64_t limit, uint64_t age, struct kh_error *err);
/* Closes the open one. No key may be in use. NULL in STORE is fine. */
void kh_epochs_free(struct kh_store *store);

/* The open epoch's key, counted as used once; opens the next epoch (one thread does,
 * others wait). */
KH_CHECK kh_status kh_epoch_take(
    struct kh_store *store, struct kh_sealing_key *key, struct kh_error *err);
void kh_epoch_release(struct kh_store *store, struct kh_epoch *epoch);

/* The open epoch's key, which a purge must keep. False: none is open. */
bool kh_epoch_open_key(struct kh_store *store, struct kh_key_id *id);
/* After a purge that kept ID: dooms it when its epoch was closed meanwhile and no row
 * needs it. */
void kh_epoch_purged(struct kh_store *store, const struct kh_key_id *id);

#endif
