/* What the tests of named keys share: a shop (shop.h) and keys in it. */
#ifndef KH_TEST_PKCS11_RING_H
#define KH_TEST_PKCS11_RING_H

#include "tests/unit/pkcs11/shop.h"
#include <keyhsm/key.h>

/* Makes NAME of KIND for PURPOSES; KEY may be NULL. The status is in shop->err too. */
kh_status ring_make(struct shop *s, const char *name, kh_key_kind kind, uint32_t purposes,
    struct kh_named_key *key);
/* OUT is given back by ring_done. The status is in shop->err too. */
kh_status ring_use(
    struct shop *s, const char *name, const struct kh_key_use *use, struct kh_buf *out);
void ring_done(struct shop *s, struct kh_buf *out);

/* Signs by NAME and verifies it, in software, with KEY's public half. */
bool ring_signs(struct shop *s, const char *name, const struct kh_named_key *key,
    const struct kh_key_use *u);
/* The same with ECDSA of a SHA-256 digest. */
bool ring_signs_ecdsa(struct shop *s, const char *name, const struct kh_named_key *key);

#endif
