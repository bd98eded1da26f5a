/*
 * The token: module, slot, login, sessions, deposit keys, recovery. The face of the lower
 * half of the plugin; what is above (store.c) never sees a CK_ type.
 */
#ifndef KH_PKCS11_TOKEN_H
#define KH_PKCS11_TOKEN_H

#include "provider/provider.h"
#include <keyhsm/plugin.h>

struct kh_token;

/*
 * Loads the module, finds the token (label, serial or slot: options token_label,
 * token_serial, slot), logs in once with the PIN from pin_source, opens the session pool,
 * and finds by trial which profile works (option key_type: auto, or one to insist on).
 * KH_REFUSED: wrong PIN (one attempt only), PIN locked or at its final try,
 * write-protected token, a profile or attribute the token does not honour.
 * KH_UNAVAILABLE: no module, no token. One per process.
 */
KH_CHECK kh_status kh_token_open(
    struct kh_token **out, const struct kh_host *host, struct kh_error *err);
/* Finalises when no call is inside. NULL is fine. */
void kh_token_close(struct kh_token *token);

struct kh_token_facts {
    char label[33];
    char serial[17];
    char manufacturer[33];
    char profile[32]; /* "ecdh-p256", "rsa-oaep-sha256", "rsa-oaep-sha1" */
    kh_key_type key_type;
    unsigned key_bits;
    unsigned key_limit; /* how many keys the module is known to bear; 0: nothing known */
};
void kh_token_facts(const struct kh_token *token, struct kh_token_facts *facts);

/* The operations for the provider; `token` inside is TOKEN. Recovery is inside: a lost
 * session or login, a stale handle, a module that must be initialised again are not seen
 * by the caller. */
void kh_token_ops(struct kh_token *token, struct kh_token_ops *ops);

/* The public half of a key just made: SubjectPublicKeyInfo, DER, malloc'd. */
struct kh_public_half {
    unsigned char *spki;
    size_t spki_len;
};

/*
 * Makes a key pair on the token: private half as DESIGN 6 says, CKA_ID = ID, CKA_LABEL =
 * LABEL; the public half is a session object, read and destroyed. Attributes are read
 * back: a token that does not honour them is KH_REFUSED and the key is destroyed again.
 * KH_EXISTS when a key with ID is there. KH_UNAVAILABLE: token full or gone. Not retried
 * without looking for ID first.
 */
KH_CHECK kh_status kh_token_key_generate(struct kh_token *token,
    const struct kh_key_id *id, const char *label, struct kh_public_half *public_half,
    struct kh_error *err);

/* Destroys every object with ID, complete or half-made. KH_OK when there is none. */
KH_CHECK kh_status kh_token_key_destroy(
    struct kh_token *token, const struct kh_key_id *id, struct kh_error *err);

/* Looks at the key again on the token (class, id, private, sensitive, never extractable,
 * material there). KH_NOT_FOUND: not on the token. KH_CORRUPT: there but not as it must
 * be. LABEL (may be NULL) gets CKA_LABEL. A handle that names another key by now is
 * dropped, so after KH_OK an operation that gave nonsense may be tried once more. */
KH_CHECK kh_status kh_token_key_attest(struct kh_token *token, const struct kh_key_id *id,
    char *label, size_t label_size, struct kh_error *err);

/* A round of attestation begins or ends; see plugin.h, attest_round. */
void kh_token_attest_round(struct kh_token *token, bool begin);
/* True when the key was attested (KH_OK) in the round that goes on, and no object was
 * destroyed and no login renewed since. */
bool kh_token_key_attested(struct kh_token *token, const struct kh_key_id *id);

/* One private or secret key object found on the token. */
struct kh_token_object {
    struct kh_key_id id; /* len 0: no CKA_ID */
    bool complete;       /* has key material; a half-made key must never be used */
};

/* One pass over the private and secret keys of the token; fills the handle cache. FN
 * returning other than KH_OK ends the pass with that status. FN must not call the token.
 */
KH_CHECK kh_status kh_token_key_each(struct kh_token *token,
    kh_status (*fn)(
        void *arg, const struct kh_token_object *object, struct kh_error *err),
    void *arg, struct kh_error *err);

/* Destroys half-made objects that carry no CKA_ID: debris of a crash inside the module,
 * unusable by anybody. *COUNT gets how many. Start-up only, after kh_token_key_each,
 * whose pass it uses. */
KH_CHECK kh_status kh_token_sweep_debris(
    struct kh_token *token, size_t *count, struct kh_error *err);

/* OUT->len bytes of the token's generator. */
KH_CHECK kh_status kh_token_random(
    struct kh_token *token, struct kh_buf *out, struct kh_error *err);

/* What the token says of its memory for private objects, in bytes; both 0 when it does
 * not. */
KH_CHECK kh_status kh_token_memory(
    struct kh_token *token, uint64_t *total, uint64_t *unused, struct kh_error *err);

/* A cheap real operation: a session is there and logged in. */
KH_CHECK kh_status kh_token_probe(struct kh_token *token, struct kh_error *err);

#endif
