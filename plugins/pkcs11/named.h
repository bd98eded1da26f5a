/*
 * Named keys (keyhsm/key.h) of the open backend: rows of the catalog, keys on the token.
 * The README gives the protocol, which is that of deposit keys. Thread safe, all of it.
 */
#ifndef KH_PKCS11_NAMED_H
#define KH_PKCS11_NAMED_H

#include "plugins/pkcs11/store.h"

/* The methods of plugin.h. */
KH_CHECK kh_status kh_named_create(
    struct kh_store *store, struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status kh_named_stat(struct kh_store *store, const char *name,
    struct kh_named_key *key, struct kh_error *err);
KH_CHECK kh_status kh_named_list(struct kh_store *store, const char *after,
    struct kh_named_key *keys, size_t max, size_t *count, struct kh_error *err);
KH_CHECK kh_status kh_named_use(struct kh_store *store, const char *name,
    const struct kh_key_use *use, struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status kh_named_change(
    struct kh_store *store, const char *name, kh_key_change change, struct kh_error *err);

/* ---- between the files
 * -------------------------------------------------------------- */

/* One private operation on the token, without looking at what the key is for. OUT is
 * allocated. */
KH_CHECK kh_status kh_named_run(struct kh_store *store,
    const struct kh_catalog_named *named, const struct kh_key_use *use,
    struct kh_buf *out, struct kh_error *err);

/* The public half of KEY as OpenSSL takes it, by the store's properties; the caller frees
 * it. NULL: OpenSSL makes nothing of it. */
EVP_PKEY *kh_named_public(struct kh_store *store, const struct kh_named_key *key);
/* KH_CORRUPT: SIGNATURE, made by USE, does not match the public half. */
KH_CHECK kh_status kh_named_verify(struct kh_store *store, const struct kh_named_key *key,
    const struct kh_key_use *use, const struct kh_buf *signature, struct kh_error *err);
/* Has the key do something of each of PURPOSES that shows, by its public half, that it is
 * the key it is taken for; an AES key, that it opens what it wrapped. KH_CORRUPT: it is
 * not. KH_REFUSED: the token cannot do it. */
KH_CHECK kh_status kh_named_prove(struct kh_store *store,
    const struct kh_catalog_named *named, uint32_t purposes, struct kh_error *err);

#endif
