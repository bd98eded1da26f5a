/* A named key in memory, and what it does. */
#ifndef KH_MOCK_SOFTKEYS_H
#define KH_MOCK_SOFTKEYS_H

#include <keyhsm/plugin.h>

#include <openssl/evp.h>

#define SOFT_RESULT_MAX 512 /* an RSA-4096 signature */

struct soft_key {
    struct soft_key *next;
    struct kh_named_key facts;
    EVP_PKEY *pair;        /* NULL: AES */
    unsigned char aes[32]; /* of an AES key */
};

/* One use into OUT, *LEN bytes of room, then of result. False: it does not fit the key or
 * the scheme. */
bool soft_use(const struct soft_key *key, const struct kh_key_use *use,
    unsigned char *out, size_t *len);

#endif
