/* One trial of a key: software makes a task that only the private half solves, and knows
 * the solution. */
#ifndef KH_PKCS11_CHALLENGE_H
#define KH_PKCS11_CHALLENGE_H

#include "plugins/pkcs11/keys.h"

#define KH_CHALLENGE_LEN 32 /* of the solution, in bytes */

/* What kind of key is tried, and how it is used. */
struct kh_trial {
    const char *profile; /* as in struct kh_token_facts */
    kh_key_type type;
    unsigned bits;
    kh_oaep_hash hash; /* of an RSA key */
};

/* The software's half: what the token must come to, and what it gets to come to it. */
struct kh_challenge {
    unsigned char input[512];
    size_t input_len;
    unsigned char answer[KH_CHALLENGE_LEN];
};

/* A task for the owner of HALF. False: libcrypto could not. Thread safe. */
bool kh_challenge_make(struct kh_challenge *c, const struct kh_trial *trial,
    const struct kh_public_half *half);

/* Has the token solve it with KEY. CKR_OK: the answer is right; a verdict of KH_REFUSED:
 * it is wrong; else what the token said. */
CK_RV kh_challenge_answer(struct kh_call *call, const struct kh_trial *trial,
    CK_OBJECT_HANDLE key, const struct kh_challenge *c);

#endif
