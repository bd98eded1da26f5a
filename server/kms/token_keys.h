/*
 * The keys that the passwords of delegation tokens are made with: one for each interval
 * (a day), numbered since 1970, a deposit each, so that every server of the same backend
 * has the same. Whoever needs the key of now first makes it.
 */
#ifndef KH_SERVER_KMS_TOKEN_KEYS_H
#define KH_SERVER_KMS_TOKEN_KEYS_H

#include "core/backend.h"
#include "server/kms/token.h"

#define KMS_KEY_NAME "kt-internal.kms-key."

/* Milliseconds. */
struct kms_token_times {
    int64_t interval; /* of a key */
    int64_t renew;    /* a token ends that long after it was made or renewed */
    int64_t max;      /* and at the latest that long after it was made */
};

struct kms_keys;

/* *OUT goes to kms_keys_free. TIMES is copied. */
KH_CHECK kh_status kms_keys_new(
    struct kms_keys **out, const struct kms_token_times *times, struct kh_error *err);

/* The number of the key for tokens that are made at NOW. */
int32_t kms_keys_number(const struct kms_keys *keys, int64_t now);

/*
 * The password of TOKEN's identifier by key NUMBER, into MAC. With MAKE a key that is not
 * there is made, and older ones that no token can need any more are destroyed.
 * KH_REFUSED: no such key, or one that no token of now has; what the backend says
 * otherwise. The key stays in locked memory. Thread safe; may block.
 */
struct kms_key_wish {
    int32_t number;
    bool make;
    int64_t now;
};
KH_CHECK kh_status kms_keys_mac(struct kms_keys *keys, struct kh_backend *backend,
    const struct kms_key_wish *wish, const struct kms_token *token,
    unsigned char mac[KMS_MAC_LEN], struct kh_error *err);

/* NULL is fine. */
void kms_keys_free(struct kms_keys *keys);

#endif
