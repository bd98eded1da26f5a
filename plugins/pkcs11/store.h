/*
 * The open backend: one token, one catalog, one state directory. The upper half of the
 * plugin; the README gives the protocol that ties keys and rows together.
 *
 * A struct kh_store is made by kh_store_open and then read by every thread without a
 * lock: what changes after open is atomic or has its own lock (keypool.c, epoch.c,
 * sweep).
 */
#ifndef KH_PKCS11_STORE_H
#define KH_PKCS11_STORE_H

#include "plugins/pkcs11/envelope.h"
#include "plugins/pkcs11/keyset.h"
#include "plugins/pkcs11/token.h"
#include "provider/provider.h"
#include <keyhsm/catalog.h>
#include <keyhsm/plugin.h>
#include <pthread.h>
#include <stdatomic.h>

#define KH_TAG_LEN 4 /* of this catalog; every key id starts with it */
#define KH_OUR_ID_LEN 20

struct kh_keypool;
struct kh_epochs;

struct kh_store {
    const struct kh_host *host;
    char state_dir[1025];
    int lock; /* on state_dir; -1: none */

    bool epoch_scope;  /* else one key per version */
    uint64_t max_keys; /* 0: no ceiling; as the option says, or as the token bears */
    bool look;         /* opened with KH_OPEN_LOOK */
    size_t data_max;

    struct kh_token *token;
    struct kh_token_facts facts;
    char profile[32]; /* of new envelopes, as rows keep it: "rsa-oaep-sha1/2048",
                         "ecdh-p256" */
    struct kh_provider *provider;
    struct kh_envelopes *envelopes;
    EVP_MD *sha256;
    struct kh_catalog *catalog;

    unsigned char tag[KH_TAG_LEN];
    struct kh_token_key identity; /* the key that proves the token is this catalog's */
    unsigned char *challenge;     /* an envelope that only it opens */
    size_t challenge_len;
    atomic_bool claimed;   /* the two above are there, and fixed */
    pthread_mutex_t claim; /* one thread makes them */

    struct kh_keyset
        missing; /* keys that rows need and the token had not at start; then fixed */
    uint64_t
        unknown; /* keys of this catalog on the token that it did not know at start */
    struct kh_keypool *keypool;
    struct kh_epochs *epochs; /* NULL in deposit scope */
    atomic_ullong keys;       /* deposit keys on the token, and those being made */
    pthread_mutex_t sweep;    /* one thread destroys doomed keys */
};

/* ---- store_open.c: lifetime
 * ------------------------------------------------------------- */

KH_CHECK kh_status kh_store_open(
    const struct kh_host *host, struct kh_store **out, struct kh_error *err);
void kh_store_close(struct kh_store *store);

/* ---- store.c: put and get
 * --------------------------------------------------------------- */

KH_CHECK kh_status kh_store_put(struct kh_store *store, const struct kh_deposit *deposit,
    kh_put_mode mode, struct kh_error *err);
KH_CHECK kh_status kh_store_get(struct kh_store *store, const char *name,
    uint32_t version, bool with_deleted, struct kh_deposit *deposit,
    struct kh_error *err);
/* KH_CORRUPT, in words, when the token had no such key at start. */
KH_CHECK kh_status kh_store_key_there(
    struct kh_store *store, const struct kh_catalog_row *row, struct kh_error *err);

/* ---- store_change.c: states and purge
 * --------------------------------------------------- */

KH_CHECK kh_status kh_store_set_state(struct kh_store *store, const char *name,
    uint32_t version, kh_state state, struct kh_error *err);
KH_CHECK kh_status kh_store_purge(
    struct kh_store *store, const char *name, uint32_t version, struct kh_error *err);
/* Destroys on the token, then forgets, every key in STATE (pending or doomed). ON_TOKEN,
 * when given, is what the token holds: a key that is not in it costs no search. */
KH_CHECK kh_status kh_store_sweep(struct kh_store *store, kh_key_state state,
    const struct kh_keyset *on_token, struct kh_error *err);

/* ---- store_facts.c: what is known without opening envelopes
 * ------------------------------ */

KH_CHECK kh_status kh_store_probe(struct kh_store *store, struct kh_error *err);
KH_CHECK kh_status kh_store_info(
    struct kh_store *store, struct kh_info *info, struct kh_error *err);
KH_CHECK kh_status kh_store_random(
    struct kh_store *store, struct kh_buf *out, struct kh_error *err);
KH_CHECK kh_status kh_store_usage(
    struct kh_store *store, struct kh_usage *usage, struct kh_error *err);
KH_CHECK kh_status kh_store_stat(struct kh_store *store, const char *name,
    uint32_t version, struct kh_stat *stat, struct kh_error *err);
KH_CHECK kh_status kh_store_list(struct kh_store *store, const struct kh_cursor *after,
    struct kh_item *items, size_t max, size_t *count, struct kh_error *err);
KH_CHECK kh_status kh_store_reserve(
    struct kh_store *store, uint64_t versions, struct kh_error *err);
KH_CHECK kh_status kh_store_fingerprint(struct kh_store *store, const char *name,
    uint32_t version, unsigned char digest[KH_FINGERPRINT_LEN], struct kh_error *err);
KH_CHECK kh_status kh_store_attest(
    struct kh_store *store, const char *name, uint32_t version, struct kh_error *err);
void kh_store_attest_round(struct kh_store *store, bool begin);
/* The catalog's file, rows and references. */
KH_CHECK kh_status kh_store_check(struct kh_store *store, struct kh_error *err);

#endif
