/* Reconciliation: at open the token and the catalog must explain each other. */
#ifndef KH_PKCS11_STARTUP_H
#define KH_PKCS11_STARTUP_H

#include "plugins/pkcs11/store.h"

/*
 * One pass over the token's private keys, which also fills the handle cache, then:
 *  - a key with our tag that the catalog does not know, unless option unknown_keys
 * accepts as many: KH_CORRUPT, the catalog is an old copy. Nothing is destroyed;
 *  - the token cannot prove its identity: KH_REFUSED. Nothing is destroyed;
 *  - pending and doomed keys: destroyed on the token, forgotten;
 *  - an epoch's key that no row needs: the same;
 *  - a row's key that is not on the token, or half-made: logged, kept in store->missing;
 *  - half-made debris without an id: swept, when nobody else keeps keys on this token.
 * With KH_OPEN_LOOK nothing is destroyed, and unknown keys are no reason to refuse. Sets
 * store->keys and store->unknown.
 */
KH_CHECK kh_status kh_startup(struct kh_store *store, struct kh_error *err);

#endif
