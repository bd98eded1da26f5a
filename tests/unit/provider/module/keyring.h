/*
 * A library context with the loadable provider as a builtin, and what stands behind its
 * keys in these tests: keys of libcrypto in a context of their own, in the place of a
 * daemon (client.h). What the daemons do is another test's: integration/provider_keys.sh.
 */
#ifndef KH_TEST_KEYRING_H
#define KH_TEST_KEYRING_H

#include "provider/module/client.h"
#include "provider/module/failure.h"
#include "provider/module/pkey.h"
#include "tests/lib/testlib.h"

#include <openssl/err.h>
#include <stdatomic.h>

/* Names: p256, p384, ed, rsa (to sign); agree256, agree384; open (RSA, to decrypt); aes.
 * What the daemon does instead of what it should. */
struct keyring {
    OSSL_LIB_CTX *own;   /* of the software keys */
    atomic_int fail;     /* a kh_status that every use ends with; KH_OK: none */
    atomic_int uses;     /* that were asked for */
    atomic_int longer;   /* bytes that an answer is too long, or below zero: too short */
    OSSL_LIB_CTX *app;   /* default, then ours */
    OSSL_LIB_CTX *plain; /* default alone: who verifies */
};

extern struct keyring keyring;

/* Once per process; abort on failure. ORDER: "default,keyhsm" or the other way round. */
void keyring_open(const char *order);
void keyring_close(void);

/* The key NAME through OSSL_STORE of the application's context, with the property query
 * PROPERTIES (NULL: none). NULL: there is none. Free with EVP_PKEY_free. */
EVP_PKEY *keyring_key(const char *name, const char *properties);
/* Its public half in the plain context; aborts when there is none. */
EVP_PKEY *keyring_public(const char *name);

/* The last entry of the queue has REASON and TEXT in it; clears the queue. */
bool keyring_failed(enum kh_reason reason, const char *text);
const char *keyring_provider(const EVP_PKEY *key);

/* A certificate for KEY, signed by it with MD (NULL: the key's own). PSS: with that
 * padding. NULL: it failed. Free with X509_free. */
X509 *keyring_certificate(EVP_PKEY *key, const char *md, bool pss);

#endif
